"""The whole vocabulary: what is certain for boxes of values where nothing cuts, so that the roll is over all tokens.

Guarantee: as in boxes.py. The price of a box is that of the few tokens that the stages can single out (penalties,
DRY), not of the vocabulary: the others count only in two sums of weights, one for what stands before the wanted token
and one for what stands after it (`bounds.certainly_drawn`). With L the largest logit l of the others and b =
1 / temperature, both are sums of exp(b · (l - L)); each term falls in b, so the ends of a box of temperatures bound
them.

For example: 150,000 tokens, of which a penalty can change 60, and a box of values for it. The 60 are treated as
elsewhere; the other 149,940 weigh 0.31 before the wanted token and 0.12 after it, at every value of the box.

What float32 can lose: llama.cpp's exponents are e = fl(fl(l · b) - m) with the largest logit m, and all weights here
are relative to exp(b · L - m). Where the temperature stays and m is L, the exponents are known to the last bit. Else,
with m above b · L by at most `above`, and h = rounding.HALF_ULP,
    the division:     h · b · |l|, and |l| <= |L| + |l - L|
    the subtraction:  h · |fl(l · b) - m| <= h · (b · |l - L| + above)
    where l - L is made in float32 (and then there is no division to count): h · |l - L| for that
and expf is off by EXPF of itself, or by NOTHING where it is that small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tsumami.boundaries.axis import Span
from tsumami.boundaries.bounds import Bounds, Flags, Reals, certainly_drawn, rounding
from tsumami.boundaries.box_rows import BoxRows
from tsumami.boundaries.boxes import Moves, alike
from tsumami.boundaries.moved_logits import Listed
from tsumami.boundaries.trial import DEAD_END, Chosen, Trial
from tsumami.knobs.stages import WINDOWS

__all__ = ["WholeVocabulary"]

#: Exponents that are off by d give weights that are off by e^d - 1 <= 1.01 · d, as long as d <= 0.019. The parts of d
#: are h times an exponent, or two; so it holds where no exponent exceeds 0.019 / 4h = 79,000, beyond which weights are
#: nothing. Where temperature makes the largest logit that large, the box is left open.
_PART: Final = 1.01 * rounding.HALF_ULP
_LARGEST: Final = 79_000.0


class _Sums(NamedTuple):
    """Over the others on one side: the sum of exp(b · x), and the same of -x · exp(b · x)."""

    weights: float
    distances: float


@dataclass(slots=True, eq=False)
class _OneSide:
    """The others before or after the wanted token: x = l - L, shape (n,)."""

    x: Reals

    def at(self, b: float) -> _Sums:
        weights = np.exp(self.x * b)
        return _Sums(float(weights.sum()), -float(np.dot(weights, self.x)))


class _Token:
    """A token of the run: those that may be singled out, and the others."""

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
        self._sides = _OneSide(x[:split]), _OneSide(x[split:])
        self._known: dict[float, tuple[_Sums, _Sums]] = {}

    def sums(self, b: float) -> tuple[_Sums, _Sums]:
        """Before and after."""
        if b not in self._known:
            self._known[b] = self._sides[0].at(b), self._sides[1].at(b)
        return self._known[b]


class WholeVocabulary(Moves):
    """Boxes of values of a knob that moves logits, where no stage from its own on cuts or sorts."""

    def __init__(self, trials: Sequence[Trial], wanted: Sequence[Chosen]) -> None:
        super().__init__(trials)
        self._heats = trials[0].axis.knob.stage == "temperature"
        acts = any(stage.name == "temperature" for stage in self._stages)
        self._heat = None if self._heats else np.float32(self.settings.temperature if acts else 1)
        self._places = [_Token(trial, one.token, self._heat) for trial, one in zip(trials, wanted, strict=True)]
        self._of = {id(trial): place for trial, place in zip(trials, self._places, strict=True)}
        self._wanted = {id(trial): one for trial, one in zip(trials, wanted, strict=True)}

    @classmethod
    def fits(cls, trials: Sequence[Trial], wanted: Sequence[Chosen]) -> bool:
        """Whether it is such a chain."""
        first = trials[0]
        stages = [stage.name for stage in (first.own, *first.after) if stage.idle is None or stage is first.own]
        local = stages[:-1] if stages[-1] == "temperature" else stages
        plain = first.settings.mode == "sample" and first.settings.dynatemp_range == 0
        moved = first.axis.knob.name not in ("min_keep", "dynatemp_range", "dynatemp_exponent")
        return plain and moved and set(local) <= set(WINDOWS) and all(one.token != DEAD_END for one in wanted)

    @property
    def weight(self) -> int:
        return max(place.size for place in self._places) if self._heats else self.columns

    @property
    def singles_first(self) -> bool:
        return True

    def _list(self, owner: int) -> Listed:
        return self._places[owner].few

    def _settle(self, rows: BoxRows, boxes: Sequence[Span]) -> list[Chosen | None]:
        bounds = rows.bounds()
        ends = np.array([[box.first, box.last] for box in boxes])
        same, b = np.zeros(len(boxes), bool), np.ones((len(boxes), 2))
        if self._heat is None:
            b = 1 / self.trials[0].axis.values(ends.reshape(-1)).reshape(-1, 2)[:, ::-1]
        else:
            bounds = self._move(bounds, rows, ends)
            same = alike(bounds, len(boxes))
        moved = bounds.low
        for stage in self._stages:
            if stage.name != "temperature":
                bounds = self._through(stage, bounds, rows, self._keep)
        if self._heat is not None:
            low, high = (side.astype(np.float32) / self._heat for side in (bounds.low, bounds.high))
            bounds = bounds.shift(low.astype(np.float64), high.astype(np.float64))
        sure = self._sure(bounds, rows, b)
        found: list[Chosen | None] = []
        for index, (row, box) in enumerate(zip(rows.which.tolist(), boxes, strict=True)):
            trial = rows.trials[row]
            if sure[index] or trial.forced is not None:
                found.append(self._wanted[id(trial)])
            elif same[index] or len(box) == 1:
                found.append(self._run(trial, box.first, moved[index] if same[index] else None))
            else:
                found.append(None)
        return found

    def _sure(self, bounds: Bounds, rows: BoxRows, b: Reals) -> Flags:
        """Whether the wanted token is drawn at all b of each box, low and high, shape (boxes, 2): shape (boxes,)."""
        trials = [rows.trials[row] for row in rows.which.tolist()]
        places = [self._of[id(trial)] for trial in trials]
        side = np.full((len(places), len(bounds.ids)), 2)
        for row, place in enumerate(places):
            side[row, : len(place.side)] = place.side
        low, high = _few(bounds, np.array([[place.top] for place in places]), b, exact=self._heat is not None)
        least, most = self._others(bounds, places, b)
        own = np.where(side == 0, low, 0).sum(axis=1)
        lows, highs = (
            [np.where(side == way, ends, 0).sum(axis=1) + others[:, i] for i, way in enumerate((-1, 1))]
            for ends, others in ((low, least), (high, most))
        )
        u = np.array([trial.u for trial in trials])
        count = max(place.size for place in places) + len(bounds.ids)
        there = np.array([place.there for place in places])
        return there & certainly_drawn(u, (lows[0], highs[0]), own, (lows[1], highs[1]), count) & ~bounds.lost[:, 0]

    def _others(self, bounds: Bounds, places: Sequence[_Token], b: Reals) -> tuple[Reals, Reals]:
        """Bounds of the sums before and after, shape (boxes, 2)."""
        above = _above(bounds, np.array([[place.top] for place in places])) * b[:, 1:]
        large = np.array([place.sums(low) for place, low in zip(places, b[:, 0].tolist(), strict=True)])
        small = np.array([place.sums(high) for place, high in zip(places, b[:, 1].tolist(), strict=True)])
        weights, distances = large[:, :, 0], large[:, :, 1]
        moved = above
        if self._heat is None:
            moved = above + b[:, 1:] * np.abs([[place.top] for place in places])
            distances = b[:, 1:] * distances
        elif not above.any():
            distances = np.zeros_like(distances)
        lost = weights * rounding.EXPF + _PART * (moved * weights + 2 * distances)
        lost[moved[:, 0] > _LARGEST] = np.inf
        lost += rounding.NOTHING * np.exp(above) * np.array([[place.size] for place in places])
        return small[:, :, 0] - lost, weights + lost


def _above(bounds: Bounds, top: Reals) -> Reals:
    """By how much a token that is singled out may exceed the others, shape (boxes, 1)."""
    return np.asarray(np.where(bounds.may, bounds.high - top, 0).max(axis=1, keepdims=True, initial=0))


def _few(bounds: Bounds, top: Reals, b: Reals, *, exact: bool) -> tuple[Reals, Reals]:
    """Bounds of exp(b · (l - L)) for the tokens that are singled out, shape (boxes, n); `exact`: b is 1, and l - L is
    rounded as llama.cpp rounds it if L is the maximum.
    """
    above = _above(bounds, top) * b[:, 1:]
    low, high = bounds.low - top, bounds.high - top
    if exact:
        low, high = (side.astype(np.float32).astype(np.float64) for side in (low, high))
        lost = np.where(above > 0, 2 * np.maximum(np.abs(low), np.abs(high)) + above, 0.0)
    else:
        size = np.maximum(np.abs(bounds.low), np.abs(bounds.high))
        low = np.minimum(low * b[:, :1], low * b[:, 1:])
        high = np.maximum(high * b[:, :1], high * b[:, 1:])
        lost = size * b[:, 1:] + np.maximum(np.abs(low), np.abs(high)) + above
    lost *= _PART
    there, nothing = bounds.may & (bounds.high > -np.inf), rounding.NOTHING * np.exp(above)
    small = np.where(there & bounds.must, np.exp(low - lost) * (1 - rounding.EXPF) - nothing, 0.0)
    return np.maximum(small, 0), np.where(there, np.exp(high + lost) * (1 + rounding.EXPF) + nothing, 0.0)
