"""Turns: who may generate now, and who is next.

Guarantee: as long as there is a free place that somebody may have, somebody who waits gets it; nobody has more than
their share (`Limits`); and callers take turns: the next place goes to the caller with the fewest under way, among their
sessions to the one with the fewest, and there to whoever came first. So one caller's three hundred calls do not stand
before another's first one, and waiting costs no thread.

All of it happens in the server's event loop; nothing here waits by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from tsumami.web.limits import Limits


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants a place: a caller, and the page or script of theirs. Calls without a session are one session. home: it
    is asked for at this machine.
    """

    caller: str
    session: str = ""
    home: bool = field(default=False, compare=False)


class Turns:
    """The places of one server, and who has them, by the key of what wants one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[Hashable, tuple[Asker, Callable[[], None]]] = {}  # in the order in which they came
        self._running: dict[Hashable, Asker] = {}
        self._count: Counter[Asker | str] = Counter()  # under way, by asker and by caller

    @property
    def running(self) -> int:
        """How much is under way."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How much waits for its turn."""
        return len(self._waiting)

    def waiting_of(self, caller: str) -> int:
        """How much one caller has waiting."""
        return sum(asker.caller == caller for asker, _ in self._waiting.values())

    def ask(self, key: Hashable, asker: Asker, begin: Callable[[], None]) -> None:
        """Something wants a place; `begin` is called when it has one, perhaps at once."""
        self._waiting[key] = (asker, begin)
        self._turn()

    def leave(self, key: Hashable) -> None:
        """It is over, or not wanted any more; nothing if it is not here."""
        self._waiting.pop(key, None)
        asker = self._running.pop(key, None)
        if asker is not None:
            self._count.subtract((asker, asker.caller))
            self._count += Counter()  # forget who has nothing
        self._turn()

    def _turn(self) -> None:
        while (key := self._next()) is not None:
            asker, begin = self._waiting.pop(key)
            self._running[key] = asker
            self._count.update((asker, asker.caller))
            begin()

    def _next(self) -> Hashable | None:
        """Whose turn it is; of equals the one that came first, as `min` has it."""
        if len(self._running) >= self._limits.generations:
            return None
        may = [key for key, (asker, _) in self._waiting.items() if self._may(asker)]
        return min(may, key=lambda key: self._burden(self._waiting[key][0]), default=None)

    def _may(self, asker: Asker) -> bool:
        caller, session = self._burden(asker)
        return caller < self._limits.per_caller and session < self._limits.per_session

    def _burden(self, asker: Asker) -> tuple[int, int]:
        return self._count[asker.caller], self._count[asker]
