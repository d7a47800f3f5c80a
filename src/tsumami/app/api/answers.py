"""What the endpoints answer, as plain JSON values, and what they take, as ours.

Guarantee: plain functions from values to values; no event, no state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import pydantic
from gradio.data_classes import FileData

from tsumami.app.work.conversation import Conversation
from tsumami.app.work.own_folder import place_for
from tsumami.app.work.replying import Growing
from tsumami.engine.catalogue import catalogue
from tsumami.errors import PromptError, SpeechError
from tsumami.knobs import KNOBS, Knob
from tsumami.presets import PRESETS
from tsumami.prompts import Exchange, Message
from tsumami.runs import Run
from tsumami.settings import Settings
from tsumami.speech import Audio, Sentences, speakable, speaker_for

_PAUSE: Final = 0.2  # seconds of silence between two sentences


def conversation_of(messages: Sequence[Message]) -> Conversation:
    """Messages as the page's conversation; a system message at the start is left to the caller.

    Raises:
        PromptError: user and assistant do not take turns.
    """
    offset = 1 if messages and messages[0].role == "system" else 0
    said = messages[offset:]
    if not said:
        raise PromptError("there is no user message; add one after the system message")
    for at, message in enumerate(said):
        expected = "assistant" if at % 2 else "user"
        if message.role != expected:
            raise PromptError(
                f"message {at + offset + 1} is from {message.role!r}, and {expected!r} is expected there: one system "
                "message at most, at the start, then user and assistant in turn"
            )
    replies = [message.content for message in said[1::2]]
    replies += [""] * (len(said) % 2)
    return Conversation(tuple(Exchange(user.content, text) for user, text in zip(said[::2], replies, strict=True)))


def answer(growing: Growing) -> dict[str, Any]:
    """A reply as far as it has come; the facts come with the whole of it."""
    exchange = growing.conversation.exchanges[-1]
    return {"reply": exchange.reply, "facts": asdict(exchange.facts) if exchange.facts else None}


def run_json(run: Run) -> dict[str, Any]:
    """A run in the form of a run file."""
    values: dict[str, Any] = json.loads(run.to_json())
    return values


def models(_: object) -> list[dict[str, Any]]:
    """The catalogue."""
    return [asdict(entry) for entry in catalogue()]


def knobs(_: object) -> list[dict[str, Any]]:
    """The knob table."""
    return [_row(knob) for knob in KNOBS.values()]


def _row(knob: Knob) -> dict[str, Any]:
    row = {part.name: getattr(knob, part.name) for part in fields(knob)}
    slider = knob.slider._asdict() if knob.slider else None
    return row | {"aliases": dict(knob.aliases), "slider": slider, "allowed": knob.allowed}


def presets(_: object) -> list[dict[str, Any]]:
    """The presets, put over the defaults."""
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


def check_settings(settings: dict[str, Any], _: object) -> dict[str, Any]:
    """What settings amount to."""
    made = Settings.from_mapping(settings)
    return {
        "settings": made.to_dict(),
        "changed": made.changed(),
        "mode": made.mode,
        "order": list(made.chain_order),
        "idle": {name: asdict(reason) for name, reason in made.idle_knobs().items()},
    }


def uploaded(audio: FileData) -> Path:
    """Where an upload lies. Gradio has checked that it is one, if it says that it is."""
    try:
        return Path(FileData.model_validate(audio, context={"validate_meta": True}).path)
    except pydantic.ValidationError as error:
        raise SpeechError("audio is not an uploaded file; in Python give handle_file(path)") from error


def speak(text: str, language: str | None, voice: str | None, speed: float, _: object) -> FileData:
    """A text as sound, in a file where Gradio hands files out."""
    sentences = Sentences()
    said = [speakable(sentence) for sentence in (*sentences.feed(text), sentences.flush())]
    speaker = speaker_for(language, voice, text=text, speed=speed)
    parts = [speaker.speak(sentence) for sentence in said if sentence.strip()]
    if not parts:
        raise SpeechError("there is nothing to say: the text has no words")
    wav = Audio.joined(parts, pause=_PAUSE).to_wav()
    path = place_for("speech.wav")
    path.write_bytes(wav)
    return FileData(path=str(path), mime_type="audio/wav")
