"""Box rows: the candidates that boxes of values are about, and the values themselves, as arrays with a row a box.

Guarantee: what stages of other chains would ask of a token (how often candidates were seen, by how much they repeat) is
read from the token's own trial, so it is what the real stages see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsumami.boundaries.axis import Axis
from tsumami.boundaries.bounds import Bounds, Flags, Keep, Reals, Whole
from tsumami.boundaries.moved_logits import Listed
from tsumami.boundaries.trial import Trial
from tsumami.native import Float32Array, Int32Array
from tsumami.settings import Settings

__all__ = ["BoxRows", "Table", "Turned"]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Lists of candidates side by side, shape (lists, n): `low` is -inf and `there` False beyond a list's end."""

    tokens: Int32Array
    low: Reals
    there: Flags
    is_sorted: bool
    seen: dict[int, Float32Array] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Sequence[Listed]) -> Table:
        n = max(len(one.ids) for one in lists)
        tokens = np.full((len(lists), n), -1, np.int32)
        low, there = np.full((len(lists), n), -np.inf), np.zeros((len(lists), n), bool)
        for row, one in enumerate(lists):
            count = len(one.ids)
            tokens[row, :count], low[row, :count], there[row, :count] = one.ids, one.logits, True
        return cls(tokens, low, there, all(one.is_sorted for one in lists))


@dataclass(frozen=True, slots=True, eq=False)
class BoxRows:
    """Boxes, one a row: row i is of trial `trials[which[i]]`, whose candidates are that row of the table."""

    trials: Sequence[Trial]
    table: Table
    which: Whole

    def bounds(self) -> Bounds:
        """The candidates, exactly; an id is a column of the table."""
        low, there = self.table.low[self.which], self.table.there[self.which]
        lost = np.zeros((len(self.which), 1), bool)
        return Bounds(np.arange(low.shape[1]), low, low, there, there, lost, self.table.is_sorted)

    def tokens_at(self, columns: Whole) -> Int32Array:
        """The token in a column of each row, shape (boxes,)."""
        return np.asarray(self.table.tokens[self.which, columns])

    def seen(self, window: int) -> Float32Array:
        """How often each candidate is among the last tokens, shape (boxes, n)."""
        known = self.table.seen
        if window not in known:
            rows = zip(self.trials, self.table.tokens, strict=True)
            known[window] = np.stack([_count(trial.history(window), tokens) for trial, tokens in rows])
        return known[window][self.which]

    def seen_within(self, windows: Whole) -> Float32Array:
        """The same for a window of each row's own, shape (boxes,)."""
        rows = zip(self.which.tolist(), windows.tolist(), strict=True)
        return np.stack([_count(self.trials[row].history(window), self.table.tokens[row]) for row, window in rows])

    def texts(self, sizes: Whole) -> list[tuple[tuple[int, ...], int]]:
        """For each row the whole text that its token follows, and that row's entry of `sizes`, shape (boxes,)."""
        whole = [trial.history(None) for trial in self.trials]
        return [(whole[row], size) for row, size in zip(self.which.tolist(), sizes.tolist(), strict=True)]

    def outside(self, banned: Sequence[tuple[int, ...]]) -> Flags:
        """Which candidates are not among each row's tokens, shape (boxes, n)."""
        rows = zip(self.which.tolist(), banned, strict=True)
        return np.stack([np.isin(self.table.tokens[row], tokens, invert=True) for row, tokens in rows])

    def per_token(self, amounts: Sequence[dict[int, float]], default: float) -> Reals:
        """A number by token for each trial, as an array of shape (boxes, n)."""
        made = np.full(self.table.tokens.shape, default)
        for row, numbers in enumerate(amounts):
            for token, number in numbers.items():
                made[row, self.table.tokens[row] == token] = number
        return made[self.which]


@dataclass(frozen=True, slots=True, eq=False)
class Turned:
    """Settings of which one knob may be turned: in box i it is within ordinals `places[i]` of the axis, shape (boxes,
    2). Without an axis all stay.
    """

    settings: Settings
    rows: BoxRows
    keep: Keep
    axis: Axis | None = None
    places: Whole = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def turns(self, *names: str) -> bool:
        """Whether one of these knobs is the one that is turned."""
        return self.axis is not None and self.axis.knob.name in names

    def ends(self, name: str) -> tuple[Reals, Reals]:
        """The least and the largest value of a knob in each box, as llama.cpp sees them: shapes (boxes, 1), or (1, 1)
        where it stays.
        """
        if self.axis is None or self.axis.knob.name != name:
            made = np.array([[np.float32(getattr(self.settings, name))]], np.float64)
            return made, made
        values = self.axis.values(self.places.reshape(-1)).reshape(-1, 2)
        return values[:, :1], values[:, 1:]

    def value(self, name: str) -> float:
        """The value of a knob that stays, as llama.cpp sees it."""
        return float(np.float32(getattr(self.settings, name)))

    def whole(self, name: str) -> int:
        """The same of a knob that is a whole number."""
        found: Any = getattr(self.settings, name)
        return int(found)


def _count(history: tuple[int, ...], tokens: Int32Array) -> Float32Array:
    """How often each token was seen."""
    distinct, counts = np.unique(np.array(history, np.int32), return_counts=True)
    if not len(distinct):
        return np.zeros(tokens.shape, np.float32)
    at = np.minimum(np.searchsorted(distinct, tokens), len(distinct) - 1)
    return np.where(distinct[at] == tokens, counts[at], 0).astype(np.float32)
