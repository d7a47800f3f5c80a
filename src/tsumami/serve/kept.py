"""Runs that can be asked for again, by their ids.

Guarantee: what is kept in memory is bounded: at most `most` runs with at most `most_tokens` tokens in all; the oldest
go first. In the history they stay, under the same ids. An id is not guessed by anybody. A history that cannot be opened
or written is in nobody's way, and is said once.

    KeptRuns        the last runs of a server, in memory
    ServedHistory   its runs in the history
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tsumami.errors import HistoryError
from tsumami.history import LazyHistory
from tsumami.runs import Run

__all__ = ["KIND", "KeptRuns", "ServedHistory"]

KIND: Final = "serve"
"""What the history calls runs that other programs asked for."""


class KeptRuns:
    """The runs of one server."""

    def __init__(self, most: int = 512, most_tokens: int = 50_000) -> None:
        self._most, self._most_tokens = most, most_tokens
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tokens = 0
        self._lock = threading.Lock()

    def keep(self, run: Run, name: str | None = None) -> str:
        """Keep a run; gives its id, which is `name` if that is given."""
        name = name or secrets.token_hex(16)
        with self._lock:
            self._runs[name] = run
            self._tokens += _size(run)
            while len(self._runs) > 1 and (len(self._runs) > self._most or self._tokens > self._most_tokens):
                _, gone = self._runs.popitem(last=False)
                self._tokens -= _size(gone)
        return name

    def get(self, name: str) -> Run | None:
        """The run of an id, if it is still here."""
        with self._lock:
            return self._runs.get(name)


class ServedHistory:
    """wanted: None keeps what is asked for at this machine, True also what comes from elsewhere, False nothing. path:
    the store's (default: the user's own). say: is told once what is not kept.
    """

    def __init__(self, wanted: bool | None, say: Callable[[str], None], path: Path | None = None) -> None:
        self._wanted, self._say, self._history = wanted, say, LazyHistory(path)

    def keep(self, run: Run, *, home: bool) -> str | None:
        """Keep a run that was asked for at this machine, or elsewhere; gives its id, or None if it is not kept."""
        if self._wanted is False or not (home or self._wanted):
            return None
        try:
            return self._history.opened().add(run, kind=KIND).key
        except HistoryError as error:
            self._wanted = False
            self._say(f"not kept in the history: {error}")
            return None

    def get(self, name: str) -> Run | None:
        """The run of an id, if another program has asked for it."""
        if self._wanted is False:
            return None
        try:
            store = self._history.opened()
            return store.get(name) if store.entry(name).kind == KIND else None
        except HistoryError:
            return None

    def close(self) -> None:
        """Close the store."""
        self._history.close()


def _size(run: Run) -> int:
    """What it weighs, in tokens: one of a prompt weighs much less, but nothing is free."""
    return len(run.steps) + len(run.receipt.prompt_tokens) // 16 + 1
