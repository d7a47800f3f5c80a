"""What the endpoints answer, as plain JSON values, and what they take, as ours.

Guarantee: plain functions from values to values; no event, no state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from tsumami.app.work.conversation import Conversation
from tsumami.app.work.replying import Growing
from tsumami.errors import PromptError
from tsumami.knobs import KNOBS, Knob
from tsumami.models import catalogue
from tsumami.presets import PRESETS
from tsumami.prompts import Exchange, Message
from tsumami.runs import Run


def conversation_of(messages: Sequence[Message]) -> Conversation:
    """Messages as the page's conversation; a system message at the start is left to the caller.

    Raises:
        PromptError: user and assistant do not take turns.
    """
    offset = 1 if messages and messages[0].role == "system" else 0
    said = messages[offset:]
    if not said:
        raise PromptError("there is no user message; add one after the system message").in_japanese(
            "ユーザーの発言がありません。システムの発言のあとに 1 つ加えてください"
        )
    for at, message in enumerate(said):
        expected = "assistant" if at % 2 else "user"
        if message.role != expected:
            raise PromptError(
                f"message {at + offset + 1} is from {message.role!r}, and {expected!r} is expected there: one system "
                "message at most, at the start, then user and assistant in turn"
            ).in_japanese(
                f"{at + offset + 1} 番目の発言は {message.role!r} ですが、ここには "
                f"{expected!r} が来ます。システムの発言は最初に 1 つまで、そのあとは "
                "user と assistant を交互にしてください"
            )
    replies = [*said[1::2], *[Message("assistant", "")] * (len(said) % 2)]
    return Conversation(
        tuple(
            Exchange(user.content, reply.content, tokens=reply.tokens)
            for user, reply in zip(said[::2], replies, strict=True)
        )
    )


def answer(growing: Growing) -> dict[str, Any]:
    """A reply as far as it has come; the facts come with the whole of it."""
    exchange = growing.conversation.exchanges[-1]
    return {"reply": exchange.reply, "facts": asdict(exchange.facts) if exchange.facts else None}


def run_json(run: Run) -> dict[str, Any]:
    """A run in the form of a run file."""
    values: dict[str, Any] = json.loads(run.to_json())
    return values


def models() -> list[dict[str, Any]]:
    """The models that have a name: what they are, their licence and size in bytes, and whether they are here."""
    return [asdict(entry) for entry in catalogue()]


def knobs() -> list[dict[str, Any]]:
    """Every knob: its default, valid range, slider, meaning in Japanese and English, formula, paper, stage, and its
    names in other engines.
    """
    return [_row(knob) for knob in KNOBS.values()]


def _row(knob: Knob) -> dict[str, Any]:
    row = {part.name: getattr(knob, part.name) for part in fields(knob)}
    slider = knob.slider._asdict() if knob.slider else None
    return row | {"aliases": dict(knob.aliases), "slider": slider, "allowed": knob.allowed}


def presets() -> list[dict[str, Any]]:
    """The named settings, each with its words and with all of its knobs."""
    return [
        {
            "name": preset.name,
            "label_ja": preset.label_ja,
            "label_en": preset.label_en,
            "line_ja": preset.line_ja,
            "line_en": preset.line_en,
            "settings": preset.apply().to_dict(),
        }
        for preset in PRESETS.values()
    ]
