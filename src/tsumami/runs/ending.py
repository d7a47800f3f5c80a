"""Ending: the text of a reply as it grows, and where it ends.

Guarantee: of the same tokens under the same settings, whoever generates them, comes the same text with the same reason
to stop: the model's own end, a stop string (which, like all behind it, is not shown), `max_tokens`, or the context.
"""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.runs.backend import Backend
from tsumami.runs.text import TextStream
from tsumami.runs.values import StopReason
from tsumami.settings import Settings

__all__ = ["Ending", "Taken"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became showable with a token, whether it was the last one and why, and the stop string that ended it."""

    text: str
    reason: StopReason | None
    stop_string: str | None


class Ending:
    """Feed it the tokens of one reply."""

    def __init__(self, backend: Backend, prompt_tokens: tuple[int, ...], settings: Settings) -> None:
        self._tokenizer = backend.tokenizer
        self._text = TextStream(settings.stop, settings.min_tokens)
        room, wanted = backend.n_ctx - len(prompt_tokens), settings.max_tokens
        self._left = min(wanted, room) if wanted else room
        self._limit: StopReason = "length" if wanted and wanted <= room else "context"

    def take(self, token: int) -> Taken:
        """The next token."""
        self._left -= 1
        ends = self._tokenizer.is_eog(token)
        reason: StopReason | None = "eog" if ends else self._limit if self._left <= 0 else None
        shown = b"" if ends or self._tokenizer.is_control(token) else self._tokenizer.piece(token)
        released = self._text.feed(shown, final=reason is not None)
        return Taken(released.text, reason if released.stop is None else "stop", released.stop)

    def rest(self) -> str:
        """What was held back, because a stop string or a character may have begun there, when nothing follows."""
        return self._text.feed(b"", final=True).text
