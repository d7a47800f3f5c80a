"""One test per lemma of rounding: no computation in 32-bit floats misses the exact number by more than is allowed for.

The functions of C are those of the machine at hand, so this also says whether its libm is good enough.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsumami import native
from tsumami.boundaries.bounds import rounding

Floats = npt.NDArray[np.float32]
SEEDS = st.integers(0, 10_000)
SPREADS = st.sampled_from([0.0, 0.01, 1.0, 5.0, 20.0])


def positive(seed: int, n: int, spread: float) -> Floats:
    """Numbers above 0 of very different sizes."""
    return np.exp(np.random.default_rng(seed).normal(0, spread, n).clip(-60, 20)).astype(np.float32)


def probabilities(weights: Floats) -> Floats:
    """As llama.cpp's softmax makes them of weights."""
    return weights / np.add.accumulate(weights)[-1]


def off(computed: npt.ArrayLike, exact: npt.ArrayLike) -> float:
    """The largest relative error."""
    one, other = np.asarray(computed, np.float64), np.asarray(exact, np.float64)
    return float(np.max(np.abs(one - other) / np.abs(other), initial=0.0))


@settings(deadline=None)
@given(st.floats(2.0**-90, 2.0**90, width=32), st.floats(2.0**-20, 2.0**20, width=32))
def test_one_operation_is_off_by_half_a_unit(x: float, y: float) -> None:
    one, other = np.float32(x), np.float32(y)
    assert off(one / other, x / y) <= rounding.sum_of(1)
    assert off(one * other, x * y) <= rounding.sum_of(1)
    assert off(one + other, x + y) <= rounding.sum_of(1)


@settings(deadline=None)
@given(SEEDS, st.integers(1, 5000), SPREADS)
def test_a_running_sum_of_positive_numbers(seed: int, n: int, spread: float) -> None:
    values = positive(seed, n, spread)
    assert off(np.add.accumulate(values)[-1], math.fsum(values.tolist())) <= rounding.sum_of(max(1, n - 1))
    doubles = values.astype(np.float64)
    assert off(np.add.accumulate(doubles)[-1], math.fsum(doubles.tolist())) <= rounding.double_sum_of(max(1, n - 1))


def test_a_sum_of_which_every_rounding_goes_the_same_way() -> None:
    """2^24 halves of a unit, each of which is lost: that is what the bound is for."""
    values = np.full(100_000, 2.0**-24, np.float32)
    values[0] = 1
    error = off(np.add.accumulate(values)[-1], 1 + 99_999 * 2.0**-24)
    assert 0.99 * rounding.sum_of(99_999) / (1 + 99_999 * 2.0**-24) < error <= rounding.sum_of(99_999)


@settings(deadline=None)
@given(SEEDS)
def test_the_functions_of_c_are_within_what_is_said_of_them(seed: int) -> None:
    dice = np.random.default_rng(seed)
    expf, logf, log2f, powf = (native.c_math(name) for name in ("expf", "logf", "log2f", "powf"))
    for x in (-dice.exponential(20, 50).clip(0, 110)).astype(np.float32).tolist():
        if math.exp(x) >= rounding.SMALLEST:
            assert off(expf(x), math.exp(x)) <= rounding.EXPF
        else:
            assert 0 <= expf(x) <= rounding.NOTHING
    for x in np.exp2(-dice.exponential(20, 50).clip(0, 149)).astype(np.float32).tolist():
        if x != 1:
            assert off(logf(x), math.log(x)) <= rounding.LOGF
            assert off(log2f(x), math.log2(x)) <= rounding.LOG2F
        y = float(np.float32(dice.exponential(2)))
        if x**y >= rounding.SMALLEST:
            assert off(powf(x, y), x**y) <= rounding.POWF


@settings(deadline=None)
@given(st.integers(0, 2**22), st.integers(1, 2**22))
def test_the_logarithm_of_base_two_does_not_fall(first: int, step: int) -> None:
    ends = np.array([0x3F000000 + first, 0x3F000000 + first + step], np.int32).view(np.float32)
    low, high = (native.c_math("log2f")(end) for end in ends.tolist())
    assert low <= high


@settings(deadline=None)
@given(SEEDS, st.integers(1, 3000), SPREADS)
def test_a_softmax_and_its_running_sum(seed: int, n: int, spread: float) -> None:
    weights = np.sort(positive(seed, n, spread))[::-1]
    p = probabilities(weights)
    exact = weights.astype(np.float64) / math.fsum(weights.tolist())
    normal = exact >= rounding.SMALLEST
    assert off(p[normal], exact[normal]) <= rounding.sum_of(n)
    assert np.max(np.abs(np.add.accumulate(p) - np.cumsum(exact))) <= rounding.sum_of(2 * n + rounding.OURS)
    logarithms = np.abs(np.log(p[normal].astype(np.float64)) - np.log(exact[normal]))
    assert np.max(logarithms) <= rounding.in_logarithms(rounding.sum_of(n + rounding.OURS))


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(1, 1500), SPREADS)
def test_an_entropy(seed: int, n: int, spread: float) -> None:
    logf = native.c_math("logf")
    weights = positive(seed, n, spread)
    p = probabilities(weights)
    exact = weights.astype(np.float64) / math.fsum(weights.tolist())
    entropy = math.fsum((-exact * np.log(exact)).tolist())
    found = np.float32(0)
    for one in p.tolist():
        found += np.float32(-one) * np.float32(logf(one))
    relative, absolute = rounding.entropy_of(n)
    assert abs(float(found) - entropy) <= relative * entropy + absolute


@settings(deadline=None)
@given(SEEDS, st.integers(2, 3000), st.integers(-3, 3))
def test_a_pick_among_probabilities(seed: int, n: int, units: int) -> None:
    """Mirostat's std::discrete_distribution against our sums of weights, with rolls on the boundaries."""
    weights = np.sort(positive(seed, n, 2))[::-1]
    p = probabilities(weights).astype(np.float64)
    theirs = np.add.accumulate(p / np.add.accumulate(p)[-1])
    sums, slack = np.cumsum(weights.astype(np.float64)), rounding.pick_of(n)
    for u in (theirs[:: max(1, n // 20)] + units * 2.0**-53).clip(0, 1 - 2.0**-53).tolist():
        first, last = (np.searchsorted(sums, u * (1 + side * slack) * sums[-1]) for side in (-1, 1))
        assert first <= min(np.searchsorted(theirs, u), n - 1) <= last


@pytest.mark.parametrize("bits", [0.1, 10, 100, 149])
def test_a_surprise_says_that_much_of_a_probability(bits: float) -> None:
    p = 2.0**-bits
    for sign in (-1, 1):
        other = p * (1 + sign * rounding.surprise(bits))
        assert abs(-math.log2(other) - bits) >= rounding.LOG2F * bits * (1 - 1e-4)


def test_small_sums_are_not_lost_beside_a_large_one() -> None:
    values = np.array([[1e22, 1.0, 2.0], [1.0, 1e22, 2.0], [0.0, 0.0, 1e-300]])
    assert rounding.after(values).tolist() == [[3.0, 2.0, 0.0], [1e22 + 2, 2.0, 0.0], [1e-300, 1e-300, 0.0]]
    assert rounding.others(values).tolist() == [
        [3.0, 1e22 + 2, 1e22 + 1],
        [1e22 + 2, 3.0, 1e22 + 1],
        [1e-300] * 2 + [0.0],
    ]
