"""What the server keeps for each session: logits of a prompt, runs that are looked into.

Guarantee: a session's value is its own, and goes with the page; where a page does not say goodbye, the least recently
used value goes once there are `room` of them. Values that cannot be sent to a browser and back stay here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

import gradio as gr

_T = TypeVar("_T")


class Kept(Generic[_T]):
    """One value a session."""

    def __init__(self, room: int = 32) -> None:
        self._room = room
        self._values: OrderedDict[str, _T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, request: gr.Request) -> _T | None:
        """The session's value, if it has one."""
        with self._lock:
            session = str(request.session_hash)
            if session in self._values:
                self._values.move_to_end(session)
            return self._values.get(session)

    def put(self, request: gr.Request, value: _T) -> _T | None:
        """Keep a value for the session; returns the one that it had. Of two at once each returns another one."""
        with self._lock:
            before = self._values.get(str(request.session_hash))
            self._values[str(request.session_hash)] = value
            self._values.move_to_end(str(request.session_hash))
            while len(self._values) > self._room:
                self._values.popitem(last=False)
        return before

    def forget(self, request: gr.Request) -> None:
        """The page was closed."""
        with self._lock:
            self._values.pop(str(request.session_hash), None)
