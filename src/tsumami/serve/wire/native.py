"""llama-server's own form: `/completion`. A stream ends with its last object, and nothing behind it.

Source: llama.cpp's tools/server/server-task.cpp (`to_json_non_oaicompat`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tsumami.runs.prompting import text_of
from tsumami.serve.respond import Finished
from tsumami.serve.texts import TextEnd, TextPart
from tsumami.serve.wire.numbers import probabilities, progress, timings
from tsumami.serve.wire.question import Question, settings_form

__all__ = ["NativeWire", "native_final", "stop_type"]

_STOPS: Final = {"eog": "eos", "stop": "word", "length": "limit", "context": "limit"}


class NativeWire:
    """The answers to one request."""

    closing = ""

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        self._told: set[int] = set()

    def opening(self) -> list[dict[str, Any]]:
        """Nothing comes before the first text."""
        return []

    def piece(self, piece: TextPart) -> list[dict[str, Any]]:
        """What became showable of a text."""
        asked = self._asked
        made: dict[str, Any] = {
            "index": piece.index,
            "content": piece.text,
            "tokens": [step.id for step in piece.steps],
            "stop": False,
            "id_slot": piece.slot,
            "tokens_predicted": piece.clock.generated,
            "tokens_evaluated": piece.clock.prompt,
        }
        if asked.timings_per_token:
            made["timings"] = timings(piece.clock)
        if asked.progress and piece.index not in self._told:
            self._told.add(piece.index)
            made["prompt_progress"] = progress(piece.clock)
        if piece.likely:
            after = asked.probabilities.after
            made["completion_probabilities"] = probabilities(asked.tokenizer, piece.steps, piece.likely, after=after)
        return [made]

    def end(self, over: TextEnd, own: dict[str, Any]) -> list[dict[str, Any]]:
        """A text is finished."""
        return [self._chosen({**native_final(self._asked, over, "", ()), "tsumami": own})]

    def whole(self, texts: Sequence[Finished]) -> Any:
        """Everything at once; one text as it is, several in a list."""
        made = [self._one(one) for one in texts]
        return made[0] if len(made) == 1 else made

    def _one(self, one: Finished) -> dict[str, Any]:
        asked = self._asked
        steps = one.over.run.steps if one.over.run is not None else ()
        tokens = [step.id for step in steps] if asked.return_tokens else []
        made = native_final(asked, one.over, one.text, tokens)
        if one.likely:
            after = asked.probabilities.after
            made["completion_probabilities"] = probabilities(asked.tokenizer, steps, one.likely, after=after)
        return self._chosen({**made, "tsumami": one.own})

    def _chosen(self, made: dict[str, Any]) -> dict[str, Any]:
        """The fields that were asked for, if any were; a slash leads into an object."""
        found = {}
        for name in self._asked.fields:
            value: Any = made
            for part in name.split("/"):
                value = value.get(part, _Missing) if isinstance(value, dict) else _Missing
            if value is not _Missing:
                found[name] = value
        return found if self._asked.fields else made


class _Missing:
    """The mark of a field that is not there."""


def stop_type(over: TextEnd) -> str:
    """Why a text ended, in llama-server's words."""
    return "limit" if over.run is None else _STOPS.get(over.run.stop_reason, "none")


def native_final(asked: Question, over: TextEnd, text: str, tokens: Sequence[int]) -> dict[str, Any]:
    """The last object of a text, or the only one."""
    run = over.run
    return {
        "index": over.index,
        "content": text,
        "tokens": list(tokens),
        "id_slot": over.slot,
        "stop": True,
        "model": asked.model,
        "tokens_predicted": over.clock.generated,
        "tokens_evaluated": over.clock.prompt,
        "generation_settings": settings_form(over.settings, asked),
        "prompt": text_of(asked.tokenizer, over.prompt.tokens),
        "has_new_line": run is not None and "\n" in run.text,
        "truncated": over.full,
        "stop_type": stop_type(over),
        "stopping_word": (run.stop_string if run is not None else None) or "",
        "tokens_cached": over.clock.prompt + over.clock.generated,
        "timings": timings(over.clock),
    }
