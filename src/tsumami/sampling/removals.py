"""Stages of ours that take tokens out, whatever their probability.

Guarantee: as `RemovalStage`. None looks at logits, so where a chain has come to is known from the tokens alone.

    no_repeat_ngram   tokens that would complete n tokens in a row that have stood in the text before
    end_tokens        those that end a reply, until it has its least number of tokens, or always
    banned_texts      those that began a banned text in this place, and were taken back
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tsumami.sampling.local import RemovalStage

__all__ = ["BannedTextsStage", "EndTokensStage", "NoRepeatStage", "completing"]


def completing(seen: Sequence[int], size: int) -> tuple[int, ...]:
    """The tokens that would complete `size` tokens in a row that stand in `seen` already; none for size 0.

    Source: transformers' `NoRepeatNGramLogitsProcessor`.
    """
    if not 0 < size <= len(seen):
        return ()
    text = np.asarray(seen, np.int64)
    count = len(text) - size + 1
    same = np.ones(count, np.bool_)
    for place in range(size - 1):
        same &= text[place : place + count] == text[len(text) - size + 1 + place]
    return tuple(np.unique(text[size - 1 :][same]).tolist())


class NoRepeatStage(RemovalStage):
    """`seen`: the text so far."""

    name = "no_repeat_ngram"

    def __init__(self, size: int, seen: Sequence[int] = ()) -> None:
        self.idle = None if size else "neutral"
        self._size = size
        self._seen = list(seen)

    def tokens(self) -> Iterable[int]:
        return completing(self._seen, self._size)

    def accept(self, token: int) -> None:
        """One more token of the text."""
        self._seen.append(token)

    def clone(self) -> NoRepeatStage:
        """A copy with the same text."""
        return NoRepeatStage(self._size, self._seen)


class EndTokensStage(RemovalStage):
    """`ends`: the tokens that end a reply; `least`: how many others come first, None for all."""

    name = "end_tokens"

    def __init__(self, ends: tuple[int, ...], least: int | None, written: int = 0) -> None:
        self.idle = None
        self._ends, self._least, self._written = ends, least, written

    def tokens(self) -> Iterable[int]:
        return self._ends if self._least is None or self._written < self._least else ()

    def accept(self, _token: int) -> None:
        """One more token of the reply."""
        self._written += 1

    def clone(self) -> EndTokensStage:
        """A copy at the same place."""
        return EndTokensStage(self._ends, self._least, self._written)


class BannedTextsStage(RemovalStage):
    """`removed`: the tokens that were taken back in this place; whoever goes back says which (`Chain.remove`)."""

    name = "banned_texts"

    def __init__(self, removed: frozenset[int] = frozenset()) -> None:
        self.idle = None
        self.removed = removed

    def tokens(self) -> Iterable[int]:
        return self.removed

    def accept(self, _token: int) -> None:
        """In the next place nothing has been taken back yet."""
        self.removed = frozenset()

    def clone(self) -> BannedTextsStage:
        """A copy in the same place."""
        return BannedTextsStage(self.removed)
