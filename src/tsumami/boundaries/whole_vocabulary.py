"""A crowd: what is certain for boxes of values where nothing cuts, so that the roll is over a whole vocabulary.

Guarantee: as in boxes.py. The price of a box is that of the few tokens that the stages can single out (penalties,
DRY), not of the vocabulary: the wanted token is drawn exactly where (1 - u) · before < u · (own + after) and
(1 - u) · (before + own) >= u · after, and all that no stage singles out counts only in two sums, one for what stands
before the wanted token and one for what stands after. With L the largest logit l of these and b = 1 / temperature, both
are sums of exp(b · (l - L)); each term falls in b, so the ends of a box of temperatures bound them.

expf is within a unit in the last place. Where the temperature stays and L is llama.cpp's own maximum m, its exponents
are these very 32-bit floats. Elsewhere float32 can move an exponent by half a unit in the last place of l · b in the
division, and of (l · b - m) in the subtraction, L · b standing for m here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tsumami.boundaries.axis import Span
from tsumami.boundaries.bounds import Bounds, Flags, Reals
from tsumami.boundaries.boxes import Moves, Rows, alike
from tsumami.boundaries.moved_logits import Listed
from tsumami.boundaries.trial import DEAD_END, Trial
from tsumami.boundaries.trial import Chosen as Outcome

__all__ = ["Crowd"]

_LOCAL: Final = ("penalties", "dry")
_HALF_ULP: Final = 1.01 * 2.0**-24
_EXPF: Final = 1.01 * 2.0**-23
_SMALLEST: Final = 1.2e-38  # below, expf gives 0
_SUMS: Final = 1e-9  # what double precision can lose in a sum over a vocabulary


class _Sums(NamedTuple):
    """Over the crowd on one side: the sum of exp(b · x), and the same of -x · exp(b · x)."""

    weights: float
    distances: float


@dataclass(slots=True, eq=False)
class _Side:
    """The crowd before or after the wanted token: x = l - L, shape (n,)."""

    x: Reals

    def at(self, b: float) -> _Sums:
        weights = np.exp(self.x * b)
        return _Sums(float(weights.sum()), -float(np.dot(weights, self.x)))


class _Place:
    """A token of the run: those that may be singled out, and the crowd."""

    def __init__(self, trial: Trial, wanted: int, heat: np.float32 | None) -> None:
        """`heat`: the temperature that all logits are divided by, if it stays."""
        ids, logits, _ = trial.moved_logits.whole
        at = np.flatnonzero(ids == wanted)
        self.there = bool(len(at))
        few = np.isin(ids, [*trial.moved_logits.changeable, wanted])
        rest = np.flatnonzero(~few & np.isfinite(logits))
        self.few = Listed(ids[few], logits[few], is_sorted=False)
        self.side = np.sign(np.flatnonzero(few) - (at[0] if self.there else 0))
        self.size = len(rest)
        values = logits[rest].astype(np.float64) if heat is None else logits[rest] / heat
        self.top = float(values.max(initial=-np.inf))
        x = (values - values.dtype.type(self.top)).astype(np.float64)  # of 32-bit floats as llama.cpp subtracts them
        split = int(np.searchsorted(rest, at[0])) if self.there else 0
        self._sides = _Side(x[:split]), _Side(x[split:])
        self._known: dict[float, tuple[_Sums, _Sums]] = {}

    def sums(self, b: float) -> tuple[_Sums, _Sums]:
        """Before and after."""
        if b not in self._known:
            self._known[b] = self._sides[0].at(b), self._sides[1].at(b)
        return self._known[b]


class Crowd(Moves):
    """Boxes of values of a knob that moves logits, where no stage from its own on cuts or sorts."""

    def __init__(self, trials: Sequence[Trial], wanted: Sequence[Outcome]) -> None:
        super().__init__(trials)
        self._heats = trials[0].axis.knob.stage == "temperature"
        acts = any(stage.name == "temperature" for stage in self._stages)
        self._heat = None if self._heats else np.float32(self.settings.temperature if acts else 1)
        self._places = [_Place(trial, one.token, self._heat) for trial, one in zip(trials, wanted, strict=True)]
        self._of = {id(trial): place for trial, place in zip(trials, self._places, strict=True)}
        self._wanted = {id(trial): one for trial, one in zip(trials, wanted, strict=True)}

    @classmethod
    def fits(cls, trials: Sequence[Trial], wanted: Sequence[Outcome]) -> bool:
        """Whether it is such a chain."""
        first = trials[0]
        stages = [stage.name for stage in (first.own, *first.after) if stage.idle is None or stage is first.own]
        local = stages[:-1] if stages[-1] == "temperature" else stages
        plain = first.settings.mode == "sample" and first.settings.dynatemp_range == 0
        moved = first.axis.knob.name not in ("min_keep", "dynatemp_range", "dynatemp_exponent")
        return plain and moved and set(local) <= set(_LOCAL) and all(one.token != DEAD_END for one in wanted)

    @property
    def weight(self) -> int:
        return max(place.size for place in self._places) if self._heats else self.columns

    @property
    def singles_first(self) -> bool:
        return True

    def _list(self, owner: int) -> Listed:
        return self._places[owner].few

    def _settle(self, rows: Rows, boxes: Sequence[Span]) -> list[Outcome | None]:
        bounds = rows.bounds()
        ends = np.array([[box.first, box.last] for box in boxes])
        same, b = np.zeros(len(boxes), bool), np.ones((len(boxes), 2))
        if self._heat is None:
            b = 1 / self.trials[0].axis.values(ends.reshape(-1)).reshape(-1, 2)[:, ::-1]
        else:
            self._move(bounds, rows, ends)
            same = alike(bounds, len(boxes))
        moved = bounds.low
        for stage in self._stages:
            if stage.name != "temperature":
                self._through(stage, bounds, rows, self._keep)
        if self._heat is not None:
            ends_of_logits = (side.astype(np.float32) / self._heat for side in _ends(bounds))
            bounds.low, bounds.high = (side.astype(np.float64) for side in ends_of_logits)
        sure = self._sure(bounds, rows, b)
        found: list[Outcome | None] = []
        for index, (row, box) in enumerate(zip(rows.which.tolist(), boxes, strict=True)):
            trial = rows.trials[row]
            if sure[index] or trial.forced is not None:
                found.append(self._wanted[id(trial)])
            elif same[index] or len(box) == 1:
                found.append(self._run(trial, box.first, moved[index] if same[index] else None))
            else:
                found.append(None)
        return found

    def _sure(self, bounds: Bounds, rows: Rows, b: Reals) -> Flags:
        """Whether the wanted token is drawn at all b of each box, low and high, shape (boxes, 2): shape (boxes,)."""
        trials = [rows.trials[row] for row in rows.which.tolist()]
        places = [self._of[id(trial)] for trial in trials]
        side = np.full((len(places), len(bounds.ids)), 2)
        for row, place in enumerate(places):
            side[row, : len(place.side)] = place.side
        low, high = _few(bounds, np.array([[place.top] for place in places]), b, exact=self._heat is not None)
        least, most = self._crowds(bounds, places, b)
        own = np.where(side == 0, low, 0).sum(axis=1)
        fewest = [np.where(side == way, low, 0).sum(axis=1) + least[:, i] for i, way in enumerate((-1, 1))]
        largest = [np.where(side == way, high, 0).sum(axis=1) + most[:, i] for i, way in enumerate((-1, 1))]
        u = np.array([trial.u for trial in trials])
        not_earlier = (1 - u) * largest[0] * (1 + _SUMS) < u * (own + fewest[1])
        not_later = (1 - u) * (fewest[0] + own) > u * largest[1] * (1 + _SUMS)
        there = np.array([place.there for place in places])
        return np.asarray(there & not_earlier & not_later & (own > 0) & ~bounds.lost[:, 0])

    def _crowds(self, bounds: Bounds, places: Sequence[_Place], b: Reals) -> tuple[Reals, Reals]:
        """Bounds of the sums before and after, shape (boxes, 2)."""
        above = _above(bounds, np.array([[place.top] for place in places])) * b[:, 1:]
        large = np.array([place.sums(low) for place, low in zip(places, b[:, 0].tolist(), strict=True)])
        small = np.array([place.sums(high) for place, high in zip(places, b[:, 1].tolist(), strict=True)])
        weights, distances = large[:, :, 0], large[:, :, 1]
        lost = weights * (_EXPF + _HALF_ULP * above)
        if self._heat is None:
            top = np.abs([[place.top] for place in places])
            lost += _HALF_ULP * b[:, 1:] * (top * weights + 2 * distances)
        else:
            lost += _HALF_ULP * np.where(above > 0, distances, 0)
        lost += _SMALLEST * np.exp(above) * np.array([[place.size] for place in places])
        return small[:, :, 0] - lost, weights + lost


def _ends(bounds: Bounds) -> tuple[Reals, Reals]:
    """The logits' bounds, float32's rounding included, and that of making them 32-bit floats again."""
    roundings = bounds.roundings + 1 if bounds.roundings else 0
    move = roundings * _HALF_ULP * np.maximum(np.abs(bounds.low), np.abs(bounds.high)) if roundings else 0.0
    return bounds.low - move, bounds.high + move


def _above(bounds: Bounds, top: Reals) -> Reals:
    """By how much a token that is singled out may exceed the crowd, shape (boxes, 1)."""
    return np.asarray(np.where(bounds.may, bounds.high - top, 0).max(axis=1, keepdims=True, initial=0))


def _few(bounds: Bounds, top: Reals, b: Reals, *, exact: bool) -> tuple[Reals, Reals]:
    """Bounds of exp(b · (l - L)) for the tokens that are singled out, shape (boxes, n); `exact`: b is 1, and l - L is
    rounded as llama.cpp rounds it if L is the maximum.
    """
    size = np.maximum(np.abs(bounds.low), np.abs(bounds.high))
    above = _above(bounds, top) * b[:, 1:]
    low, high = bounds.low - top, bounds.high - top
    if exact:
        low, high = (side.astype(np.float32).astype(np.float64) for side in (low, high))
        lost = np.where(above > 0, _HALF_ULP * (np.maximum(np.abs(low), np.abs(high)) + above), 0.0)
    else:
        low = np.minimum(low * b[:, :1], low * b[:, 1:])
        high = np.maximum(high * b[:, :1], high * b[:, 1:])
        lost = _HALF_ULP * (size * b[:, 1:] + np.maximum(np.abs(low), np.abs(high)) + above)
    there = bounds.may & (bounds.high > -np.inf)
    small = np.where(there & bounds.must, np.exp(low - lost) * (1 - _EXPF) - _SMALLEST, 0.0)
    return np.maximum(small, 0), np.where(there, np.exp(high + lost) * (1 + _EXPF) + _SMALLEST, 0.0)
