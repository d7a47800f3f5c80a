"""Every stage of the chain once more, on bounds: what it certainly keeps, and what it may keep.

Guarantee: if the candidates that go in lie within the bounds, those that the real stage hands on lie within the bounds
that come out. The rules are those of llama-sampler.cpp (and of sampling/stages.py for tail-free sampling); each margin
is at least what float32 can lose there: half a unit in the last place for an operation, n of them for a sum of n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tsumami.boundaries.bounds.bounds import Bounds, Flags, Reals, Whole
from tsumami.native import Float32Array

__all__ = ["Dry", "Keep", "Penalties", "dynamic_temperature", "keep_by", "min_p", "temperature", "tfs_z", "top_k"]
__all__ += ["top_n_sigma", "top_p", "typ_p", "xtc"]

_HALF_ULP: Final = 2.0**-24
_POWF: Final = 2.0**-22  # glibc's powf is better than that
_NOTHING: Final = -100.0  # expf of less may be 0, and then an entropy is not a number


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

    def apply(self, bounds: Bounds) -> None:
        """l · r where l <= 0, else l / r; then minus c · frequency + presence, if it was seen c > 0 times. It falls in
        every penalty and is monotonous in c from 1 on, and float32 keeps it so; where both products count, the compiler
        may leave out a rounding.
        """
        bounds.collapse()
        bounds.is_sorted = False
        columns = np.flatnonzero(self.most.any(axis=0))
        if not len(columns):
            return
        plain = not np.any(self.frequency[1]) or not np.any(self.presence[1])
        fewest, most = self.fewest[:, columns], self.most[:, columns]
        once = np.minimum(np.maximum(fewest, np.float32(1)), most)
        options = [most] if np.array_equal(fewest, most) else [fewest, once, most]
        lows = [self._move(bounds.low[:, columns], counts, 1) for counts in options]
        highs = [self._move(bounds.high[:, columns], counts, 0) for counts in options]
        _put(bounds, columns, np.minimum.reduce(lows), np.maximum.reduce(highs), exact=plain)

    def _move(self, logits: Reals, counts: Float32Array, end: int) -> Reals:
        """The logits, shape (boxes, n), after the penalties at one end of their ranges, with float32's arithmetic."""
        repeat, frequency, presence = (
            pair[end].astype(np.float32) for pair in (self.repeat, self.frequency, self.presence)
        )
        single = logits.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            moved = np.where(single <= 0, single * repeat, single / repeat) - (counts * frequency + presence)
        return np.where(counts > 0, moved, single).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Dry:
    """What DRY takes from each candidate: 32-bit floats within low..high, shapes (boxes, candidates)."""

    low: Float32Array
    high: Float32Array

    def apply(self, bounds: Bounds) -> None:
        """l minus the amount."""
        bounds.collapse()
        bounds.is_sorted = False
        columns = np.flatnonzero(self.high.any(axis=0))
        if not len(columns):
            return
        low, high = (side[:, columns].astype(np.float32) for side in (bounds.low, bounds.high))
        lows, highs = low - self.high[:, columns], high - self.low[:, columns]
        _put(bounds, columns, lows.astype(np.float64), highs.astype(np.float64), exact=True)


def _put(bounds: Bounds, columns: Whole, low: Reals, high: Reals, *, exact: bool) -> None:
    """Replace the logits of some columns; `exact`: by what float32 makes of the bounds before, to the last bit."""
    boxes = max(bounds.low.shape[0], low.shape[0])
    lows, highs = (np.broadcast_to(a, (boxes, len(bounds.ids))).copy() for a in (bounds.low, bounds.high))
    lows[:, columns], highs[:, columns] = low, high
    bounds.shift(lows, highs, rounded=not exact)


def temperature(bounds: Bounds, low: Reals, high: Reals) -> None:
    """l / T."""
    bounds.divide(low, high)


def dynamic_temperature(
    bounds: Bounds,
    value: tuple[Reals, Reals],
    spread: tuple[Reals, Reals],
    exponent: tuple[Reals, Reals],
    share: tuple[Reals, Reals] | None = None,
) -> None:
    """l / T', T' = T_min + (T_max - T_min) · share^exponent, T_min = max(0, T - spread), T_max = T + spread.

    `share` is H / ln n, if more is known of it than these bounds say. T' is computed as llama.cpp does, in 32-bit
    floats; that it rises in T_min is lost in the rounding, which matters where T_min is not a single number.
    """
    fewest, most = bounds.count()
    bounds.lose((fewest <= 1) & (most > 1))
    bounds.sort()
    share_low, share_high = _entropy_share(bounds, fewest, most) if share is None else share
    powers = share_low ** exponent[1] * (1 - _POWF), np.minimum(share_high ** exponent[0] * (1 + _POWF), 1 + _POWF)
    coldest = (_float32(value[0] - spread[1]), _float32(value[1] - spread[0]))
    hottest = (_float32(value[0] + spread[0]), _float32(value[1] + spread[1]))
    single = (coldest[0] == coldest[1]) & (hottest[0] == hottest[1])
    margin = np.where(single, 0.0, 8 * _HALF_ULP)
    low, high = (_heats(coldest[end], hottest[end], _float32(powers[end])) for end in (0, 1))
    cold, hot = np.minimum(*low) * (1 - margin), np.maximum(*high) * (1 + margin)
    usable = (cold > 1e-30) & (hot < 1e9) & (cold <= hot)
    one = most == 1  # llama.cpp leaves a single candidate alone
    bounds.lose(~usable & ~one)
    cold, hot = (np.where(usable & ~one, value_, 1.0) for value_ in (cold, hot))
    bounds.divide(cold, hot)


def _heats(coldest: Float32Array, hottest: Float32Array, power: Float32Array) -> tuple[Reals, Reals]:
    """T' with a rounding after each operation, and without the one that a compiler may leave out (a fused multiply)."""
    start = np.maximum(np.float32(0), coldest)
    width = hottest - start
    rounded = start + width * power
    fused = (start.astype(np.float64) + width.astype(np.float64) * power).astype(np.float32)
    return rounded.astype(np.float64), fused.astype(np.float64)


def _entropy_share(bounds: Bounds, fewest: Whole, most: Whole) -> tuple[Reals, Reals]:
    """Bounds of H / ln n."""
    low, high = _entropy(bounds, zero_is_fine=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = low / np.log(np.maximum(most, 2)), high / np.log(np.maximum(fewest, 2))
    return np.clip(ends[0] * (1 - 8 * _HALF_ULP), 0, 1), np.clip(ends[1] * (1 + 8 * _HALF_ULP), 0, 1)


def _float32(values: Reals) -> Float32Array:
    return values.astype(np.float32)


# --- stages that cut ---


def top_k(bounds: Bounds, k: int) -> None:
    """The k largest logits."""
    bounds.sort()
    limit = np.array([[k]])
    bounds.keep_top(limit, limit)


def keep_by(bounds: Bounds, rank: Whole, fewest: Whole, most: Whole) -> None:
    """Keep `fewest`..`most` candidates, shapes (boxes, 1), by a rank that is known, shape (candidates,)."""
    bounds.keep(rank[None, :] < fewest, rank[None, :] < most)


def top_p(bounds: Bounds, p: float, keep: Keep) -> None:
    """The shortest sorted prefix whose running sum reaches p."""
    bounds.sort()
    low, high, slack = _running(bounds)
    place = np.arange(1, low.shape[1] + 1)[None, :]
    fewest, most = bounds.count()
    small = _first_or((high + slack >= p) & (place >= keep.fewest), fewest - 1) + 1
    large = _first_or((low - slack >= p) & (place >= keep.most), most - 1) + 1
    bounds.keep_top(np.minimum(small, fewest), np.minimum(large, most))


def tfs_z(bounds: Bounds, z: float, keep: Keep) -> None:
    """The sorted prefix before the place where the normalised curvature's running sum exceeds z."""
    bounds.sort()
    fewest, most = bounds.count()
    low, high = _rank_shares(bounds)
    n = low.shape[1]
    if n <= 2:
        return
    pad = (n + 8) * _HALF_ULP * high
    low, high = low - pad, high + pad
    inner_low = low[:, :-2] - 2 * high[:, 1:-1] + low[:, 2:]
    inner_high = high[:, :-2] - 2 * low[:, 1:-1] + high[:, 2:]
    valid = np.arange(n - 2)[None, :] < most - 2
    curve_low = np.where(valid, np.maximum(0, np.maximum(inner_low, -inner_high)), 0)
    curve_high = np.where(valid, np.maximum(np.abs(inner_low), np.abs(inner_high)), 0)
    head_low, head_high = np.cumsum(curve_low, axis=1), np.cumsum(curve_high, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_low = head_low / (head_low + head_high[:, -1:] - head_high)
        share_high = head_high / (head_high + head_low[:, -1:] - head_low)
    slack = (n + 8) * 2 * _HALF_ULP
    place, least, enough = np.arange(n - 2)[None, :], np.maximum(1, keep.fewest), np.maximum(1, keep.most)
    small = _first_or((np.nan_to_num(share_high, nan=1.0) + slack > z) & (place >= least) & valid, most)
    large = _first_or((np.nan_to_num(share_low, nan=0.0) - slack > z) & (place >= enough) & valid, most)
    known = (fewest == most) & (most > 2) & (head_low[:, -1:] > 1.1e-6)
    small = np.where(known, small, np.minimum(least, fewest))
    large = np.where(known, large, most)
    two = most <= 2
    bounds.keep_top(np.where(two, fewest, small), np.where(two, most, large))


def typ_p(bounds: Bounds, p: float, keep: Keep) -> None:
    """In the order of |-ln p_i - H|, the shortest prefix whose running sum exceeds p; it stays in that order."""
    bounds.sort()
    entropy_low, entropy_high = _entropy(bounds, zero_is_fine=False)
    low, high = _shares(bounds)
    n = len(bounds.ids)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise_low, surprise_high = -np.log(high), -np.log(low)
        pad = (n + 16) * _HALF_ULP * (np.abs(surprise_high) + 1) + 8 * _HALF_ULP * entropy_high
        near_low = surprise_low - entropy_high - pad
        near_high = surprise_high - entropy_low + pad
    score_low = np.maximum(0, np.maximum(near_low, -near_high))
    score_high = np.maximum(np.abs(near_low), np.abs(near_high))
    bounds.order_by(-np.nan_to_num(score_high, nan=np.inf), -np.nan_to_num(score_low, nan=0.0))
    certain, possible = bounds.ranks()
    before_low, before_high = _sums_before(bounds, np.where(bounds.must, low, 0), np.where(bounds.may, high, 0))
    slack = (2 * n + 8) * _HALF_ULP
    surely = (before_high + slack <= p) | (possible < np.maximum(1, keep.fewest))
    perhaps = (before_low - slack <= p) | (certain < np.maximum(1, keep.most))
    bounds.keep(surely, perhaps)


def min_p(bounds: Bounds, p: float, keep: Keep) -> None:
    """l >= max + ln p; below min_keep candidates llama.cpp sorts and cuts another way."""
    low, high = bounds.relative()
    size = np.abs(np.where(np.isfinite(bounds.high), bounds.high, 0)).max() * bounds.scale_high
    pad = 4 * _HALF_ULP * (size + abs(np.log(p)) + 1)
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
        bounds.lose((bounds.must & surely).sum(axis=1, keepdims=True) < keep.most)
    bounds.keep(surely, perhaps)


def xtc(bounds: Bounds, threshold: float, keep: Keep, *, fires: bool) -> None:
    """If it fires: drop every candidate of at least the threshold but the last of them."""
    fewest, most = bounds.count()
    bounds.lose((fewest < 2) & (most >= 2))  # whether a number is drawn is part of what must be certain
    if not fires:
        return
    bounds.sort()
    low, high = _rank_shares(bounds)
    slack = (low.shape[1] + 8) * _HALF_ULP
    fewest_above = (low * (1 - slack) >= threshold).sum(axis=1, keepdims=True)
    most_above = (high * (1 + slack) >= threshold).sum(axis=1, keepdims=True)
    drop_low, drop_high = (np.maximum(above - 1, 0) for above in (fewest_above, most_above))
    bounds.lose((drop_high > 0) & (fewest - drop_high < np.maximum(1, keep.most)) & (most > 1))
    certain, possible = bounds.ranks()
    bounds.keep(certain >= drop_high, possible >= drop_low)


def top_n_sigma(bounds: Bounds, n: float) -> None:
    """l >= max - n · sigma over the finite logits; the others are masked to -inf and stay in the list."""
    bounds.collapse()
    fewest, most = bounds.count()
    bounds.lose((fewest <= 1) & (most > 1))
    low, high = np.where(bounds.may, bounds.low, np.nan), np.where(bounds.may, bounds.high, np.nan)
    finite = np.isfinite(low) & np.isfinite(high)
    bounds.lose((bounds.may & (np.isfinite(low) != np.isfinite(high))).any(axis=1, keepdims=True))
    low, high = np.where(finite, low, np.nan), np.where(finite, high, np.nan)
    sigma_low, sigma_high = _deviation(low, high, known=bounds.must.sum(axis=1) == bounds.may.sum(axis=1))
    slack = (len(bounds.ids) + 8) * _HALF_ULP
    top_low = np.where(bounds.must & finite, low, -np.inf).max(axis=1, keepdims=True)
    top_high = np.where(bounds.may & finite, high, -np.inf).max(axis=1, keepdims=True)
    pad = 8 * _HALF_ULP * (np.abs(np.nan_to_num(top_high, neginf=0)) + n * sigma_high)
    with np.errstate(invalid="ignore"):
        surely = low >= top_high - n * sigma_low * (1 - slack) + pad
        perhaps = high >= top_low - n * sigma_high * (1 + slack) - pad
    single = most <= 1
    surely, perhaps = surely | single, perhaps | single
    bounds.shift(np.where(surely, bounds.low, -np.inf), np.where(perhaps, bounds.high, -np.inf), rounded=False)


def _deviation(low: Reals, high: Reals, *, known: Flags) -> tuple[Reals, Reals]:
    """Bounds of the standard deviation of numbers within low..high (NaN: none): |sd(x) - sd(y)| <= rms(x - y)."""
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
    return np.where(sure, np.maximum(0, sigma - off), 0.0), np.where(sure, sigma + off, widest)


# --- probabilities ---


def _shares(bounds: Bounds) -> tuple[Reals, Reals]:
    """Bounds of each candidate's probability if it is there: w / (w + all others)."""
    low, high = bounds.weights()
    relative_low, _ = bounds.relative()
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        own_low = np.where(bounds.may, np.exp(relative_low) * (1 - 2 * _HALF_ULP), 0.0)
        others_low, others_high = low.sum(axis=1, keepdims=True) - low, high.sum(axis=1, keepdims=True) - high
        share_low, share_high = own_low / (own_low + others_high), high / (high + np.maximum(others_low, 0))
    return np.nan_to_num(share_low, nan=0.0), np.nan_to_num(share_high, nan=1.0)


def _rank_shares(bounds: Bounds) -> tuple[Reals, Reals]:
    """Bounds of the largest, second largest, … probability: the r-th largest of bounds bounds the r-th largest."""
    low, high = (-np.sort(-side, axis=1) for side in bounds.weights())
    others_low, others_high = low.sum(axis=1, keepdims=True) - low, high.sum(axis=1, keepdims=True) - high
    with np.errstate(invalid="ignore", divide="ignore"):
        share_low, share_high = low / (low + others_high), high / (high + np.maximum(others_low, 0))
    return np.nan_to_num(share_low, nan=0.0), np.nan_to_num(share_high, nan=1.0)


def _running(bounds: Bounds) -> tuple[Reals, Reals, float]:
    """Bounds of the running sum of the sorted probabilities, and what float32 can lose in it."""
    low, high = (-np.sort(-side, axis=1) for side in bounds.weights())
    head_low, head_high = np.cumsum(low, axis=1), np.cumsum(high, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sum_low = head_low / (head_low + np.maximum(head_high[:, -1:] - head_high, 0))
        sum_high = head_high / (head_high + np.maximum(head_low[:, -1:] - head_low, 0))
    slack = (2 * low.shape[1] + 8) * _HALF_ULP
    return np.nan_to_num(sum_low, nan=0.0), np.nan_to_num(sum_high, nan=1.0), slack


def _entropy(bounds: Bounds, *, zero_is_fine: bool) -> tuple[Reals, Reals]:
    """Bounds of -sum p ln p, shapes (boxes, 1); where llama.cpp would add 0 · ln 0, the box is lost."""
    low, high = _shares(bounds)
    if not zero_is_fine:
        relative, _ = bounds.relative()
        bounds.lose(np.asarray((bounds.may & (relative < _NOTHING)).any(axis=1, keepdims=True)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [np.nan_to_num(-share * np.log(share), nan=0.0) for share in (low, high)]
    peak = (low <= 1 / np.e) & (high >= 1 / np.e)
    largest = np.where(peak, 1 / np.e, np.maximum(*ends))
    small = np.sum(np.where(bounds.must, np.minimum(*ends), 0), axis=1, keepdims=True)
    large = np.sum(np.where(bounds.may, largest, 0), axis=1, keepdims=True)
    slack = 4 * (len(bounds.ids) + 8) * _HALF_ULP
    return small * (1 - slack) - slack, large * (1 + slack) + slack


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
        most[row] -= high[row]
    return least, np.maximum(most, 0)


def _first_or(reached: Flags, otherwise: Whole) -> Whole:
    """Per row the first column that is True; `otherwise`, shape (boxes, 1), where none is."""
    return np.where(reached.any(axis=1, keepdims=True), reached.argmax(axis=1)[:, None], otherwise)
