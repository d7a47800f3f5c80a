"""Bounds: what is certain about a distribution while a knob moves within a box.

Guarantee: for every value in a box the candidates that llama.cpp would have there lie within the bounds, its float32
rounding included. So a token that is chosen at all logits and all survivor sets within the bounds is chosen at every
value of the box. The other way round nothing is promised: bounds may be too wide, and then the box is not `certain`.

Arrays are (boxes, candidates); an axis of length 1 stands for "the same for all". A logit is `low..high` times a
positive `scale`, because a temperature moves all logits together, and their order and differences with it. A candidate
in `must` is there for sure, one outside `may` is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["Bounds", "Choice"]

Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

_HALF_ULP: Final = 2.0**-24
_EXPF: Final = 2.0**-23  # glibc's expf is within one unit in the last place
_SMALL: Final = 4_000_000  # entries that a comparison of all pairs may have


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Per box: the id of the candidate that is chosen, and whether that is certain."""

    ids: Whole
    certain: Flags


@dataclass(slots=True, eq=False)
class Bounds:
    """The candidates of many boxes at once. `ids`, shape (candidates,), name them; boxes may be of several tokens of a
    run, and then an id is a place in each one's own list.

    `exact`: low and high are the same and, to the last bit, the logits that llama.cpp has (then scale is 1).
    `in_order`: the columns stand in the candidates' order; otherwise `key_low..key_high` say it, larger first.
    `is_sorted`: llama.cpp's trust flag. `lost`: boxes of which nothing is known any more.
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
    scale_low: Reals = field(default_factory=lambda: np.ones((1, 1)))
    scale_high: Reals = field(default_factory=lambda: np.ones((1, 1)))
    key_low: Reals = field(default_factory=lambda: np.zeros((1, 1)))
    key_high: Reals = field(default_factory=lambda: np.zeros((1, 1)))

    # --- logits ---

    def divide(self, low: Reals, high: Reals) -> None:
        """Divide every logit by a temperature within low..high, shapes (boxes, 1)."""
        if self.exact and np.array_equal(low, high):
            with np.errstate(over="ignore", under="ignore"):
                divided = self.low.astype(np.float32) / low.astype(np.float32)
            self.low = self.high = divided.astype(np.float64)
            return
        self.exact = False
        self.roundings += 1
        self.scale_low, self.scale_high = self.scale_low / high, self.scale_high / low

    def shift(self, low: Reals, high: Reals, *, rounded: bool) -> None:
        """Replace the logits (of scale 1, see `collapse`) by these bounds; `rounded`: they leave float32's rounding
        out.
        """
        self.low, self.high = low, high
        self.exact = self.exact and not rounded and np.array_equal(low, high)
        self.roundings += 3 if rounded else 0

    def collapse(self) -> None:
        """Multiply the scale into the logits."""
        if np.all(self.scale_low == 1) and np.all(self.scale_high == 1):
            return
        with np.errstate(invalid="ignore"):
            low = np.minimum(self.low * self.scale_low, self.low * self.scale_high)
            high = np.maximum(self.high * self.scale_low, self.high * self.scale_high)
        self.low, self.high = low, high
        self.scale_low = self.scale_high = np.ones((1, 1))

    def lose(self, boxes: Flags) -> None:
        """Give up boxes, shape (boxes, 1): a stage did something there that cannot be bounded."""
        self.lost = self.lost | boxes

    def relative(self) -> tuple[Reals, Reals]:
        """Bounds of (logit - logit of one surviving candidate), rounding included; -inf for what is masked."""
        inside = np.where(self.must, self.low, -np.inf)
        top = inside.argmax(axis=1)[:, None]
        self.lose(np.take_along_axis(inside, top, 1) == -np.inf)
        top_low = _at(self.low, top)
        top_high = _at(self.high, top)
        with np.errstate(invalid="ignore"):
            if self.exact:
                low = high = (self.low.astype(np.float32) - top_low.astype(np.float32)).astype(np.float64)
                rivals = (self.may & ~self.must & (self.high > top_low)).any(axis=1, keepdims=True)
                pad = np.where(rivals, 4 * _HALF_ULP * (np.abs(_finite(low)) + 1), 0.0)
                return low - pad, high + pad
            size = np.maximum(np.abs(_finite(self.low)), np.abs(_finite(self.high))) + np.abs(_finite(top_high))
            pad = 1.01 * _HALF_ULP * self.roundings * size  # as large a part of a logit at every scale
            low, high = self.low - top_high - pad, self.high - top_low + pad
            own = np.arange(low.shape[1])[None, :] == top
            low, high = np.where(own, 0.0, low), np.where(own, 0.0, high)
            x_low = np.minimum(low * self.scale_low, low * self.scale_high)
            x_high = np.maximum(high * self.scale_low, high * self.scale_high)
        part = 1.01 * _HALF_ULP
        return x_low - part * np.abs(_finite(x_low)), x_high + part * np.abs(_finite(x_high))

    def weights(self) -> tuple[Reals, Reals]:
        """Bounds of expf(logit - that candidate's): 0 at the bottom for what may be missing."""
        low, high = self.relative()
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            small = np.where(self.must, np.exp(low) * (1 - _EXPF), 0.0)
            large = np.where(self.may, np.exp(high) * (1 + _EXPF), 0.0)
        # below float32's smallest number expf gives 0
        return np.where(small < 1.2e-38, 0.0, small), np.where((large > 0) & (large < 1.2e-38), 1.2e-38, large)

    # --- order ---

    def sort(self) -> None:
        """Order by falling logit, as llama.cpp does where its trust flag is not set."""
        if self.is_sorted:
            return
        self.is_sorted = True
        if self.low.shape[0] == 1 and np.array_equal(self.low, self.high):
            order = np.argsort(-self.low[0], kind="stable")
            values = self.low[0, order]
            step = 0.0 if self.exact else 4 * _HALF_ULP * self.roundings
            with np.errstate(invalid="ignore"):
                apart = values[:-1] - values[1:] > step * (np.abs(values[:-1]) + np.abs(values[1:]))
            alive = values[1:] > -np.inf
            if np.all(apart | ~alive):
                self._take(order)
                self.in_order = True
                return
        pad = 0.0 if self.exact else 4 * _HALF_ULP * self.roundings
        self.in_order = False
        self.key_low = self.low - pad * np.abs(_finite(self.low))
        self.key_high = self.high + pad * np.abs(_finite(self.high))

    def order_by(self, low: Reals, high: Reals) -> None:
        """Order by a falling key, bounds of shape (boxes, candidates)."""
        self.in_order, self.is_sorted = False, False
        self.key_low, self.key_high = low, high

    def _take(self, columns: npt.NDArray[Any]) -> None:
        """Keep these columns, in this order."""
        before = len(self.ids)
        self.ids = self.ids[columns]
        for name in ("low", "high", "must", "may", "key_low", "key_high"):
            array = getattr(self, name)
            if array.shape[1] == before:
                setattr(self, name, array[:, columns])

    def take_boxes(self, boxes: Whole) -> None:
        """Keep these boxes, of candidates that are `exact`."""
        for name in ("low", "high", "must", "may", "lost"):
            setattr(self, name, getattr(self, name)[boxes])

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

    def keep_top(self, fewest: Whole, most: Whole) -> None:
        """Cut to the first `fewest`..`most` candidates, shapes (boxes, 1)."""
        if self.in_order:
            certain, possible = self.ranks()
            self.keep(possible < fewest, certain < most)
            return
        # at most `fewest`, with itself, may be before it; less than `most` are before it for sure
        rival = _nth_largest(np.where(self.may, self.key_high, -np.inf), fewest)
        line = _nth_largest(np.where(self.must, self.key_low, -np.inf), most - 1)
        self.keep((self.key_low > rival) | (self.may.sum(axis=1, keepdims=True) <= fewest), self.key_high >= line)

    def keep(self, surely: Flags, perhaps: Flags) -> None:
        """Keep candidates: those of `surely` for sure, those outside `perhaps` not."""
        self.must = self.must & surely
        self.may = self.may & perhaps
        alive = np.asarray(self.may.any(axis=0))
        if len(alive) > 64 and 0 < alive.sum() * 2 < len(alive):
            self._take(np.flatnonzero(alive))

    def count(self) -> tuple[Whole, Whole]:
        """Bounds of the number of candidates, shapes (boxes, 1)."""
        return self.must.sum(axis=1, keepdims=True), self.may.sum(axis=1, keepdims=True)

    # --- the choice ---

    def roll(self, u: Reals) -> Choice:
        """What `dist` draws with the rolls u, shape (boxes, 1): the first candidate whose running sum reaches u times
        the total.

        With t's own weight w and the sums before and after it, that is t where (1 - u) · before < u · (w + after) and
        (1 - u) · (before + w) >= u · after.
        """
        low, high = self.weights()
        boxes = max(low.shape[0], self.lost.shape[0])
        low, high = (np.broadcast_to(a, (boxes, a.shape[1])) for a in (low, high))
        middle = (low + np.where(np.isfinite(high), high, 0.0)) / 2
        at = self._nominal(middle, u)
        own = np.take_along_axis(low, at, 1)
        before, maybe_before, after, maybe_after = self._around(at)
        lows, highs = (np.sum(np.where(mask, low, 0.0), axis=1, keepdims=True) for mask in (before, after))
        most_before, most_after = (
            np.sum(np.where(mask, high, 0.0), axis=1, keepdims=True) for mask in (maybe_before, maybe_after)
        )
        margin = 1 + 1e-12
        not_earlier = (1 - u) * most_before * margin < u * (own + highs)
        not_later = (1 - u) * (lows + own) >= u * most_after * margin
        sure = not_earlier & not_later & (own > 0) & ~self.lost
        return Choice(self.ids[at[:, 0]], sure[:, 0])

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

    def largest(self) -> Choice:
        """What greedy choice takes: the candidate with the largest logit."""
        low = np.where(self.must, self.low, -np.inf)
        high = np.where(self.may, self.high, -np.inf)
        at = low.argmax(axis=1)[:, None]
        others = np.where(np.arange(len(self.ids))[None, :] == at, -np.inf, high).max(axis=1, keepdims=True)
        gap = _at(low, at) - others
        pad = 0.0 if self.exact else 8 * _HALF_ULP * self.roundings * np.abs(_finite(others))
        return Choice(self.ids[at[:, 0]], ((gap > pad) & ~self.lost)[:, 0])


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
