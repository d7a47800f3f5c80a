"""Every stage of the chain once more, on bounds: what it certainly keeps, and what it may keep.

Guarantee: if the candidates that go in lie within the bounds, those that the real stage hands on lie within the bounds
that come out. The rules are those of llama-sampler.cpp (and of sampling/stages.py for tail-free sampling); each margin
is what float32 can lose there (rounding.py), with the operations counted beside it. These are transfer functions, in
the words of interval arithmetic: each takes bounds and returns others.

For example: top-k with k = 2 of logits 3, 1..4, 2. The first stays, since at most one exceeds it; the second may stay;
and so may the third, since it is second where the second is below 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tsumami.boundaries.bounds import rounding
from tsumami.boundaries.bounds.bounds import Bounds, Flags, Reals, Whole
from tsumami.boundaries.bounds.rounding import OURS, after, double_sum_of, entropy_of, in_logarithms, others, sum_of
from tsumami.native import Float32Array

__all__ = ["Dry", "Keep", "Penalties", "dynamic_temperature", "min_p", "temperature"]
__all__ += ["entropy", "tfs_z", "top_k", "top_n_sigma", "top_p", "typ_p", "xtc"]

#: Our tail-free sampling takes all curvatures for equal where their sum is at most this (TailFreeStage).
_FLAT: Final = 1e-6
#: Temperatures of which nothing is said here: dividing by them may leave the range of float32.
_COLDEST: Final = 1e-30
_HOTTEST: Final = 1e9


@dataclass(frozen=True, slots=True)
class Keep:
    """How many candidates a cut must leave (min_keep), within fewest..most, shapes (boxes, 1)."""

    fewest: Whole
    most: Whole


# --- stages that move logits ---


@dataclass(frozen=True, slots=True)
class Penalties:
    """The three penalties, each within low..high, shapes (boxes, 1), and how often each candidate was seen, within
    fewest..most, shapes (boxes, candidates).
    """

    fewest: Float32Array
    most: Float32Array
    repeat: tuple[Reals, Reals]
    frequency: tuple[Reals, Reals]
    presence: tuple[Reals, Reals]

    def apply(self, bounds: Bounds) -> Bounds:
        """l · r where l <= 0, else l / r; then minus c · frequency + presence, if it was seen c > 0 times.

        It falls in each of the penalties, and rises in l; from c = 1 on it is monotonic in c, falling or rising as the
        frequency penalty's sign is. All of that float32 keeps (rounding is monotonic), so the ends of the box, put
        through the same operations, bound the rest: c at fewest, at most, and at 1 where fewest is 0, which is the
        logit as it came.

        For example: l = 4, r = 1 .. 2, c = 1 .. 3, frequency 0.5: from 4 / 2 - 3 · 0.5 = 0.5 to 4 / 1 - 1 · 0.5 = 3.5.
        """
        bounds = bounds.settled()
        columns = np.flatnonzero(self.most.any(axis=0))
        if not len(columns):
            return _unsorted(bounds)
        fewest, most = self.fewest[:, columns], self.most[:, columns]
        once = np.minimum(np.maximum(fewest, np.float32(1)), most)
        options = [most] if np.array_equal(fewest, most) else [fewest, once, most]
        lows = [self._move(bounds.low[:, columns], counts, 1) for counts in options]
        highs = [self._move(bounds.high[:, columns], counts, 0) for counts in options]
        return _put(bounds, columns, np.minimum.reduce(lows), np.maximum.reduce(highs))

    def _move(self, logits: Reals, counts: Float32Array, end: int) -> Reals:
        """The least (`end` 1) or the largest (0) that becomes of logits, shape (boxes, n), with float32's arithmetic,
        at that end of the penalties' ranges.
        """
        repeat, frequency, presence = (
            pair[end].astype(np.float32) for pair in (self.repeat, self.frequency, self.presence)
        )
        single = logits.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            taken = _both_ways(presence, counts, frequency, 1 if end else -1)
            moved = np.where(single <= 0, single * repeat, single / repeat) - taken
        return np.where(counts > 0, moved, single).astype(np.float64)


def _both_ways(start: Float32Array, factor: Float32Array, other: Float32Array, sign: int) -> Float32Array:
    """start + factor · other in float32, as two operations and as the one (a fused multiply-add, with one rounding)
    that a compiler may make of them: the larger if `sign` is 1, the smaller if it is -1.

    The product of two 32-bit floats is exact in double precision, and the sum is off by 2^-53 of itself at most. Moved
    by twice that it is beyond the exact one, and rounding keeps the order.
    """
    twice: Float32Array = factor * other + start
    if not np.any(start) or not np.any(other):
        return twice  # one of the two operations is exact
    exact = factor.astype(np.float64) * other.astype(np.float64) + start
    once = (exact + sign * 2 * rounding.DOUBLE * np.abs(exact)).astype(np.float32)
    return np.maximum(twice, once) if sign > 0 else np.minimum(twice, once)


@dataclass(frozen=True, slots=True)
class Dry:
    """What DRY takes from each candidate: 32-bit floats within low..high, shapes (boxes, candidates)."""

    low: Float32Array
    high: Float32Array

    def apply(self, bounds: Bounds) -> Bounds:
        """l minus the amount: one operation, monotonic in both."""
        bounds = bounds.settled()
        columns = np.flatnonzero(self.high.any(axis=0))
        if not len(columns):
            return _unsorted(bounds)
        low, high = (side[:, columns].astype(np.float32) for side in (bounds.low, bounds.high))
        lows, highs = low - self.high[:, columns], high - self.low[:, columns]
        return _put(bounds, columns, lows.astype(np.float64), highs.astype(np.float64))


def _put(bounds: Bounds, columns: Whole, low: Reals, high: Reals) -> Bounds:
    """Replace the logits of some columns; what was sorted is not any more."""
    boxes = max(bounds.low.shape[0], low.shape[0])
    lows, highs = (np.broadcast_to(a, (boxes, len(bounds.ids))).copy() for a in (bounds.low, bounds.high))
    lows[:, columns], highs[:, columns] = low, high
    return _unsorted(bounds.shift(lows, highs))


def _unsorted(bounds: Bounds) -> Bounds:
    return replace(bounds, is_sorted=False)


def temperature(bounds: Bounds, low: Reals, high: Reals) -> Bounds:
    """l / T."""
    return bounds.divide(low, high)


def dynamic_temperature(
    bounds: Bounds,
    value: tuple[Reals, Reals],
    spread: tuple[Reals, Reals],
    exponent: tuple[Reals, Reals],
    share: tuple[Reals, Reals] | None = None,
) -> Bounds:
    """l / T', T' = T_min + (T_max - T_min) · share^exponent, T_min = max(0, T - spread), T_max = T + spread.

    `share` is H / ln n, if more is known of it than these bounds say; as llama.cpp computes it, it may exceed 1. T' is
    computed as llama.cpp does, in 32-bit floats. It rises in T_max and in the power, rounded or not. In T_min it rises
    or, where the power exceeds 1, falls; but T_min stands in two places, and then the roundings may break the order.
    T' is made of nothing negative by three operations in a row, so two values of T_min may be out of order by twice
    sum_of(3) at most.
    """
    fewest, most = bounds.count()
    bounds = bounds.lose((fewest <= 1) & (most > 1)).sort()
    share_low, share_high = _entropy_share(bounds, fewest, most) if share is None else _uncapped(share, most)
    powers = [side**end for side in (share_low, share_high) for end in exponent]
    least = _float32(np.minimum(*powers[:2]) * (1 - rounding.POWF))
    largest = _float32(np.maximum(*powers[2:]) * (1 + rounding.POWF))
    coldest = (_float32(value[0] - spread[1]), _float32(value[1] - spread[0]))
    hottest = (_float32(value[0] + spread[0]), _float32(value[1] + spread[1]))
    cold = np.minimum.reduce([_heat(start, hottest[0], least, -1) for start in coldest])
    hot = np.maximum.reduce([_heat(start, hottest[1], largest, 1) for start in coldest])
    margin = np.where(coldest[0] == coldest[1], 0.0, sum_of(6))
    cold, hot = cold * (1 - margin), hot * (1 + margin)
    usable = (cold > _COLDEST) & (hot < _HOTTEST) & (cold <= hot)
    one = most == 1  # llama.cpp leaves a single candidate alone
    cold, hot = (np.where(usable & ~one, heat, 1.0) for heat in (cold, hot))
    return bounds.lose(~usable & ~one).divide(cold, hot)


def _heat(coldest: Float32Array, hottest: Float32Array, power: Float32Array, sign: int) -> Reals:
    """T' at one end."""
    start = np.maximum(np.float32(0), coldest)
    return _both_ways(start, hottest - start, power, sign).astype(np.float64)


def _uncapped(share: tuple[Reals, Reals], most: Whole) -> tuple[Reals, Reals]:
    """A share of 1 may stand for what llama.cpp, with its roundings, finds to be a little more."""
    relative, absolute = entropy_of(int(most.max()))
    largest = (1 + relative + absolute / np.log(2)) * (1 + sum_of(5))
    return share[0], np.where(share[1] >= 1, np.maximum(share[1], largest), share[1])


def _entropy_share(bounds: Bounds, fewest: Whole, most: Whole) -> tuple[Reals, Reals]:
    """Bounds of H / ln n, where ln n is -logf(1 / n): the division moves it by h / ln 2 of itself at most, logf by
    LOGF = 2h, and the last division the quotient by h: 4.5 h together.
    """
    low, high = entropy(bounds, *bounds.shares())
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = low / np.log(np.maximum(most, 2)), high / np.log(np.maximum(fewest, 2))
    return np.maximum(ends[0] * (1 - sum_of(5)), 0), ends[1] * (1 + sum_of(5))


def _float32(values: Reals) -> Float32Array:
    return values.astype(np.float32)


# --- stages that cut ---


def top_k(bounds: Bounds, k: int) -> Bounds:
    """The k largest logits."""
    limit = np.array([[k]])
    return bounds.sort(k).keep_top(limit, limit)


def top_p(bounds: Bounds, p: float, keep: Keep) -> Bounds:
    """The shortest sorted prefix whose running sum reaches p."""
    bounds = bounds.sort()
    low, high, slack = _running(bounds)
    place = np.arange(1, low.shape[1] + 1)[None, :]
    fewest, most = bounds.count()
    small = _first_or((high + slack >= p) & (place >= keep.fewest), fewest - 1) + 1
    large = _first_or((low - slack >= p) & (place >= keep.most), most - 1) + 1
    return bounds.keep_top(np.minimum(small, fewest), np.minimum(large, most))


def tfs_z(bounds: Bounds, z: float, keep: Keep) -> Bounds:
    """The sorted prefix before the place where the normalised curvature's running sum exceeds z.

    A p_i is off by sum_of(n) of itself. The curvature fl(fl(p_i - p_j) - fl(p_j - p_k)) of neighbours p_i >= p_j >= p_k
    takes three roundings, each of something that p_i or p_j bounds: h · p_i + h · p_j + h · p_i at most. p_i has the
    factor 1 in it and p_j the factor 2, so moving each p by sum_of(n + 2) of itself covers it. A share of the total is
    then off by n roundings of the total, by one of the division, and its running sum by n of its own; no share exceeds
    1, so all that is at most sum_of(2n + 1).

    One or two candidates it leaves as they come, and does not even sort them.
    """
    fewest, most = bounds.count()
    if np.all(most <= 2):
        return bounds
    if not bounds.is_sorted:
        bounds = bounds.lose((fewest <= 2) & (most >= 2)).sort()
    low, high = _rank_shares(bounds)
    n = low.shape[1]
    pad = sum_of(n + 2 + OURS) * high
    low, high = low - pad, high + pad
    inner_low = low[:, :-2] - 2 * high[:, 1:-1] + low[:, 2:]
    inner_high = high[:, :-2] - 2 * low[:, 1:-1] + high[:, 2:]
    valid = np.arange(n - 2)[None, :] < most - 2
    curve_low = np.where(valid, np.maximum(0, np.maximum(inner_low, -inner_high)), 0)
    curve_high = np.where(valid, np.maximum(np.abs(inner_low), np.abs(inner_high)), 0)
    head_low, head_high = np.cumsum(curve_low, axis=1), np.cumsum(curve_high, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_low = head_low / (head_low + after(curve_high))
        share_high = head_high / (head_high + after(curve_low))
    slack = sum_of(2 * n + 1 + OURS)
    place, least, enough = np.arange(n - 2)[None, :], np.maximum(1, keep.fewest), np.maximum(1, keep.most)
    small = _first_or((np.nan_to_num(share_high, nan=1.0) + slack > z) & (place >= least) & valid, most)
    large = _first_or((np.nan_to_num(share_low, nan=0.0) - slack > z) & (place >= enough) & valid, most)
    known = (fewest == most) & (most > 2) & (head_low[:, -1:] * (1 - sum_of(n + OURS)) > _FLAT)
    small = np.where(known, small, np.minimum(least, fewest))
    large = np.where(known, large, most)
    two = most <= 2
    return bounds.keep_top(np.where(two, fewest, small), np.where(two, most, large))


def typ_p(bounds: Bounds, p: float, keep: Keep) -> Bounds:
    """In the order of |-ln p_i - H|, the shortest prefix whose running sum exceeds p; it stays in that order.

    fl(fl(-logf(p_i)) - H): p_i is off by sum_of(n), logf by LOGF = 2h of itself, the difference by h of both, and H as
    its bounds say. All p have to be normal numbers: below, they are off by more, and 0 · ln 0 spoils H.
    """
    bounds = bounds.sort()
    low, high = bounds.shares()
    bounds = bounds.lose(np.asarray((bounds.may & (low < rounding.NOTHING)).any(axis=1, keepdims=True)))
    entropy_low, entropy_high = entropy(bounds, low, high)
    n = len(bounds.ids)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise_low, surprise_high = -np.log(high), -np.log(low)
        pad = in_logarithms(sum_of(n + OURS)) + sum_of(3 + OURS) * np.abs(surprise_high) + sum_of(1) * entropy_high
        near_low = surprise_low - entropy_high - pad
        near_high = surprise_high - entropy_low + pad
    score_low = np.maximum(0, np.maximum(near_low, -near_high))
    score_high = np.maximum(np.abs(near_low), np.abs(near_high))
    bounds = bounds.order_by(-np.nan_to_num(score_high, nan=np.inf), -np.nan_to_num(score_low, nan=0.0))
    certain, possible = bounds.ranks()
    before_low, before_high = _sums_before(bounds, np.where(bounds.must, low, 0), np.where(bounds.may, high, 0))
    slack = sum_of(2 * n + OURS)  # of a p and of their running sum, as in `_running`
    surely = (before_high + slack <= p) | (possible < np.maximum(1, keep.fewest))
    perhaps = (before_low - slack <= p) | (certain < np.maximum(1, keep.most))
    return bounds.keep(surely, perhaps)


def min_p(bounds: Bounds, p: float, keep: Keep) -> Bounds:
    """l >= m + ln p with the largest logit m; below min_keep candidates llama.cpp sorts and cuts another way.

    It compares l with fl(m + logf(p)), which is off by h · |m| and by (LOGF + h) · |ln p| = 3h · |ln p|. Bounds of the
    exponent fl(l - m) stand for l - m, which at the threshold is h · |ln p| more. So sum_of(4) of |m| + |ln p| is
    enough.
    """
    low, high, _ = bounds.relative()
    ends = np.where(bounds.must, bounds.low, -np.inf), np.where(bounds.may, bounds.high, -np.inf)
    size = np.maximum(*(np.abs(end.max(axis=1, keepdims=True)) for end in ends))  # of m, before the scale
    pad = sum_of(4 + OURS) * (size * bounds.scale_high + abs(np.log(p)))
    top_low = np.where(bounds.must, low, -np.inf).max(axis=1, keepdims=True)
    top_high = np.where(bounds.may, high, -np.inf).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        surely = low - top_high >= np.log(p) + pad
        perhaps = high - top_low >= np.log(p) - pad
    best = np.where(bounds.must, low, -np.inf) >= top_high  # the largest always stays
    surely = surely | (best & (bounds.may.sum(axis=1, keepdims=True) > 0))
    if np.any(keep.most > 1) and bounds.is_sorted:
        certain, possible = bounds.ranks()
        surely, perhaps = surely | (possible < keep.fewest), perhaps | (certain < keep.most)
    elif np.any(keep.most > 1):
        bounds = bounds.lose((bounds.must & surely).sum(axis=1, keepdims=True) < keep.most)
    return bounds.keep(surely, perhaps)


def xtc(bounds: Bounds, threshold: float, keep: Keep, *, fires: bool) -> Bounds:
    """If it fires: drop every candidate of at least the threshold but the last of them."""
    fewest, most = bounds.count()
    bounds = bounds.lose((fewest < 2) & (most >= 2))  # whether a number is drawn must be certain, too
    if not fires:
        return bounds
    bounds = bounds.sort()
    low, high = _rank_shares(bounds)
    slack = sum_of(low.shape[1] + OURS)  # of a p, relatively: n - 1 additions and a division
    # at a threshold of 0 what is not there, with weight 0, would count as well
    fewest_above = np.minimum((low * (1 - slack) >= threshold).sum(axis=1, keepdims=True), fewest)
    most_above = np.minimum((high * (1 + slack) >= threshold).sum(axis=1, keepdims=True), most)
    drop_low, drop_high = (np.maximum(above - 1, 0) for above in (fewest_above, most_above))
    bounds = bounds.lose((drop_high > 0) & (fewest - drop_high < np.maximum(1, keep.most)) & (most > 1))
    certain, possible = bounds.ranks()
    return bounds.keep(certain >= drop_high, possible >= drop_low)


def top_n_sigma(bounds: Bounds, n: float) -> Bounds:
    """l >= max - n · sigma over the finite logits; the others are masked to -inf and stay in the list.

    fl(max - fl(n · sigma)) is off by h · |max| and by 2h · n · sigma.
    """
    bounds = bounds.settled()
    fewest, most = bounds.count()
    low, high = np.where(bounds.may, bounds.low, np.nan), np.where(bounds.may, bounds.high, np.nan)
    finite = np.isfinite(low) & np.isfinite(high)
    half = (bounds.may & (np.isfinite(low) != np.isfinite(high))).any(axis=1, keepdims=True)
    bounds = bounds.lose(half | ((fewest <= 1) & (most > 1)))
    low, high = np.where(finite, low, np.nan), np.where(finite, high, np.nan)
    sigma_low, sigma_high = _deviation(low, high, known=bounds.must.sum(axis=1) == bounds.may.sum(axis=1))
    top_low = np.where(bounds.must & finite, low, -np.inf).max(axis=1, keepdims=True)
    top_high = np.where(bounds.may & finite, high, -np.inf).max(axis=1, keepdims=True)
    top = np.maximum(*(np.abs(np.nan_to_num(end, neginf=0)) for end in (top_low, top_high)))
    pad = sum_of(2 + OURS) * (top + n * sigma_high)
    with np.errstate(invalid="ignore"):
        surely = low >= top_high - n * sigma_low + pad
        perhaps = high >= top_low - n * sigma_high - pad
    single = most <= 1
    surely, perhaps = surely | single, perhaps | single
    return bounds.shift(np.where(surely, bounds.low, -np.inf), np.where(perhaps, bounds.high, -np.inf))


def _deviation(low: Reals, high: Reals, *, known: Flags) -> tuple[Reals, Reals]:
    """Bounds of the standard deviation that llama.cpp finds of numbers within low..high (NaN: none). `known`, shape
    (boxes,): whether there are no others.

    The exact one: |sd(x) - sd(y)| <= rms(x - y), with the middles as y; and of numbers within a range it is at most
    half of it. llama.cpp's mean is a float32 sum of numbers of both signs, off by sum_of(n) of the mean of |x|, which
    may be more than all the deviation there is; about a mean that is off by d, the numbers deviate by the root of
    sd² + d², so never less. Then (x - mean)² has 2h and their sum n · h, of which the root takes half, the division
    and the root itself add h / 2 and h: sum_of(n + 4) is more than that.

    For example: 1000.01 and 999.99, a hundred times. The deviation is 0.01, and what the mean may be off by is 0.012.
    """
    middle, radius = (low + high) / 2, (high - low) / 2
    count = np.maximum(np.sum(~np.isnan(middle), axis=1, keepdims=True), 1)
    mean = np.nansum(middle, axis=1, keepdims=True) / count
    sigma = np.sqrt(np.nansum((middle - mean) ** 2, axis=1, keepdims=True) / count)
    off = np.sqrt(np.nansum(radius**2, axis=1, keepdims=True) / count)
    largest = np.where(np.isnan(high), -np.inf, high).max(axis=1, keepdims=True)
    smallest = np.where(np.isnan(low), np.inf, low).min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        widest = np.nan_to_num((largest - smallest) / 2, nan=0, posinf=0, neginf=0)
    sure = known[:, None]
    sizes = np.nan_to_num(np.maximum(np.abs(low), np.abs(high)), nan=0.0)
    mean_size = np.where(sure, sizes.sum(axis=1, keepdims=True) / count, sizes.max(axis=1, keepdims=True))
    astray, slack = sum_of(low.shape[1] + OURS) * mean_size, sum_of(low.shape[1] + 4 + OURS)
    exact_low, exact_high = np.where(sure, np.maximum(0, sigma - off), 0.0), np.where(sure, sigma + off, widest)
    return exact_low * (1 - slack), np.hypot(exact_high, astray) * (1 + slack)


# --- probabilities ---


def _rank_shares(bounds: Bounds) -> tuple[Reals, Reals]:
    """Bounds of the largest, second largest, … probability: the r-th largest of bounds bounds the r-th largest."""
    low, high = (-np.sort(-side, axis=1) for side in bounds.weights())
    with np.errstate(invalid="ignore", divide="ignore"):
        share_low, share_high = low / (low + others(high)), high / (high + others(low))
    return np.nan_to_num(share_low, nan=0.0), np.nan_to_num(share_high, nan=1.0)


def _running(bounds: Bounds) -> tuple[Reals, Reals, float]:
    """Bounds of the running sum of the sorted probabilities, and what float32 can lose in it: n - 1 additions and a
    division in each p, and n - 1 additions more in their running sum, of which none exceeds 1.
    """
    low, high = (-np.sort(-side, axis=1) for side in bounds.weights())
    head_low, head_high = np.cumsum(low, axis=1), np.cumsum(high, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sum_low = head_low / (head_low + after(high))
        sum_high = head_high / (head_high + after(low))
    return np.nan_to_num(sum_low, nan=0.0), np.nan_to_num(sum_high, nan=1.0), sum_of(2 * low.shape[1] + OURS)


def entropy(bounds: Bounds, low: Reals, high: Reals) -> tuple[Reals, Reals]:
    """Bounds of -sum p ln p, shapes (boxes, 1), as llama.cpp computes it, for probabilities within low..high; of n
    candidates it is ln n at most.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [np.nan_to_num(-share * np.log(share), nan=0.0) for share in (low, high)]
    peak = (low <= 1 / np.e) & (high >= 1 / np.e)
    largest = np.where(peak, 1 / np.e, np.maximum(*ends))
    small = np.sum(np.where(bounds.must, np.minimum(*ends), 0), axis=1, keepdims=True)
    large = np.sum(np.where(bounds.may, largest, 0), axis=1, keepdims=True)
    large = np.minimum(large, np.log(np.maximum(bounds.may.sum(axis=1, keepdims=True), 1)))
    relative, absolute = entropy_of(len(bounds.ids))
    return small * (1 - relative) - absolute, large * (1 + relative) + absolute


def _sums_before(bounds: Bounds, low: Reals, high: Reals) -> tuple[Reals, Reals]:
    """Per candidate the least and most that the candidates before it, by the bounds' key, add up to."""
    boxes = max(a.shape[0] for a in (low, high, bounds.key_low, bounds.must))
    n = len(bounds.ids)
    low, high, keys_low, keys_high = (
        np.broadcast_to(a, (boxes, n)) for a in (low, high, bounds.key_low, bounds.key_high)
    )
    least, most = np.empty((boxes, n)), np.empty((boxes, n))
    for row in range(boxes):
        for out, weight, sort_key, ask, strict in (
            (least, low[row], keys_low[row], keys_high[row], True),
            (most, high[row], keys_high[row], keys_low[row], False),
        ):
            order = np.argsort(-sort_key, kind="stable")
            running = np.concatenate([[0.0], np.cumsum(weight[order])])
            rising = sort_key[order][::-1]
            out[row] = running[n - (rising.searchsorted(ask, "right") if strict else rising.searchsorted(ask))]
        # a candidate is among those before it by the bounds; what is left without it may have been lost beside it
        most[row] += most[row] * double_sum_of(n + 1) - high[row]
    return least, np.maximum(most, 0)


def _first_or(reached: Flags, otherwise: Whole) -> Whole:
    """Per row the first column that is True; `otherwise`, shape (boxes, 1), where none is."""
    return np.where(reached.any(axis=1, keepdims=True), reached.argmax(axis=1)[:, None], otherwise)
