"""Healing: a reply begins with the text that was taken back from the end of its prompt.

Guarantee: as long as some of that text is still to come, the candidates are exactly the tokens whose bytes go on with
it: those that it begins with, and those that begin with it. Marks and end tokens, whose names are no text, are none of
them. From then on the stage does nothing.

Source of the idea: guidance ("token healing"); https://github.com/ggml-org/llama.cpp/pull/7187.
"""

from __future__ import annotations

import threading
import weakref
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.sampling.candidates import Candidates
from tsumami.sampling.token_texts import TokenTexts

__all__ = ["HealStage", "fitting", "n_taken_back"]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The pieces of all tokens that are text, in the order of their bytes, and their ids."""

    pieces: list[bytes]
    ids: npt.NDArray[np.int32]

    def beginning_with(self, text: bytes) -> slice:
        """Where the pieces stand that begin with a text."""
        return slice(
            bisect_left(self.pieces, text), bisect_left(self.pieces, True, key=lambda one: one[: len(text)] > text)
        )

    def equal_to(self, text: bytes) -> slice:
        """Where the pieces stand that are a text."""
        return slice(bisect_left(self.pieces, text), bisect_left(self.pieces, text + b"\0"))


_known: Final[weakref.WeakKeyDictionary[TokenTexts, _Sorted]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()


def _sorted(texts: TokenTexts) -> _Sorted:
    """A vocabulary is gone through once, when something is first asked of it."""
    with _lock:
        if texts not in _known:
            shown = (one for one in range(texts.n_tokens) if not (texts.is_control(one) or texts.is_eog(one)))
            found = sorted((piece, one) for one in shown if (piece := texts.piece(one)))
            _known[texts] = _Sorted([piece for piece, _ in found], np.array([one for _, one in found], np.int32))
        return _known[texts]


def fitting(texts: TokenTexts, text: bytes) -> npt.NDArray[np.int32]:
    """The tokens that go on with a text, shape (n,): those that it begins with, and those that begin with it."""
    table = _sorted(texts)
    shorter = [table.ids[table.equal_to(text[:end])] for end in range(1, len(text))]
    return np.concatenate([*shorter, table.ids[table.beginning_with(text)]])


def n_taken_back(texts: TokenTexts, tokens: Sequence[int]) -> int:
    """How many of a prompt's last tokens to take back: as many as, together, one longer token begins with. The first
    stays, and so do marks and what stands before them.
    """
    table, text, found = _sorted(texts), b"", 0
    longest = max(map(len, table.pieces), default=0)
    for count, token in enumerate(reversed(tokens[1:]), 1):
        if texts.is_control(token) or texts.is_eog(token):
            break
        text = texts.piece(token) + text
        if len(text) >= longest:
            break
        begun, exact = table.beginning_with(text), table.equal_to(text)
        if begun.stop > exact.stop:
            found = count
    return found


class HealStage:
    """`rest`: what is still to come of the text that was taken back."""

    name = "heal_tokens"
    idle: str | None

    def __init__(self, texts: TokenTexts | None, rest: bytes) -> None:
        self._texts, self._rest = texts, rest if texts is not None else b""
        self.idle = None if self._rest else "healed"

    def apply(self, candidates: Candidates) -> None:
        """Take out all that does not go on with the text."""
        if not self._rest or self._texts is None:
            return
        stays = np.isin(candidates.data["id"], fitting(self._texts, self._rest))
        if stays.any():
            candidates.keep(stays, is_sorted=candidates.sorted)
        else:
            candidates.data["logit"] = -np.inf

    def accept(self, token: int) -> None:
        """One more token of the reply."""
        if self._rest and self._texts is not None:
            self._rest = self._rest[len(self._texts.piece(token)) :]
            self.idle = None if self._rest else "healed"

    def clone(self) -> HealStage:
        """A copy at the same place."""
        return HealStage(self._texts, self._rest)
