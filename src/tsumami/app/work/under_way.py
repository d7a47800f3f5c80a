"""What a session has under way in a tab that makes something for a while: a map, a grid.

Guarantee: it is one at a time, and the session's own. Whoever begins anew ends the one before, which paints nothing
more; whoever leaves ends it; and who stops while the model still loads gets none behind their back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

import gradio as gr

from tsumami.app.work.kept import Kept


class Work(Protocol):
    """One making. `dropped`: nothing of it is shown any more."""

    dropped: bool

    def cancel(self) -> None:
        """Stop; what there is stays."""

    def drop(self) -> None:
        """Stop, and wait until nothing more comes of it."""


_W = TypeVar("_W", bound=Work)
_S = TypeVar("_S")


class UnderWay(Generic[_W]):
    """One work a session."""

    def __init__(self) -> None:
        self._works: Kept[_W] = Kept()
        self._stops: Kept[threading.Event] = Kept()

    def get(self, request: gr.Request) -> _W | None:
        """The session's work, under way or ended, if it has one."""
        return self._works.get(request)

    def put(self, request: gr.Request, work: _W) -> None:
        """Let it be the session's; the one before is dropped."""
        before = self._works.put(request, work)
        if before is not None:
            before.drop()

    def asked(self, request: gr.Request) -> threading.Event:
        """The session asks for another work; what is given is set if it stops or leaves before that is there."""
        stop = threading.Event()
        self._stops.put(request, stop)
        return stop

    def growing(self, request: gr.Request, work: _W, sights: Iterable[_S]) -> Iterator[_S]:
        """The work's sights, as long as it is the session's."""
        self.put(request, work)
        for sight in sights:
            if work.dropped:
                return
            yield sight

    def drop(self, request: gr.Request) -> None:
        """End the session's work, of which nothing more is shown."""
        work = self.get(request)
        if work is not None:
            work.drop()

    def stop(self, request: gr.Request) -> None:
        """Stop; what there is stays."""
        stop, work = self._stops.get(request), self.get(request)
        if stop is not None:
            stop.set()
        if work is not None:
            work.cancel()

    def gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self.stop(request)
        self._works.forget(request)
        self._stops.forget(request)
