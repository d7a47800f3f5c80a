"""Opening: a history that is opened when it is first needed, once, by whichever thread needs it."""

from __future__ import annotations

import threading
from pathlib import Path

from tsumami.history.store import History

__all__ = ["LazyHistory"]


class LazyHistory:
    """path: the store's (default: the user's own)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._store: History | None = None
        self._lock = threading.Lock()

    def opened(self) -> History:
        """The store.

        Raises:
            HistoryError: it cannot be opened.
        """
        with self._lock:
            if self._store is None:
                self._store = History(self._path)
            return self._store

    def close(self) -> None:
        """Close it, if it was opened."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None
