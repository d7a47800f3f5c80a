"""Programs, what an engine runs, and tickets, what it gives whoever hands one in.

Guarantee: whoever holds a ticket gets the program's result or what it raised, once; `cancel` works from any thread, at
any time, and as often as one likes.

An engine, ours or another, makes a ticket for each program, asks `cancelled` between two feeds (and then throws a
`CancelledError` into the program), and in the end sets the result or the exception of `future`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Final, Generic, TypeVar

from tsumami.engine.sequence import Feed, Rows
from tsumami.stopping import check_wanted, pause

__all__ = ["Breath", "Program", "T", "Ticket"]

_LONGEST_BREATH: Final = 0.03  # seconds: a token of a small model

T = TypeVar("T")
#: A program yields one feed or several, is sent one `Rows` per feed, and returns its result.
Program = Generator[list[Feed], list[Rows], T]


class Breath:
    """How long a program has computed by itself in the engine's thread, where all others wait meanwhile.

    A program that chooses many tokens between two feeds calls `give_way` before each: `yield from breath.give_way()`.
    """

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def taken(self) -> None:
        """The program comes from a feed: the others had their turn."""
        self._since = time.perf_counter()

    def give_way(self) -> Generator[list[Feed], list[Rows], None]:
        """Let the others have a turn if it is time."""
        if time.perf_counter() - self._since > _LONGEST_BREATH:
            yield []
            self.taken()


class Ticket(Generic[T]):
    """A program that was handed in: wait for its `result`, or `cancel` it."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        """`wake` is called when somebody cancels, so that an engine that waits for work looks at once."""
        self.future: Future[T] = Future()
        self.future.set_running_or_notify_cancel()  # a future cancelled behind our back could take no result any more
        self._cancelled = threading.Event()
        self._wake = wake

    def result(self, timeout: float | None = None) -> T:
        """Wait for the program's return value; raises what it raised."""
        return self.future.result(timeout)

    def wait(self) -> T:
        """The same; whatever ends the waiting (Ctrl-C, say, or that nobody wants it any more) cancels the program."""
        try:
            check_wanted()
            while wait_for([self.future], pause()).not_done:
                check_wanted()
            return self.result()
        except BaseException:
            self.cancel()
            raise

    @property
    def done(self) -> bool:
        """Whether the program has ended."""
        return self.future.done()

    @property
    def cancelled(self) -> bool:
        """Whether somebody has asked the program to end; it may still return what it has."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the program to end; `CancelledError` is thrown into it, and it may still return what it has."""
        self._cancelled.set()
        if self._wake is not None:
            self._wake()
