"""Runs that can be asked for again, by their ids, as long as there is room.

Guarantee: what is kept takes a bounded amount of memory: at most `most` runs with at most `most_tokens` tokens in all;
the oldest go first. An id is not guessed by anybody.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from tsumami.runs import Run

__all__ = ["KeptRuns"]


class KeptRuns:
    """The runs of one server."""

    def __init__(self, most: int = 512, most_tokens: int = 50_000) -> None:
        self._most, self._most_tokens = most, most_tokens
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tokens = 0
        self._lock = threading.Lock()

    def keep(self, run: Run) -> str:
        """Keep a run; gives its id."""
        name = secrets.token_hex(16)
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


def _size(run: Run) -> int:
    """What it weighs, in tokens: one of a prompt weighs much less, but nothing is free."""
    return len(run.steps) + len(run.receipt.prompt_tokens) // 16 + 1
