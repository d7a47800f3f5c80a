"""Making: a result that takes a while, and news of it on the way.

Guarantee: each piece of news comes once and in its order, also to whoever takes them in several goes. Whatever ends
the waiting (Ctrl-C, say, or `stopping`) cancels the work, and cancelled work keeps what there is: `result` gives it.
What went wrong in the engine is raised where the end is waited for.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import queue
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Self, TypeVar

from tsumami.engine import Program, Ticket
from tsumami.runs.backend import Runner
from tsumami.stopping import check_wanted, pause

__all__ = ["EngineMaking", "Making", "Pace"]

News = TypeVar("News")
Result = TypeVar("Result")
Made = TypeVar("Made")


class Making(ABC, Generic[News, Result]):
    """Something that is being made: iterate for its news, then read `result`; leaving a `with` block ends the work."""

    @abstractmethod
    def __iter__(self) -> Iterator[News]:
        """The news as they come; each comes once."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop soon; what there is stays."""

    @abstractmethod
    def _finish(self) -> Result:
        """Wait for the end, and give what was made."""

    @property
    def result(self) -> Result:
        """What was made; waits for the end. Ctrl-C while waiting cancels, and is raised; then it is what there is."""
        try:
            return self._finish()
        except KeyboardInterrupt:
            self.cancel()
            raise

    def kept(self) -> Result:
        """`result`, but Ctrl-C while waiting only ends the work, and gives what there is."""
        try:
            return self.result
        except KeyboardInterrupt:
            return self.result

    def close(self) -> None:
        """End the work, for whoever wants nothing more of it."""
        self.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _End:
    """Comes in place of news when a program has ended."""


_END: Final = _End()


class _Later(Generic[News]):
    """News that are put into words by whoever takes them, and not in the engine's thread."""

    def __init__(self, make: Callable[[], News]) -> None:
        self.make = make


class EngineMaking(Making[News, Result]):
    """Made by programs of an engine, which tell their news from its thread.

    An iteration that is broken off cancels what is still running.
    """

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[News | _Later[News] | _End] = queue.SimpleQueue()
        self._tickets: list[Ticket[Any]] = []
        self._running = 0  # programs whose end nobody has come to yet
        self._cancelled = False

    def _submit(self, engine: Runner, program: Program[Made]) -> Ticket[Made]:
        check_wanted()
        return self._follow(engine.submit(program))

    def _follow(self, ticket: Ticket[Made]) -> Ticket[Made]:
        """Wait for the end of this, too."""
        self._tickets.append(ticket)
        self._running += 1
        ticket.future.add_done_callback(self._ended)
        return ticket

    def _tell(self, news: News) -> None:
        self._news.put(news)

    def _tell_later(self, make: Callable[[], News]) -> None:
        """Tell what `make` gives when the news are taken."""
        self._news.put(_Later(make))

    def _ended(self, _: object) -> None:
        self._news.put(_END)

    def __iter__(self) -> Iterator[News]:
        try:
            while self._running > 0:
                news = self._next()
                if isinstance(news, _End):
                    self._running -= 1
                else:
                    yield news.make() if isinstance(news, _Later) else news
        except BaseException:  # broken off, by whoever iterates or by Ctrl-C
            self.cancel()
            raise
        self._news.put(_END)  # whoever waits for news at the same time finds the end, too
        self._join()

    def _next(self) -> News | _Later[News] | _End:
        """What comes next, as long as it is wanted."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._news.get(timeout=pause())
            check_wanted()

    def _join(self) -> None:
        """Wait for the programs; raises what ended one."""
        for ticket in self._tickets:
            ticket.result()

    def cancel(self) -> None:
        """Stop as soon as the present batch is done; what there is stays."""
        self._cancelled = True
        for ticket in self._tickets:
            ticket.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled; it may still have to end."""
        return self._cancelled

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, but no longer than so; whether it has come."""
        return not concurrent.futures.wait([ticket.future for ticket in self._tickets], seconds).not_done

    def looks(self, pace: Pace) -> Iterator[None]:
        """Gives way whenever it is time to look, until the end has come; what is done meanwhile is the look."""
        while not self.wait(pace.pause):
            if pace.due():
                yield
                pace.looked()


class Pace:
    """How often something is looked at while it grows: `due` says when it is time.

    Args:
        seconds: at most once in so many.
        rest: a look that takes t seconds is followed by `rest`·t without one, so that looking costs at most a share of
            1 / (1 + rest) of the time.
        at_once: whether the first time has come already, or comes after `seconds`.
    """

    def __init__(self, seconds: float, *, rest: float = 0.0, at_once: bool = True) -> None:
        self._seconds, self._rest = seconds, rest
        self._begun = time.monotonic()
        self._next = self._begun + (0.0 if at_once else seconds)

    @property
    def pause(self) -> float:
        """Seconds until it is time again."""
        return max(self._next - time.monotonic(), 0.0)

    def due(self) -> bool:
        """Whether it is time. If so, the look begins now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._begun, self._next = now, now + self._seconds
        return True

    def looked(self) -> None:
        """The look is over: the next one is counted from now, and by how long this one took."""
        now = time.monotonic()
        self._next = now + max(self._seconds, self._rest * (now - self._begun))
