"""What the server keeps for each session that looks at something: logits of a prompt, a run, a map that is finished.

Guarantee: a session's value is its own and goes with the page. Nobody loses what they look at because others came:
`room` is more sessions than a server has at once, and only there so that values whose page never said goodbye do not
stay for ever; the ones that were left alone for the longest time go first. Values are here because they cannot be sent
to a browser and back. What is still being made is not this module's but work/tasks.py's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

_ROOM: Final = 1000  # sessions; a value is about a megabyte


class Kept(Generic[_T]):
    """One value a session, by the session's name."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._values: OrderedDict[str, _T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, session: str) -> _T | None:
        """The session's value, if it has one."""
        with self._lock:
            if session in self._values:
                self._values.move_to_end(session)
            return self._values.get(session)

    def put(self, session: str, value: _T) -> _T | None:
        """Keep a value for the session; returns the one that it had. Of two at once each returns another one."""
        with self._lock:
            before = self._values.get(session)
            self._values[session] = value
            self._values.move_to_end(session)
            while len(self._values) > self._room:
                self._values.popitem(last=False)
        return before

    def forget(self, session: str) -> None:
        """The page was closed."""
        with self._lock:
            self._values.pop(session, None)
