"""Stopping: long work asks now and then whether anybody still wants it.

Guarantee: whatever is computed within `while_wanted` ends, with a `CancelledError`, within a fraction of a second after
it is not wanted any more (an engine's present batch is finished first): whoever waits for an engine, reads a file or
chooses a token again asks here, so what is built of these can be stopped without a word of its own. Where nobody has
said how they would take their wish back, asking costs next to nothing. It holds for the thread that said it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Final

from tsumami.errors import CancelledError

__all__ = ["check_wanted", "pause", "while_wanted"]

_PAUSE_SECONDS: Final = 0.1

_WANTED: ContextVar[tuple[Callable[[], bool], ...]] = ContextVar("wanted", default=())


@contextlib.contextmanager
def while_wanted(wanted: Callable[[], bool] | None) -> Iterator[None]:
    """A block whose work ends when `wanted` says no, or whoever called says so; None: only then. It must not yield to
    another thread: a generator that is taken step by step opens a block of its own in each step.
    """
    before = _WANTED.get()
    token = _WANTED.set(before if wanted is None else (*before, wanted))
    try:
        yield
    finally:
        _WANTED.reset(token)


def check_wanted() -> None:
    """Go on, if the work is wanted.

    Raises:
        CancelledError: it is not.
    """
    if not all(wanted() for wanted in _WANTED.get()):
        raise CancelledError("this is not wanted any more").in_japanese("これはもう必要とされていません")


def pause() -> float | None:
    """For how many seconds one may wait before asking again; None: as long as it takes, as nobody would say no."""
    return _PAUSE_SECONDS if _WANTED.get() else None
