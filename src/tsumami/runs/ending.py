"""Ending: the text of a reply as it grows, and where it ends.

Guarantee: of the same tokens under the same settings, whoever generates them, comes the same text with the same reason
to stop: the model's own end, a stop string (which, like all behind it, is not shown), `max_tokens`, or the context.
A stop string that names a control token, which is no text, ends the reply where that token comes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from tsumami.runs.backend import Backend, Tokenizer
from tsumami.runs.prompt import Prompt
from tsumami.runs.text import Released, TextStream
from tsumami.runs.tokenizing import marks_in
from tsumami.runs.values import StopReason
from tsumami.settings import Settings

__all__ = ["Ending", "ReplyText", "Taken"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became showable with a token, whether it was the last one and why, and the stop string that ended it.
    `read`, `open`: as of `Released`.
    """

    text: str
    reason: StopReason | None
    stop_string: str | None
    read: str = field(default="", compare=False)
    open: bool = field(default=False, compare=False)


class ReplyText:
    """The text of a reply as it is shown: feed it the tokens. End tokens and control tokens are no text, and the bytes
    of `healing`, with which it begins, stand in the prompt.
    """

    def __init__(self, tokenizer: Tokenizer, settings: Settings, healing: bytes = b"") -> None:
        self._unseen = len(healing)
        stop = settings.stop
        self._tokenizer = tokenizer
        self._signs = _signs(tokenizer, stop)
        names = {sign: tokenizer.piece(one) for one, sign in self._signs.items()}
        self._stream = TextStream(stop, names, unheeded=settings.min_tokens)

    def feed(self, token: int, *, final: bool = False) -> Released:
        """The next token; `final`: the last one."""
        hidden = self._tokenizer.is_control(token) or self._tokenizer.is_eog(token)
        piece = b"" if hidden else self._tokenizer.piece(token)
        self._unseen, piece = max(0, self._unseen - len(piece)), piece[self._unseen :]
        return self._stream.feed(piece, sign=self._signs.get(token, ""), final=final)

    def copy(self) -> ReplyText:
        """An independent one in the same place."""
        made = copy.copy(self)
        made._stream = self._stream.copy()
        return made

    def rest(self, *, final: bool = True) -> str:
        """What was held back, because a stop string or a character may have begun there; `final`: nothing follows."""
        return self._stream.feed(b"", final=final).text


class Ending:
    """Feed it the tokens of one reply."""

    def __init__(self, backend: Backend, prompt: Prompt, settings: Settings) -> None:
        self._tokenizer = backend.tokenizer
        self._text = ReplyText(backend.tokenizer, settings, prompt.healing)
        room, wanted = backend.n_ctx - len(prompt.tokens), settings.max_tokens
        self._left = min(wanted, room) if wanted else room
        self._limit: StopReason = "length" if wanted and wanted <= room else "context"

    def take(self, token: int) -> Taken:
        """The next token."""
        self._left -= 1
        ends = self._tokenizer.is_eog(token)
        reason: StopReason | None = "eog" if ends else self._limit if self._left <= 0 else None
        released = self._text.feed(token, final=reason is not None)
        reason = reason if released.stop is None else "stop"
        return Taken(released.text, reason, released.stop, released.read, released.open)

    def copy(self) -> Ending:
        """An independent one in the same place."""
        made = copy.copy(self)
        made._text = self._text.copy()
        return made

    def rest(self) -> str:
        """What was held back, because a stop string or a character may have begun there, when nothing follows."""
        return self._text.rest()


def _signs(tokenizer: Tokenizer, stop: Sequence[str]) -> dict[int, str]:
    """For every control token that a stop string names, the character that stands for it in the text: a lone
    surrogate, which no bytes give. End tokens end the reply by themselves.
    """
    named = {
        token
        for text in stop
        for _, _, token, _ in marks_in(tokenizer, text.encode("utf-8", "ignore"))
        if tokenizer.is_control(token) and not tokenizer.is_eog(token)
    }
    return {token: chr(0xD800 + at) for at, token in enumerate(sorted(named)[:2048])}
