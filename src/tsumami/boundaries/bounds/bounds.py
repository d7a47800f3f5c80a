"""Bounds: what is certain about a distribution while a knob moves within a box.

Guarantee: for every value in a box the candidates that llama.cpp would have there lie within the bounds, its float32
rounding included. So a token that is chosen at all logits and all survivor sets within the bounds is chosen at every
value of the box. The other way round nothing is promised: bounds may be too wide, and then the box is not `certain`.

Arrays are (boxes, candidates); an axis of length 1 stands for "the same for all". A logit is `low..high` times a
positive `scale`, because a temperature moves all logits together, and their order and differences with it. A candidate
in `must` is there for sure, one outside `may` is not.

For example: logits 3, 2, 1 while the temperature is within 0.5 .. 1. Then `low` and `high` stay 3, 2, 1, exactly, and
the scale is 1 .. 2. That the first is above the second is as certain as before, which it would not be if the logits
were 3 .. 6, 2 .. 4, 1 .. 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tsumami.boundaries.bounds import rounding
from tsumami.sampling.candidates import MISSORTED

__all__ = ["Bounds", "CertainChoice", "certainly_drawn"]

Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

_SMALL: Final = 4_000_000  # entries that a comparison of all pairs may have
_BUCKETS: Final = 128  # llama.cpp sorts more than that by way of buckets
_ONE: Final = np.ones((1, 1))
_ZERO: Final = np.zeros((1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class CertainChoice:
    """Per box: the id of the candidate that is chosen, and whether that is certain."""

    ids: Whole
    certain: Flags


class Relative(NamedTuple):
    """Bounds of the exponents of a softmax, less that of one candidate, shapes (boxes, candidates); and `gap`, shape
    (boxes, 1): by how much at most the largest exceeds that one.
    """

    low: Reals
    high: Reals
    gap: Reals


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The candidates of many boxes at once. `ids`, shape (candidates,), name them; boxes may be of several tokens of a
    run, and then an id is a place in each one's own list. Every method gives new bounds, which share the arrays that
    stay as they are; no array is ever written to.

    `exact`: low and high are the same and, to the last bit, the logits that llama.cpp has (then scale is 1).
    `in_order`: the columns stand in the candidates' order; otherwise `key_low..key_high` say it, larger first.
    `is_sorted`: llama.cpp's trust flag. `lost`: boxes of which nothing is known any more. `roundings`: by how many
    roundings to float32 a logit may be off its low..high.
    """

    ids: Whole
    low: Reals
    high: Reals
    must: Flags
    may: Flags
    lost: Flags
    is_sorted: bool
    exact: bool = True
    in_order: bool = True
    roundings: int = 0
    scale_low: Reals = field(default_factory=lambda: _ONE)
    scale_high: Reals = field(default_factory=lambda: _ONE)
    key_low: Reals = field(default_factory=lambda: _ZERO)
    key_high: Reals = field(default_factory=lambda: _ZERO)

    # --- logits ---

    def divide(self, low: Reals, high: Reals) -> Bounds:
        """Divide every logit by a temperature within low..high, shapes (boxes, 1)."""
        if self.exact and np.array_equal(low, high):
            with np.errstate(over="ignore", under="ignore"):
                divided = (self.low.astype(np.float32) / low.astype(np.float32)).astype(np.float64)
            return replace(self, low=divided, high=divided)
        scale_low, scale_high, count = self.scale_low / high, self.scale_high / low, self.roundings + 1
        return replace(self, exact=False, roundings=count, scale_low=scale_low, scale_high=scale_high)

    def shift(self, low: Reals, high: Reals) -> Bounds:
        """Replace the logits, of `settled` bounds, by these bounds, float32's rounding included."""
        assert self.is_settled
        return replace(self, low=low, high=high, exact=self.exact and np.array_equal(low, high))

    @property
    def is_settled(self) -> bool:
        """Whether low..high hold the very logits: nothing to be multiplied with, nothing to be rounded."""
        plain = self.scale_low is _ONE or bool(np.all(self.scale_low == 1) and np.all(self.scale_high == 1))
        return plain and not self.roundings

    def settled(self) -> Bounds:
        """The same with the scale and the roundings inside low..high, so that the logits themselves, as 32-bit floats,
        are bounded. A stage that goes on with float32's own, monotonic operations may then round low and high to
        float32 to begin with: a float32 of at least `low` is at least the float32 nearest to it.
        """
        if self.is_settled:
            return self
        with np.errstate(invalid="ignore"):
            low = np.minimum(self.low * self.scale_low, self.low * self.scale_high)
            high = np.maximum(self.high * self.scale_low, self.high * self.scale_high)
        part = rounding.sum_of(self.roundings + rounding.OURS)
        low, high = low - part * _size(low), high + part * _size(high)
        return replace(self, low=low, high=high, roundings=0, scale_low=_ONE, scale_high=_ONE)

    def lose(self, boxes: Flags) -> Bounds:
        """Give up boxes, shape (boxes, 1): a stage did something there that cannot be bounded."""
        return replace(self, lost=self.lost | boxes)

    def relative(self) -> Relative:
        """Bounds of (exponent - exponent of one surviving candidate, t), -inf for what is masked.

        llama.cpp's exponents are e = fl(l - m) with the largest logit m. Where t is the largest, they are fl(l - t).
        Else m exceeds t by up to a gap, |l - m| <= |l - t| + gap, and so
            e - e_t = (l - t) ± h · (|l - m| + |t - m|) = (l - t) ± h · (|l - t| + 2 · gap)
        Of `exact` logits l - t is made in float32 itself, hence h · |l - t| once more where there is a gap. Logits that
        are not exact were rounded before: sum_of(roundings) · (|l| + |t|), as large a part of a logit at every scale.

        For example: 10, 9.5 and 8, of which 10 falls to 9 at the end of the box. Then t is 9.5 (it is the one that
        surely has the most), the others are between -0.5 and 0.5 and at -1.5, and the gap is 0.5.
        """
        inside = np.where(self.must, self.low, -np.inf)
        top = inside.argmax(axis=1)[:, None]
        unknown = np.take_along_axis(inside, top, 1) == -np.inf
        top_low, top_high = _at(self.low, top), _at(self.high, top)
        with np.errstate(invalid="ignore"):
            gap = np.where(self.may, self.high - top_low, 0).max(axis=1, keepdims=True, initial=0)
            if self.exact:
                low = high = (self.low.astype(np.float32) - top_low.astype(np.float32)).astype(np.float64)
                if gap.any():
                    off = np.where(gap > 0, rounding.sum_of(2) * (np.abs(_finite(low)) + gap), 0.0)
                    low, high = low - off, high + off
            else:
                low, high = self._differences(top, top_low, top_high)
                part, around = rounding.sum_of(1 + rounding.OURS), 2 * gap * self.scale_high
                low = low - part * (np.abs(_finite(low)) + around)
                high = high + part * (np.abs(_finite(high)) + around)
        if unknown.any():
            low, high = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
        return Relative(low, high, gap)

    def _differences(self, top: Whole, top_low: Reals, top_high: Reals) -> tuple[Reals, Reals]:
        """Bounds of l - t, at all scales, before it is rounded."""
        low, high = self.low - top_high, self.high - top_low
        if self.roundings:
            top_size = np.maximum(np.abs(_finite(top_low)), np.abs(_finite(top_high)))
            size = np.maximum(np.abs(_finite(self.low)), np.abs(_finite(self.high))) + top_size
            pad = rounding.sum_of(self.roundings) * size
            low, high = low - pad, high + pad
        own = np.arange(low.shape[1])[None, :] == top
        low, high = np.where(own, 0.0, low), np.where(own, 0.0, high)
        return np.minimum(low * self.scale_low, low * self.scale_high), np.maximum(
            high * self.scale_low, high * self.scale_high
        )

    def weights(self) -> tuple[Reals, Reals]:
        """Bounds of expf(e) / exp(e_t), e and e_t as in `relative`: 0 at the bottom for what may be missing."""
        low, high, nothing = self._weights()
        small = np.where(self.must, low, 0.0)
        return np.where(small < nothing, 0.0, small), high

    def _weights(self) -> tuple[Reals, Reals, Reals]:
        """The same, at the bottom as if all were there; and the weight below which expf may give 0, shape (boxes, 1).

        That is NOTHING / exp(e_t), and e_t = -(0 - e_t) is at least minus the largest of the relative exponents.
        """
        low, high, gap = self.relative()
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            small = np.exp(low) * (1 - rounding.EXPF)
            large = np.where(self.may, np.exp(high) * (1 + rounding.EXPF), 0.0)
            nothing = np.full((1, 1), rounding.NOTHING)
            if gap.any():
                nothing = rounding.NOTHING * np.exp(np.where(self.may, high, 0).max(axis=1, keepdims=True, initial=0))
            return small, np.where((large > 0) & (large < nothing), nothing, large), nothing

    def shares(self) -> tuple[Reals, Reals]:
        """Bounds of each candidate's probability if it is there: w / (w + all others)."""
        low, high, nothing = self._weights()
        own_low = np.where(self.may & (low >= nothing), low, 0.0)
        low = np.where(self.must, own_low, 0.0)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            others_low, others_high = rounding.others(low), rounding.others(high)
            share_low, share_high = own_low / (own_low + others_high), high / (high + others_low)
        return np.nan_to_num(share_low, nan=0.0), np.nan_to_num(share_high, nan=1.0)

    # --- order ---

    def sort(self, first: int | None = None) -> Bounds:
        """Order by falling logit, as llama.cpp does where its trust flag is not set; `first`: only so many of them are
        brought in order (and the others are cut off).

        Logits x · s, rounded so many times, are in the order of the x where these are farther apart than
        sum_of(roundings) of both, whatever the scale s. Equal ones are in no order that is known; those at -inf, which
        nothing but their number can make a difference of, are said to stay in theirs.
        """
        if self.is_sorted:
            return self
        made = self._without_missorted(first)
        if made.low.shape[0] == 1 and np.array_equal(made.low, made.high):
            order = np.argsort(-made.low[0], kind="stable")
            values = made.low[0, order]
            with np.errstate(invalid="ignore"):
                apart = values[:-1] - values[1:] > made.off(values[:-1]) + made.off(values[1:])
            if np.all(apart | (values[1:] == -np.inf)):
                return replace(made._take(order), is_sorted=True, in_order=True)
        key_low, key_high = made.low - made.off(made.low), made.high + made.off(made.high)
        return replace(made, is_sorted=True, in_order=False, key_low=key_low, key_high=key_high)

    def off(self, values: Reals) -> Reals | float:
        """How far, before the scale, roundings can take logits with these values."""
        if not self.roundings:
            return 0.0
        return np.asarray(rounding.sum_of(self.roundings) * _size(values, float(self.scale_low.min())))

    def _without_missorted(self, first: int | None) -> Bounds:
        """Boxes whose logits llama.cpp missorts (`MISSORTED`) are lost; 1 % early, for the roundings."""
        n = len(self.ids)
        if n <= _BUCKETS or (first is not None and first <= _BUCKETS):
            return self
        with np.errstate(over="ignore", invalid="ignore"):
            largest = np.where(self.may, self.high, -np.inf).max(axis=1, keepdims=True) * self.scale_high
        wrong = largest > 0.99 * MISSORTED
        return self.lose(wrong) if wrong.any() else self

    def order_by(self, low: Reals, high: Reals) -> Bounds:
        """Order by a falling key, bounds of shape (boxes, candidates)."""
        return replace(self, in_order=False, is_sorted=False, key_low=low, key_high=high)

    def _take(self, columns: npt.NDArray[Any]) -> Bounds:
        """Keep these columns, in this order."""
        before = len(self.ids)
        arrays = {name: getattr(self, name) for name in ("low", "high", "must", "may", "key_low", "key_high")}
        taken: dict[str, Any] = {name: a[:, columns] for name, a in arrays.items() if a.shape[1] == before}
        return replace(self, ids=self.ids[columns], **taken)

    def take_boxes(self, boxes: Whole) -> Bounds:
        """Keep these boxes: rows of all that there is a row a box of, which must be the same number everywhere."""
        names = ("low", "high", "must", "may", "lost", "scale_low", "scale_high", "key_low", "key_high")
        arrays = {name: array for name in names if len(array := getattr(self, name)) > 1}
        assert len({len(array) for array in arrays.values()}) <= 1
        taken: dict[str, Any] = {name: array[boxes] for name, array in arrays.items()}
        return replace(self, **taken)

    def ranks(self) -> tuple[Whole, Whole]:
        """Per candidate: how many others are certainly, and at most, before it."""
        if self.in_order:
            return _before(self.must), _before(self.may)
        low, high = _full(self.key_low, self.may), _full(self.key_high, self.may)
        boxes, n = np.broadcast_shapes(low.shape, self.may.shape, self.must.shape)
        if boxes * n * n <= _SMALL:
            above = low[:, :, None] > high[:, None, :]
            near = high[:, :, None] >= low[:, None, :]
            certain = (above & self.must[:, :, None]).sum(axis=1)
            possible = (near & self.may[:, :, None]).sum(axis=1) - self.may
            return certain, possible
        return _ranks_by_row(low, high, self.must, self.may, boxes)

    def keep_top(self, fewest: Whole, most: Whole) -> Bounds:
        """Cut to the first `fewest`..`most` candidates, shapes (boxes, 1)."""
        if self.in_order:
            certain, possible = self.ranks()
            return self.keep(possible < fewest, certain < most)
        # at most `fewest`, with itself, may be before it; less than `most` are before it for sure
        rival = _nth_largest(np.where(self.may, self.key_high, -np.inf), fewest)
        line = _nth_largest(np.where(self.must, self.key_low, -np.inf), most - 1)
        few = self.may.sum(axis=1, keepdims=True) <= fewest
        return self.keep((self.key_low > rival) | few, self.key_high >= line)

    def keep(self, surely: Flags, perhaps: Flags) -> Bounds:
        """Keep candidates: those of `surely` for sure, those outside `perhaps` not."""
        made = replace(self, must=self.must & surely, may=self.may & perhaps)
        alive = np.asarray(made.may.any(axis=0))
        if len(alive) > 64 and 0 < alive.sum() * 2 < len(alive):
            return made._take(np.flatnonzero(alive))
        return made

    def count(self) -> tuple[Whole, Whole]:
        """Bounds of the number of candidates, shapes (boxes, 1)."""
        return self.must.sum(axis=1, keepdims=True), self.may.sum(axis=1, keepdims=True)

    # --- the choice ---

    def roll(self, u: Reals) -> CertainChoice:
        """What `dist` draws with the rolls u, shape (boxes, 1): the first candidate whose running sum reaches u times
        the total (see `certainly_drawn`).
        """
        low, high = self.weights()
        boxes = max(low.shape[0], self.lost.shape[0])
        low, high = (np.broadcast_to(a, (boxes, a.shape[1])) for a in (low, high))
        at = self._nominal((low + np.where(np.isfinite(high), high, 0.0)) / 2, u)
        own = np.take_along_axis(low, at, 1)
        before, maybe_before, after, maybe_after = self._around(at)
        least_before, least_after = (
            np.sum(np.where(mask, low, 0.0), axis=1, keepdims=True) for mask in (before, after)
        )
        most_before, most_after = (
            np.sum(np.where(mask, high, 0.0), axis=1, keepdims=True) for mask in (maybe_before, maybe_after)
        )
        sure = certainly_drawn(u, (least_before, most_before), own, (least_after, most_after), low.shape[1])
        return CertainChoice(self.ids[at[:, 0]], (sure & ~self.lost)[:, 0])

    def _nominal(self, middle: Reals, u: Reals) -> Whole:
        """The column of the candidate that would be chosen in the middle of each box, shape (boxes, 1)."""
        if self.in_order:
            running = np.cumsum(middle, axis=1)
            return _first(running >= u * running[:, -1:])
        with np.errstate(invalid="ignore"):
            key = np.nan_to_num(_full(self.key_low, middle) + _full(self.key_high, middle), nan=0.0)
        order = np.broadcast_to(np.argsort(-key, axis=1, kind="stable"), middle.shape)
        running = np.cumsum(np.take_along_axis(middle, order, 1), axis=1)
        return np.take_along_axis(order, _first(running >= u * running[:, -1:]), 1)

    def _around(self, at: Whole) -> tuple[Flags, Flags, Flags, Flags]:
        """Candidates certainly and possibly before, certainly and possibly after the one in column `at`."""
        columns = np.arange(len(self.ids))[None, :]
        if self.in_order:
            return columns < at, columns < at, columns > at, columns > at
        low, high = _at(self.key_low, at), _at(self.key_high, at)
        others = columns != at
        return (
            self.key_low > high,
            (self.key_high >= low) & others,
            self.key_high < low,
            (self.key_low <= high) & others,
        )

    def largest(self) -> CertainChoice:
        """What greedy choice takes: the candidate with the largest logit."""
        low = np.where(self.must, self.low, -np.inf)
        high = np.where(self.may, self.high, -np.inf)
        at = low.argmax(axis=1)[:, None]
        best = _at(low, at)
        others = np.where(np.arange(len(self.ids))[None, :] == at, -np.inf, high).max(axis=1, keepdims=True)
        certain = (best - others > self.off(best) + self.off(others)) & ~self.lost
        return CertainChoice(self.ids[at[:, 0]], certain[:, 0])


def certainly_drawn(u: Reals, before: tuple[Reals, Reals], own: Reals, after: tuple[Reals, Reals], count: int) -> Flags:
    """Whether `dist`, with the rolls u, surely draws a candidate, by bounds of the sums of the weights before and after
    it and the least that it weighs itself; all of one shape. `count`: among how many, at most.

    With the exact sums B, w, A that is where (1 - u) · B < u · (w + A) and (1 - u) · (B + w) >= u · A; the margin is
    derived in `rounding.draw_of`.

    For example: weights 5, 3, 2 and u = 0.6. The second is drawn: 0.4 · 5 < 0.6 · (3 + 2) and 0.4 · (5 + 3) >= 0.6 · 2.
    """
    margin = rounding.draw_of(count)
    not_earlier = (1 - u + margin) * before[1] < u * (1 - margin) * (own + after[0])
    not_later = (1 - u - margin) * (before[0] + own) >= u * (1 + margin) * after[1]
    return np.asarray(not_earlier & not_later & (own > 0))


def _size(values: Reals, scale: float = 1.0) -> Reals:
    """What a rounding is a part of: the number, but at least the smallest normal float32 at this scale."""
    return np.maximum(np.abs(_finite(values)), rounding.SMALLEST / scale)


def _nth_largest(keys: Reals, n: Whole) -> Reals:
    """Per row the n-th largest key, from 0, n of shape (boxes, 1): -inf beyond the last, +inf before the first."""
    falling = -np.sort(-keys, axis=1)
    last = keys.shape[1] - 1
    found = _at(falling, np.clip(n, 0, last))
    return np.where(n > last, -np.inf, np.where(n < 0, np.inf, found))


def _before(flags: Flags) -> Whole:
    """Per candidate how many flags are set before it."""
    return np.asarray(np.cumsum(flags, axis=1) - flags, np.int64)


def _finite(values: Reals) -> Reals:
    return np.where(np.isfinite(values), values, 0.0)


def _full(array: Reals, like: npt.NDArray[Any]) -> Reals:
    return np.broadcast_to(array, (array.shape[0], like.shape[1]))


def _at(array: Reals, at: Whole) -> Reals:
    """The entries of one column per box, shape (boxes, 1)."""
    rows = max(array.shape[0], at.shape[0])
    spread = np.broadcast_to(array, (rows, array.shape[1]))
    return np.asarray(np.take_along_axis(spread, np.broadcast_to(at, (rows, 1)), 1))


def _first(reached: Flags) -> Whole:
    """Per row the first column that is True (the last one where none is), shape (boxes, 1)."""
    found = np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1] - 1)
    return np.asarray(found[:, None], np.int64)


def _ranks_by_row(low: Reals, high: Reals, must: Flags, may: Flags, boxes: int) -> tuple[Whole, Whole]:
    n = low.shape[1]
    low, high = np.broadcast_to(low, (boxes, n)), np.broadcast_to(high, (boxes, n))
    must, may = np.broadcast_to(must, (boxes, n)), np.broadcast_to(may, (boxes, n))
    certain, possible = np.empty((boxes, n), np.int64), np.empty((boxes, n), np.int64)
    for row in range(boxes):
        lows, highs = np.sort(low[row][must[row]]), np.sort(high[row][may[row]])
        certain[row] = len(lows) - np.searchsorted(lows, high[row], "right")
        possible[row] = len(highs) - np.searchsorted(highs, low[row], "left") - may[row]
    return certain, possible
