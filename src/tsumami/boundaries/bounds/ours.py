"""The stages of ours on bounds, as transfer.py has those of llama.cpp (sampling/cuts.py says what each does).

Guarantee: as there. What is different: these stages compute in double precision from the 32-bit logits, while the
bounds of weights (bounds.py) are of expf of exponents that were rounded to 32 bits. An exponent e is off by h · |e|, so
a weight by expm1(h · |e|) of itself. From e = -87 on bounds say only "at most NOTHING"; with a gap of at most `_GAP`
between the candidate that all is relative to and the largest, no weight that is told is off by more than
expm1(h · (87 + 2 · _GAP)), and neither is a sum of them; a probability is off by twice that, and a little. What double
precision itself loses is far below.

For example: top-a with a = 0.2, of probabilities 0.5..0.6, 0.2..0.3, 0.01. The threshold is 0.05..0.072, so the first
two stay and the third goes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from tsumami.boundaries.bounds import rounding
from tsumami.boundaries.bounds.bounds import Bounds, Flags, Reals, Whole
from tsumami.boundaries.bounds.rounding import after
from tsumami.boundaries.bounds.transfer import Keep, entropy
from tsumami.sampling.cuts import TOP_H_OF, entropy_terms
from tsumami.sampling.reshaping import IN_ORDER, smoothed, terms

__all__ = ["epsilon_cutoff", "eta_cutoff", "smoothing", "top_a", "top_h", "without"]

_GAP: Final = 40.0
#: A probability, see above.
_PART: Final = 2.1 * math.expm1(rounding.HALF_ULP * (87.5 + 2 * _GAP))
#: What a few thousand operations in double precision can lose, relatively.
_DOUBLE: Final = 1e-11


def top_a(bounds: Bounds, a: float, keep: Keep) -> Bounds:
    """p >= a · p_max²; p_max is at least what is surely there, and at most the most that may be there."""
    bounds, low, high = _probabilities(bounds)
    least = np.where(bounds.must, low, 0.0).max(axis=1, keepdims=True)
    most = np.where(bounds.may, high, 0.0).max(axis=1, keepdims=True)
    return _reaching(bounds, (low, high), (a * least**2, a * most**2), keep)


def epsilon_cutoff(bounds: Bounds, epsilon: float, keep: Keep) -> Bounds:
    """p >= ε."""
    bounds, low, high = _probabilities(bounds)
    edge = np.array([[epsilon]])
    return _reaching(bounds, (low, high), (edge, edge), keep)


def eta_cutoff(bounds: Bounds, epsilon: float, keep: Keep) -> Bounds:
    """p >= min(ε, √ε · e^-H), which falls in H."""
    bounds, low, high = _probabilities(bounds)
    least, most = entropy(bounds, np.where(bounds.must, low, 0.0), np.where(bounds.may, high, 0.0))
    edges = tuple(np.minimum(epsilon, np.sqrt(epsilon) * np.exp(-end)) for end in (most, least))
    return _reaching(bounds, (low, high), (edges[0], edges[1]), keep)


def top_h(bounds: Bounds, h: float) -> Bounds:
    """Of the 100 largest those whose entropy terms add up to at most h times all of them: with B the terms up to a
    candidate and A those behind it, B · (1 - h) <= h · A.
    """
    bounds = _close(bounds)
    low, high = (-np.sort(-side, axis=1)[:, :TOP_H_OF] for side in bounds.weights())
    low, high = _shares(low, high)
    least, most = _terms(low, high)
    small = np.cumsum(most, axis=1) * (1 - h) * (1 + _DOUBLE) <= h * after(least) * (1 - _DOUBLE)
    large = np.cumsum(least, axis=1) * (1 - h) * (1 - _DOUBLE) <= h * after(most) * (1 + _DOUBLE)
    fewest, most_kept = (np.maximum(1, np.cumprod(side, axis=1).sum(axis=1, keepdims=True)) for side in (small, large))
    certain, possible = _ranks(bounds)
    return _unless_all_are_banned(bounds).keep(possible < fewest, certain < most_kept)


def without(bounds: Bounds, surely: Flags, perhaps: Flags) -> Bounds:
    """Candidates of `surely` stay for sure, others of `perhaps` may. Where none may be left, all stay at -inf."""
    left = np.asarray((bounds.must & surely).any(axis=1, keepdims=True))
    return (bounds if left.all() else bounds.lose(~left)).keep(surely, perhaps)


def smoothing(bounds: Bounds, factor: tuple[Reals, Reals], curve: tuple[Reals, Reals]) -> Bounds:
    """l_max + g(d), g(d) = A · d² + B · d³ with d = l - l_max, at most 0.

    A and B are linear in the factor and in the curve, each while the other stays, so for any d the ends of g are at the
    ends of both. In d the ends of g are at the ends of d, or where g' = 0: at d = -2A / 3B. Up to a curve of 3 nothing
    changes places; beyond, what was sorted is not any more.
    """
    bounds = bounds.settled()
    top = np.where(bounds.must, bounds.low, -np.inf).max(axis=1, keepdims=True)
    most = np.where(bounds.may, bounds.high, -np.inf).max(axis=1, keepdims=True)
    bounds = bounds.lose(~np.isfinite(top) | ~np.isfinite(most))
    top, most = np.where(np.isfinite(top), top, 0.0), np.where(np.isfinite(most), most, 0.0)
    stays = np.array_equal(factor[0], factor[1]) and np.array_equal(curve[0], curve[1])
    if stays and bounds.exact and np.array_equal(top, most):
        low = high = smoothed(bounds.low - top, top, factor[0], curve[0])
    else:
        nearest, farthest = np.minimum(bounds.high - top, 0.0), np.minimum(bounds.low - most, 0.0)
        low, high = _bent(farthest, nearest, factor, curve)
        low, high = low + top, high + most
        size = np.maximum(np.abs(top), np.abs(most)) + 1
        low, high = (end + side * _DOUBLE * (size + _finite(end)) for end, side in ((low, -1), (high, 1)))
    with np.errstate(over="ignore"):
        low = np.nan_to_num(low, nan=-np.inf, posinf=np.inf, neginf=-np.inf).astype(np.float32).astype(np.float64)
        high = np.nan_to_num(high, nan=np.inf, posinf=np.inf, neginf=-np.inf).astype(np.float32).astype(np.float64)
    bounds = bounds.lose(np.asarray((bounds.may & (high == np.inf)).any(axis=1, keepdims=True)))
    made = bounds.shift(low, high)
    return replace(made, is_sorted=made.is_sorted and bool(np.all(curve[1] <= IN_ORDER)))


def _bent(far: Reals, near: Reals, factor: tuple[Reals, Reals], curve: tuple[Reals, Reals]) -> tuple[Reals, Reals]:
    """Bounds of g for d from `far` to `near`, before any rounding; with room for what A · d² and B · d³ lose beside
    each other.
    """
    lows, highs = [], []
    for f in factor:
        for c in curve:
            square, cube = terms(f, c)
            with np.errstate(divide="ignore", invalid="ignore"):
                bend = np.clip(np.nan_to_num(-2 * square / (3 * cube), nan=0.0), far, near)
            for d in (far, near, bend):
                g, size = smoothed(d, 0.0, f, c), np.abs(square) * d * d + np.abs(cube * d * d * d)
                room = _DOUBLE * np.nan_to_num(size, nan=0.0, posinf=0.0)
                lows.append(g - room)
                highs.append(g + room)
    return np.minimum.reduce(lows), np.maximum.reduce(highs)


def _finite(values: Reals) -> Reals:
    return np.where(np.isfinite(values), np.abs(values), 0.0)


# --- what they share ---


def _close(bounds: Bounds) -> Bounds:
    """Boxes in which the largest logit may exceed the one that all is relative to by more than `_GAP` are lost."""
    gap = bounds.relative().gap
    return bounds.lose(gap > _GAP) if np.any(gap > _GAP) else bounds


def _probabilities(bounds: Bounds) -> tuple[Bounds, Reals, Reals]:
    """Bounds of each candidate's probability, as double precision has it, if it is there."""
    bounds = _close(bounds)
    low, high = bounds.shares()
    return bounds, low * (1 - _PART), np.minimum(high * (1 + _PART), 1.0)


def _shares(low: Reals, high: Reals) -> tuple[Reals, Reals]:
    """The same of weights, of all those there are."""
    with np.errstate(invalid="ignore", divide="ignore"):
        least, most = low / (low + rounding.others(high)), high / (high + rounding.others(low))
    least, most = np.nan_to_num(least, nan=0.0), np.nan_to_num(most, nan=1.0)
    return least * (1 - _PART), np.minimum(most * (1 + _PART), 1.0)


def _terms(low: Reals, high: Reals) -> tuple[Reals, Reals]:
    """Bounds of -p ln p, which rises to 1 / e and falls from there."""
    ends = entropy_terms(low), entropy_terms(high)
    peak = (low <= 1 / np.e) & (high >= 1 / np.e)
    return np.minimum(*ends), np.where(peak, 1 / np.e, np.maximum(*ends))


def _reaching(bounds: Bounds, p: tuple[Reals, Reals], edge: tuple[Reals, Reals], keep: Keep) -> Bounds:
    """Keep what reaches a threshold within `edge`, shapes (boxes, 1), and as many of the largest as must be."""
    surely, perhaps = p[0] >= edge[1] * (1 + _DOUBLE), p[1] >= edge[0] * (1 - _DOUBLE)
    certain, possible = _ranks(bounds)
    surely |= possible < np.maximum(1, keep.fewest)
    perhaps |= certain < np.maximum(1, keep.most)
    return _unless_all_are_banned(bounds).keep(surely, perhaps)


def _unless_all_are_banned(bounds: Bounds) -> Bounds:
    """Where every logit may be -inf, a stage may leave all as they are."""
    there = np.where(bounds.must, bounds.low, -np.inf).max(axis=1, keepdims=True) > -np.inf
    return bounds if there.all() else bounds.lose(~there)


def _ranks(bounds: Bounds) -> tuple[Whole, Whole]:
    """Per candidate how many others are certainly, and at most, larger. Of equal ones the earlier counts as larger, so
    where the list is sorted its own order says it.
    """
    if bounds.is_sorted:
        return bounds.ranks()
    off_low, off_high = bounds.off(bounds.low), bounds.off(bounds.high)
    keyed = replace(bounds, in_order=False, key_low=bounds.low - off_low, key_high=bounds.high + off_high)
    return keyed.ranks()
