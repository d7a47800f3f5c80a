"""OpenAI's form, as llama-server writes it: completions and chat completions. A stream ends with `[DONE]`.

Source: llama.cpp's tools/server/server-task.cpp (`to_json_oaicompat`, `to_json_oaicompat_chat`).
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tsumami.serve.respond import Finished
from tsumami.serve.talking import Offered
from tsumami.serve.texts import Clock, TextEnd, TextPart
from tsumami.serve.tools import Parted, ToolCall
from tsumami.serve.wire.native import native_final, stop_type
from tsumami.serve.wire.numbers import probabilities, progress, timings
from tsumami.serve.wire.question import Question

__all__ = ["ChatWire", "TextWire"]


class _OpenAIWire(ABC):
    """What both have."""

    closing = "data: [DONE]\n\n"
    object: str
    chunk: str

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        self._told: set[int] = set()

    @abstractmethod
    def opening(self) -> list[dict[str, Any]]:
        """What comes before the first text."""

    @abstractmethod
    def _part(self, index: int, text: str | None, finish: str | None) -> dict[str, Any]:
        """A choice of a stream."""

    @abstractmethod
    def _choice(self, over: TextEnd, text: str) -> dict[str, Any]:
        """A choice that is complete."""

    def piece(self, piece: TextPart) -> list[dict[str, Any]]:
        """What became showable of a text."""
        asked = self._asked
        choice = self._part(piece.index, piece.text or None, None)
        if piece.likely:
            after = asked.probabilities.after
            found = probabilities(asked.tokenizer, piece.steps, piece.likely, after=after)
            choice["logprobs"] = {"content": found}
        made = self._chunk(choice)
        if asked.timings_per_token:
            made["timings"] = timings(piece.clock)
        if asked.progress and piece.index not in self._told:
            self._told.add(piece.index)
            made["prompt_progress"] = progress(piece.clock)
        return [made]

    def end(self, over: TextEnd, own: dict[str, Any]) -> list[dict[str, Any]]:
        """A text is finished."""
        asked = self._asked
        made = self._ends(over)
        made[-1] |= {"timings": timings(over.clock), "tsumami": own}
        if asked.verbose:
            made[0]["__verbose"] = native_final(asked, over, "", ())
        return made

    @abstractmethod
    def _ends(self, over: TextEnd) -> list[dict[str, Any]]:
        """The last chunks of a text."""

    def whole(self, texts: Sequence[Finished]) -> Any:
        """Everything at once: one object with a choice a text."""
        asked, first = self._asked, texts[0]
        made = {
            **self._head(self.object),
            "choices": [self._complete(one) for one in texts],
            "usage": _usage([one.over.clock for one in texts]),
            "timings": timings(first.over.clock),
            "tsumami": first.own if len(texts) == 1 else {**first.own, "runs": [one.own for one in texts]},
        }
        if asked.verbose:
            made["__verbose"] = native_final(asked, first.over, first.text, ())
        return made

    def _complete(self, one: Finished) -> dict[str, Any]:
        choice = self._choice(one.over, one.text)
        if one.likely and one.over.run is not None:
            after = self._asked.probabilities.after
            found = probabilities(self._asked.tokenizer, one.over.run.steps, one.likely, after=after)
            choice["logprobs"] = {"content": found}
        return choice

    def _head(self, kind: str) -> dict[str, Any]:
        asked = self._asked
        return {
            "id": asked.id,
            "object": kind,
            "created": asked.created,
            "model": asked.model,
            "system_fingerprint": asked.fingerprint,
        }

    def _chunk(self, *choices: dict[str, Any]) -> dict[str, Any]:
        return {**self._head(self.chunk), "choices": list(choices)}


class TextWire(_OpenAIWire):
    """`/v1/completions`."""

    object = chunk = "text_completion"

    def opening(self) -> list[dict[str, Any]]:
        """Nothing."""
        return []

    def _ends(self, over: TextEnd) -> list[dict[str, Any]]:
        return [{**self._chunk(self._part(over.index, None, _finish(over))), "usage": _usage([over.clock])}]

    def _part(self, index: int, text: str | None, finish: str | None) -> dict[str, Any]:
        return {"text": text or "", "index": index, "logprobs": None, "finish_reason": finish}

    def _choice(self, over: TextEnd, text: str) -> dict[str, Any]:
        return {"text": text, "index": over.index, "logprobs": None, "finish_reason": _finish(over)}


class ChatWire(_OpenAIWire):
    """`/v1/chat/completions`. offered: tools, of which calls are read from the texts."""

    object, chunk = "chat.completion", "chat.completion.chunk"

    def __init__(self, asked: Question, count: int, offered: Offered) -> None:
        super().__init__(asked)
        self._count = count
        self._offered = offered
        self._growing: dict[int, str] = {}
        self._shown: dict[int, int] = {}

    def opening(self) -> list[dict[str, Any]]:
        """Each choice says whose it is."""
        delta = {"role": "assistant", "content": None}
        return [self._chunk({"finish_reason": None, "index": at, "delta": delta}) for at in range(self._count)]

    def _part(self, index: int, text: str | None, finish: str | None) -> dict[str, Any]:
        return {"finish_reason": finish, "index": index, "delta": {} if text is None else {"content": text}}

    def piece(self, piece: TextPart) -> list[dict[str, Any]]:
        """What became showable of a text; what may be a call waits for the end."""
        form = self._offered.form
        if form is None:
            return super().piece(piece)
        text = self._growing[piece.index] = self._growing.get(piece.index, "") + piece.text
        end = 0 if self._offered.forced else form.shown(text)
        news = self._news(piece.index, text, end)
        return super().piece(replace(piece, text=news)) if news else []

    def _news(self, index: int, text: str, end: int) -> str:
        """What was not shown yet of a text, up to there."""
        start = self._shown.get(index, 0)
        self._shown[index] = max(start, end)
        return text[start:end]

    def _ends(self, over: TextEnd) -> list[dict[str, Any]]:
        parted = self._parted(self._growing.get(over.index, ""))
        made = [self._part(over.index, None, _finish(over, parted.calls))]
        for at, call in enumerate(parted.calls):
            delta = {"tool_calls": [{"index": at, **_call_form(call)}]}
            made.insert(at, {"finish_reason": None, "index": over.index, "delta": delta})
        rest = self._news(over.index, parted.content, len(parted.content))
        if rest:
            made.insert(0, self._part(over.index, rest, None))
        chunks = [self._chunk(one) for one in made]
        return [*chunks, {**self._chunk(), "usage": _usage([over.clock])}] if self._asked.usage else chunks

    def _choice(self, over: TextEnd, text: str) -> dict[str, Any]:
        parted = self._parted(text)
        message: dict[str, Any] = {"role": "assistant", "content": parted.content}
        if parted.calls:
            message |= {"content": parted.content or None, "tool_calls": [_call_form(call) for call in parted.calls]}
        return {"finish_reason": _finish(over, parted.calls), "index": over.index, "message": message}

    def _parted(self, text: str) -> Parted:
        """Words and calls of a text."""
        form = self._offered.form
        if form is None:
            return Parted(text, ())
        found = form.parted(form.begin + text if self._offered.forced else text, self._offered.names)
        return found if found.calls else Parted(text, ())


def _call_form(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"type": "function", "function": function, "id": secrets.token_hex(16)}


def _finish(over: TextEnd, calls: Sequence[ToolCall] = ()) -> str:
    if stop_type(over) == "limit":
        return "length"
    return "tool_calls" if calls else "stop"


def _usage(clocks: Sequence[Clock]) -> dict[str, Any]:
    """Tokens, of several texts together; a prompt that several go on from is counted once."""
    prompt, written = clocks[0].prompt, sum(clock.generated for clock in clocks)
    return {
        "completion_tokens": written,
        "prompt_tokens": prompt,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": clocks[0].reused},
    }
