"""Calls: what scripts have under way, so that it ends when they cancel it or go away.

Guarantee: a call that was given up generates nothing more, also if its stream begins only afterwards. A client may have
many calls at once, and none ends another. No endpoint here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import gradio as gr

from tsumami.app.work.tasks import Asked, Task, Tasks, session_of
from tsumami.web.callers import at_home


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an endpoint: what it has asked for, and whether its caller is at home (callers.py)."""

    asked: Asked[Task]
    at_home: bool


@dataclass(frozen=True, slots=True)
class Calls:
    """What every client has under way."""

    _tasks: Tasks[Task] = field(default_factory=lambda: Tasks(several=True))

    @contextlib.contextmanager
    def of(self, request: gr.Request) -> Iterator[Call]:
        """A call of this client, for as long as the block lasts."""
        with self._tasks.ask(session_of(request)) as asked:
            yield Call(asked, at_home(request.request))

    def give_up(self, request: gr.Request) -> None:
        """The client has gone, and wants nothing any more."""
        self._tasks.stop(session_of(request))
