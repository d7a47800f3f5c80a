"""Decision: one token as it was chosen, with what it was chosen from; and who chooses them one after another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from tsumami.engine import Feed, Rows
from tsumami.errors import CancelledError
from tsumami.native import Float32Array
from tsumami.runs.values import TakenBack
from tsumami.sampling import Choice
from tsumami.sampling.chain import Watch
from tsumami.sampling.ledger import ContrastiveTerm

__all__ = ["Decider", "Decision", "Reversible", "UpTo"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice, the raw row of logits that it was made from, and the terms of contrastive search; `complete`: whether
    the reply matches its grammar with it (None: it has none, or nobody asked). `taken_back`, `uncertain`: as of a step.
    """

    choice: Choice
    row: Float32Array
    contrast: tuple[ContrastiveTerm, ...] = ()
    complete: bool | None = None
    taken_back: tuple[TakenBack, ...] = ()
    uncertain: bool = False


class Decider(Protocol):
    """Chooses tokens one after another; its methods are parts of a program (they yield feeds)."""

    def start(self, tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], int]:
        """Feed the prompt; returns how many of its tokens came from the cache."""

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        """Choose the next token."""

    def advance(self, token: int, /) -> Generator[list[Feed], list[Rows], None]:
        """Append the chosen token."""

    def close(self) -> None:
        """Give the place in the cache back."""


class Reversible(Decider, Protocol):
    """A decider that can go back to a place where it was, and choose otherwise there."""

    def mark(self) -> Callable[[], None]:
        """The way back to this place, as it is before its token is chosen; it may be gone as often as one likes. Not to
        be asked for where the token is given.
        """

    def remove(self, tokens: Iterable[int], /) -> None:
        """Take these out of the next choice: each began a banned text."""


class UpTo:
    """A decider that ends after so many tokens, as if somebody cancelled it there."""

    def __init__(self, inner: Decider, count: int) -> None:
        self._inner = inner
        self._left = count

    def start(self, tokens: tuple[int, ...]) -> Generator[list[Feed], list[Rows], int]:
        return (yield from self._inner.start(tokens))

    def choose(self, watch: Watch | None) -> Generator[list[Feed], list[Rows], Decision]:
        if not self._left:
            raise CancelledError
        self._left -= 1
        return (yield from self._inner.choose(watch))

    def advance(self, token: int, /) -> Generator[list[Feed], list[Rows], None]:
        if self._left:
            yield from self._inner.advance(token)

    def close(self) -> None:
        self._inner.close()
