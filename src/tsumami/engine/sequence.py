"""Sequences: branches of text that the engine can go on with.

Guarantee: a sequence *is* its token list. Whether its keys and values lie in the cache is the cache's business
(cache.py): what is there is used, what is not is computed again, and an exact engine gives the same bits either way.
So `fork` and `rollback` cost nothing here, need no lock, and cannot fail.

Programs read a sequence, fork it, roll it back and close it. An engine, ours or another, feeds it: `begin_feed` when it
takes a feed on, then `end_feed` when the rows are there, or `abort_feed` when there will be none.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsumami.errors import EngineError
from tsumami.native import Float32Array
from tsumami.wording import counted


class Sequence:
    """A branch in the KV cache: `fork()`, `rollback()`, `close()`."""

    __slots__ = ("__weakref__", "_tokens", "_under_way", "closed", "lasting")

    def __init__(self, tokens: Tokens[int] = (), *, lasting: bool = True) -> None:
        """`lasting` False: nobody will go on from its end once it is closed, so the cache need not keep that."""
        self._tokens = list(tokens)
        self.lasting = lasting
        self.closed = False
        self._under_way = False

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens fed so far."""
        return tuple(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def fork(self, length: int | None = None) -> Sequence:
        """A new branch that shares the first `length` tokens (default: all); a feed on its way is not among them."""
        self._check_open()
        return Sequence(self._tokens[: self._check_length(length)], lasting=self.lasting)

    def rollback(self, length: int) -> None:
        """Go back to the first `length` tokens."""
        self._check_open()
        if self._under_way:
            raise EngineError("this sequence is being fed; roll it back when the rows are there").in_japanese(
                "この列は計算中です。行がそろってから戻してください"
            )
        del self._tokens[self._check_length(length) :]

    def close(self) -> None:
        """Give the place back; the cells of a lasting sequence stay as a cache until others need them. Safe to call
        twice.
        """
        self.closed = True

    # --- for engines ---

    @property
    def under_way(self) -> bool:
        """Whether an engine has taken a feed on and its rows are still to come."""
        return self._under_way

    def begin_feed(self, tokens: Tokens[int]) -> list[int]:
        """Take a feed on: the tokens that this sequence will have. Until it is ended or aborted there can be no other,
        and no rollback. A feed of no tokens is done at once and need not be ended.

        Raises:
            EngineError: the sequence was closed, or another feed is under way.
        """
        self._check_open()
        if tokens and self._under_way:
            raise EngineError(
                "this sequence is being fed already; yield its next feed when the rows are there"
            ).in_japanese("この列はもう計算中です。行がそろってから次を渡してください")
        self._under_way |= len(tokens) > 0
        return [*self._tokens, *tokens]

    def end_feed(self, tokens: Tokens[int]) -> None:
        """The feed is done: `tokens`, what `begin_feed` gave, are the sequence now."""
        self._tokens[:] = tokens
        self._under_way = False

    def abort_feed(self) -> None:
        """The feed will not be done: the sequence stays as it was. Safe to call when there is none."""
        self._under_way = False

    def _check_open(self) -> None:
        if self.closed:
            raise EngineError("this sequence was closed; fork it before closing to go on from it").in_japanese(
                "この列は閉じられました。続けるなら、閉じる前に分岐してください"
            )

    def _check_length(self, length: int | None) -> int:
        if length is None:
            return len(self._tokens)
        if not 0 <= length <= len(self._tokens):
            raise EngineError(f"length {length} is outside this sequence (0..{len(self._tokens)})").in_japanese(
                f"長さ {length} はこの列（0〜{len(self._tokens)}）の外です"
            )
        return length

    def __enter__(self) -> Sequence:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sequence({counted(len(self), 'token')}{', closed' if self.closed else ''})"


@dataclass(frozen=True, slots=True)
class Feed:
    """A wish: append `tokens` to `sequence` and hand back rows.

    `rows`: logits after the `last` fed token, after `all` of them, or `none`. `hidden`: also the hidden states after
    the final norm, for the same rows. `absolute`: the logits themselves are needed, not only their differences; an
    engine elsewhere pays for it.
    """

    sequence: Sequence
    tokens: Tokens[int]
    rows: Literal["last", "all", "none"] = "last"
    hidden: bool = False
    absolute: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a feed gives: `logits` float32 (n, n_vocab) and, if asked for, `hidden` float32 (n, n_embd).

    n is the number of fed tokens for `all`, 1 for `last`, 0 for `none` and wherever no token was fed. `reused` counts
    tokens of the whole sequence that were found in the cache instead of being computed.
    """

    logits: Float32Array
    hidden: Float32Array | None = None
    reused: int = 0

    @property
    def last(self) -> Float32Array:
        """Logits after the last fed token, shape (n_vocab,)."""
        return np.asarray(self.logits[-1])

    @property
    def each(self) -> list[Float32Array]:
        """All rows, shape (n_vocab,) each."""
        return list(self.logits)


def first_outside(tokens: Tokens[int], n_vocab: int) -> int | None:
    """Index of the first token that is not in a vocabulary of `n_vocab`; None if all are."""
    if not tokens or (min(tokens) >= 0 and max(tokens) < n_vocab):
        return None
    return next(index for index, token in enumerate(tokens) if not 0 <= token < n_vocab)
