"""Keeping: what a visitor of the page makes goes into the history as theirs, or is not kept at all.

Guarantee: nothing is kept or shown of whoever asks from elsewhere, unless they have logged in and the server was told
to keep that; nobody gets what is another's. A history that cannot be opened or written is in nobody's way: what goes on
goes on, and what is not kept is said once to each session. No Gradio here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import fastapi

from tsumami.app.work.conversation import ReplyFacts
from tsumami.app.work.kept import Kept
from tsumami.app.work.tasks import Visit, session_of
from tsumami.errors import HistoryError, TsumamiError
from tsumami.history import ChatTurn, Entry, GrowingEntry, History, LazyHistory
from tsumami.prompts import Exchange
from tsumami.runs import Receipt, Run, Step, Stream
from tsumami.web.callers import at_home

__all__ = ["Keeper", "Keeping", "ReplyRecord", "Visitor"]

_BEGIN_AFTER: Final = 0.5  # seconds; a reply that is shorter is written once
_EXCHANGES: Final = 600  # kept in memory

_T = TypeVar("_T")


class Visitor(Visit, Protocol):
    """What a request tells of who asks; Gradio's `Request` is one. username: of whoever has logged in."""

    username: str | None

    @property
    def request(self) -> fastapi.Request | None: ...


@dataclass(slots=True)
class ReplyRecord:
    """One reply: `take` each step, then `end` it."""

    _keeper: Keeper
    _stream: Stream
    _turn: ChatTurn
    _parent: str | None
    _steps: list[Step] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)
    _entry: GrowingEntry | None = None
    _over: bool = False

    def take(self, step: Step) -> None:
        """The next step; now and then all that there is is written."""
        self._steps.append(step)
        if not self._over and (self._entry is not None or time.monotonic() - self._begun > _BEGIN_AFTER):
            self._over = self._keeper.safely(self._grow) is None

    def end(self, run: Run) -> str:
        """The reply has ended; gives its id, or "" where it is not kept."""
        self._over = True
        return self._keeper.safely(lambda store: self._ended(store, run)) or ""

    def leave(self) -> None:
        """Nobody follows it any more: if it has not ended, it ends now."""
        if self._over or self._keeper.store is None:
            return
        self._stream.cancel()
        try:
            self.end(self._stream.run)
        except TsumamiError:  # it has failed, and stays as one that did not come to its end
            self._keeper.safely(lambda store: self._grow(store, now=True))

    def _grow(self, store: History, *, now: bool = False) -> GrowingEntry:
        if self._entry is None:
            parent = _there(store, self._parent)
            self._entry = store.begin(self._stream.receipt, kind="chat", parent=parent, turn=self._turn)
        self._entry.grow(self._steps, now=now)
        return self._entry

    def _ended(self, store: History, run: Run) -> str:
        if self._entry is not None:
            return self._entry.end(run).key
        return store.add(run, kind="chat", parent=_there(store, self._parent), turn=self._turn).key


@dataclass(frozen=True, slots=True)
class Keeper:
    """What keeps for one visitor. store: theirs, None where nothing is kept; trouble: is told what was not kept."""

    store: History | None = None
    trouble: Callable[[HistoryError], None] | None = None

    @contextlib.contextmanager
    def reply(self, stream: Stream, turn: ChatTurn, parent: str | None) -> Iterator[ReplyRecord]:
        """The record of a reply that is being written, for as long as the block lasts. parent: the id of the reply
        before it.
        """
        record = ReplyRecord(self, stream, turn, parent)
        try:
            yield record
        finally:
            record.leave()

    def run(self, run: Run, kind: str) -> str:
        """Keep a run; gives its id, or "" where it is not kept."""
        return self.safely(lambda store: store.add(run, kind=kind).key) or ""

    def branch(self, run: Run, parent: str) -> str:
        """Keep a branch of a run, as a child of that if it is kept itself."""
        return self.safely(lambda store: _branched(store, run, parent).key) or ""

    def result(self, form: Callable[[], str], kind: str, receipt: Receipt) -> str:
        """Keep a map or a grid, by its JSON."""
        return self.safely(lambda store: store.add_result(form(), kind, receipt).key) or ""

    def safely(self, act: Callable[[History], _T]) -> _T | None:
        """Do it with the store; None where there is none, or where it cannot be done."""
        if self.store is None:
            return None
        try:
            return act(self.store)
        except HistoryError as error:
            if self.trouble is not None:
                self.trouble(error)
            return None


@dataclass(slots=True, eq=False)
class NotKept:
    """Why something of a session was not kept, and whether the session knows."""

    error: HistoryError
    told: bool = False


@dataclass(slots=True)
class Keeping:
    """The history of a server. wanted: None keeps what is made at this machine, True also what they make who have
    logged in from elsewhere, False nothing. path: the store's (default: the user's own). exchanges: what was read of it
    lately, by the ids of the replies.
    """

    wanted: bool | None = None
    path: Path | None = None
    exchanges: Kept[Exchange[ReplyFacts]] = field(default_factory=partial(Kept, _EXCHANGES), init=False)
    _history: LazyHistory = field(init=False)
    _troubles: Kept[NotKept] = field(default_factory=Kept, init=False)

    def __post_init__(self) -> None:
        self._history = LazyHistory(self.path)

    def store(self, visit: Visitor) -> History | None:
        """A visitor's history; None where nothing of theirs is kept.

        Raises:
            HistoryError: it cannot be opened.
        """
        owner = self._owner(visit)
        return None if owner is None else self._history.opened().of(owner)

    def keeps(self, visit: Visitor) -> bool:
        """Whether what a visitor makes is kept, as far as can be told without opening anything."""
        return self._owner(visit) is not None

    def keeper(self, visit: Visitor) -> Keeper:
        """What keeps for a visitor."""
        trouble = partial(self._note, session_of(visit))
        try:
            return Keeper(self.store(visit), trouble)
        except HistoryError as error:
            trouble(error)
            return Keeper()

    def untold(self, visit: Visitor) -> HistoryError | None:
        """Why something of a session was not kept; once, and then no more."""
        found = self._troubles.get(session_of(visit))
        if found is None or found.told:
            return None
        found.told = True
        return found.error

    def _note(self, session: str, error: HistoryError) -> None:
        if self._troubles.get(session) is None:
            self._troubles.put(session, NotKept(error))

    def _owner(self, visit: Visitor) -> str | None:
        """Whose is what a visitor makes; None where it is not kept."""
        if self.wanted is False:
            return None
        known = at_home(visit.request) or (self.wanted and visit.username)
        return visit.username or "" if known else None

    def close(self) -> None:
        """Close the store."""
        self._history.close()


def _branched(store: History, run: Run, parent: str) -> Entry:
    """A branch of a chat's reply stands in the reply's place, so the chat can go on from it as well."""
    if not store.has(parent):
        return store.add(run)
    turn = store.turn(parent)
    return store.add(run, kind=store.entry(parent).kind, parent=parent, turn=turn and replace(turn, again=True))


def _there(store: History, key: str | None) -> str | None:
    """The id, unless its entry was taken out since."""
    return key if key is not None and store.has(key) else None
