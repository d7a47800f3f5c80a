"""What sessions have under way: it ends when they stop it, ask for something else or leave.

Guarantee: a stop holds from the moment in which something was asked for, also while there is nothing to cancel yet (the
model still loads): nothing is begun behind anybody's back. Nothing is evicted: what was asked for leaves when it is
over, so whoever has something under way can end it, however many others there are. Safe to use from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Generic, Protocol, TypeVar, cast

from tsumami.stopping import while_wanted

_PATIENCE_SECONDS: Final = 5.0  # for what was dropped to end; it ends at its next token


class Task(Protocol):
    """What can be ended: a reply, the lanes of a comparison, a map."""

    def cancel(self) -> None:
        """Stop as soon as the present batch is done; what there is stays."""


class Visit(Protocol):
    """What a request tells of the session that it came from; Gradio's `Request` is one."""

    session_hash: str | None


def session_of(visit: Visit) -> str:
    """The name of the session that a request came from."""
    return str(visit.session_hash)


_Begun = TypeVar("_Begun", bound=Task, contravariant=True)
_T = TypeVar("_T", bound=Task)
_S = TypeVar("_S")


class Asked(Generic[_Begun]):
    """What a session has asked for, from then until it is over; a `with` block says how long that is.

    Attributes:
        stopped: begin nothing more; what there is may be shown.
        dropped: show nothing more.
    """

    def __init__(self, tasks: Tasks[_Begun], session: str) -> None:
        self._tasks = tasks
        self.session = session
        self.stopped = self.dropped = False
        self._task: Task | None = None

    def wanted(self) -> bool:
        """Whether it has not been stopped."""
        return not self.stopped

    def working(self) -> AbstractContextManager[None]:
        """A block whose work ends with a `CancelledError` soon after it was stopped."""
        return while_wanted(self.wanted)

    def begin(self, task: _Begun) -> None:
        """Let it be under way. It is cancelled at once if it was stopped before there was anything to cancel; what the
        session had under way before is cancelled, too.
        """
        self._task = task
        for old in self._tasks._before(self):
            if old._task is not None:
                old.stop()
        if self.stopped:
            task.cancel()

    def growing(self, task: _Begun, sights: Iterable[_S]) -> Iterator[_S]:
        """Let it be under way in place of what was before; its sights, as long as somebody wants to see them."""
        if not self.wanted():
            task.cancel()
            return
        self.alone()
        self.begin(task)
        for sight in sights:
            if not self.wanted():
                task.cancel()  # the stop may have come before it had anything to cancel
            if self.dropped:
                return
            yield sight

    def alone(self) -> None:
        """End what the session asked for before this, and wait until nothing more comes of it."""
        self._tasks._end(self._tasks._before(self))

    def stop(self) -> None:
        """Stop; what there is stays."""
        self.stopped = True
        if self._task is not None:
            self._task.cancel()

    def over(self) -> None:
        """It has ended."""
        self._tasks._forget(self)

    def __enter__(self) -> Asked[_Begun]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over()


class Tasks(Generic[_T]):
    """What every session has under way, by the session's name.

    several: a session may have several things under way at once; otherwise what it asks for takes the place of what it
    has asked for before and what has not begun yet.
    """

    def __init__(self, *, several: bool = False) -> None:
        self._several = several
        self._asked: dict[str, tuple[Asked[_T], ...]] = {}
        self._changed = threading.Condition()

    def ask(self, session: str) -> Asked[_T]:
        """The session asks for something."""
        asked = Asked(self, session)
        with self._changed:
            before = self._asked.get(session, ())
            self._asked[session] = (*before, asked)
            for old in before:
                if not self._several and old._task is None:
                    old.stopped = old.dropped = True
        return asked

    def stop(self, session: str) -> bool:
        """Stop all that the session has asked for, or the session has gone; False if there is nothing."""
        mine = self._of(session)
        for asked in mine:
            asked.stop()
        return bool(mine)

    def drop(self, session: str) -> None:
        """Stop it, and wait until nothing more comes of it: what is shown next cannot be painted over by it."""
        self._end(self._of(session))

    def under_way(self) -> tuple[_T, ...]:
        """All that was begun and has not ended, of all sessions."""
        with self._changed:
            begun = (asked._task for mine in self._asked.values() for asked in mine)
            return tuple(cast("_T", task) for task in begun if task is not None)

    @property
    def active(self) -> int:
        """How much is under way, or about to be."""
        with self._changed:
            return sum(map(len, self._asked.values()))

    def _of(self, session: str) -> tuple[Asked[_T], ...]:
        with self._changed:
            return self._asked.get(session, ())

    def _before(self, asked: Asked[_T]) -> tuple[Asked[_T], ...]:
        """What its session asked for before; nothing where it may have several at once."""
        mine = self._of(asked.session)
        return () if self._several or asked not in mine else mine[: mine.index(asked)]

    def _end(self, dropped: tuple[Asked[_T], ...]) -> None:
        for asked in dropped:
            asked.dropped = True
            asked.stop()
        with self._changed:
            self._changed.wait_for(lambda: self._all_over(dropped), _PATIENCE_SECONDS)

    def _all_over(self, ended: tuple[Asked[_T], ...]) -> bool:
        """What has not begun need not be waited for: it shows nothing any more, and its model may load for long."""
        return not any(asked._task is not None and asked in self._of(asked.session) for asked in ended)

    def _forget(self, over: Asked[_T]) -> None:
        with self._changed:
            rest = tuple(asked for asked in self._asked.get(over.session, ()) if asked is not over)
            if rest:
                self._asked[over.session] = rest
            else:
                self._asked.pop(over.session, None)
            self._changed.notify_all()
