"""Calls: what scripts have under way, so that it ends when they cancel it or go away.

Guarantee: a call that was given up generates nothing more, also if its stream begins only afterwards. No endpoint here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import gradio as gr

from tsumami.app.work.callers import at_home
from tsumami.app.work.replying import Sessions, UnderWay

ONLY: Final = "the only stream of a call"
"""The session under which a call keeps its stream."""


class Call(Sessions):
    """One call of an endpoint: it knows the stream that it waits for, and ends it once nobody wants the result; and
    whether its caller is at home (callers.py).
    """

    def __init__(self, *, at_home: bool = False) -> None:
        super().__init__()
        self.at_home = at_home
        self._unwanted = False

    def begin(self, session: str, stream: UnderWay) -> None:
        """Note the stream; it is cancelled at once if the caller has already gone."""
        super().begin(session, stream)
        if self._unwanted:
            stream.cancel()

    def give_up(self) -> None:
        """The caller has gone."""
        self._unwanted = True
        self.stop(ONLY)


class Calls:
    """What every client has under way."""

    def __init__(self) -> None:
        self._under_way: dict[str, set[Call]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, request: gr.Request) -> Iterator[Call]:
        """A call of this client, for as long as the block lasts."""
        client, call = str(request.session_hash), Call(at_home=at_home(request.request))
        with self._lock:
            self._under_way.setdefault(client, set()).add(call)
        try:
            yield call
        finally:
            with self._lock:
                calls = self._under_way[client]
                calls.discard(call)
                if not calls:
                    del self._under_way[client]

    def give_up(self, request: gr.Request) -> None:
        """The client has gone, and wants nothing any more."""
        with self._lock:
            calls = tuple(self._under_way.get(str(request.session_hash), ()))
        for call in calls:
            call.give_up()
