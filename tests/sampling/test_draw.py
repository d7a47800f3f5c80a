"""The draw: the rolls are MT19937's, made here once more in plain Python, and the pick is that of `dist`."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.bare import c

from tsumami.native import TOKEN_DATA
from tsumami.sampling import Candidates, Draw, rolls

SEEDS = [0, 1, 42, 2**31, 2**32 - 2]


def mersenne_twister(seed: int) -> Iterator[int]:
    """std::mt19937, from Matsumoto and Nishimura's definition (1998): 32-bit words for ever."""
    state = [seed]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & 0xFFFFFFFF)
    while True:
        for i in range(624):
            y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7FFFFFFF)
            state[i] = state[(i + 397) % 624] ^ (y >> 1) ^ (0x9908B0DF if y & 1 else 0)
        for word in state:
            y = word ^ (word >> 11)
            y ^= (y << 7) & 0x9D2C5680
            y ^= (y << 15) & 0xEFC60000
            yield y ^ (y >> 18)


def canonical(low: int, high: int) -> float:
    """libstdc++'s generate_canonical<double, 53> over two words, the first one the low half; never 1."""
    return min(math.ldexp(float(low) + float(high) * 2.0**32, -64), math.nextafter(1.0, 0.0))


def test_the_twister_of_this_file_is_the_standards() -> None:
    """The C++ standard, [rand.predef]: the 10,000th word of a default-constructed std::mt19937 is 4123659995."""
    words = mersenne_twister(5489)
    assert [next(words) for _ in range(10_000)][-1] == 4123659995


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rolls_are_those_of_the_standard_library(seed: int) -> None:
    words = mersenne_twister(seed)
    expected = [canonical(next(words), next(words)) for _ in range(700)]
    assert rolls(seed, 700).tolist() == expected


@settings(deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 2), count=st.integers(0, 50))
def test_the_first_rolls_are_the_same_however_many_are_asked_for(seed: int, count: int) -> None:
    assert rolls(seed, 60)[:count].tolist() == rolls(seed, count).tolist()


@given(seed=st.integers(0, 2**32 - 2))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_every_roll_lies_in_0_to_1_without_1(seed: int) -> None:
    values = rolls(seed, 500)
    assert values.min() >= 0
    assert values.max() < 1


def test_a_roll_that_would_round_up_to_1_stays_below() -> None:
    from tsumami.sampling.draw import _uniform

    ones = np.array([2**32 - 1, 2**32 - 1], np.uint64)
    assert _uniform(ones).tolist() == [math.nextafter(1.0, 0.0)] == [canonical(2**32 - 1, 2**32 - 1)]


def native_pick(sampler: object, row: np.ndarray) -> int:
    data = np.zeros(len(row), TOKEN_DATA)
    data["id"], data["logit"] = np.arange(len(row)), row
    pointer = ctypes.cast(data.ctypes.data, ctypes.POINTER(c.llama_token_data))
    array = c.llama_token_data_array(data=pointer, size=len(row), selected=-1, sorted=False)
    c.llama_sampler_apply(sampler, ctypes.byref(array))
    return int(array.data[array.selected].id)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_picks_are_those_of_llama_cpps_dist(seed: int) -> None:
    rng, draw, dist = np.random.default_rng(seed), Draw(seed), c.llama_sampler_init_dist(seed)
    for size in [1, 2, 3, 50, 1000, 1] * 20:
        row = rng.normal(0, 3, size).astype(np.float32)
        assert draw.pick(Candidates.from_logits(row)).token == native_pick(dist, row)
    c.llama_sampler_free(dist)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pick_is_the_first_candidate_whose_running_sum_reaches_the_roll(seed: int) -> None:
    """Weights that are powers of two, so that sums are exact: the rule in fractions, in the array's own order."""
    shares = [Fraction(1, 4), Fraction(1, 16), Fraction(1, 2), Fraction(1, 8), Fraction(1, 32), Fraction(1, 32)]
    logits = [math.log(share / Fraction(1, 2)) for share in shares]
    draw = Draw(seed)
    for u in rolls(seed, 300).tolist():
        running, expected = Fraction(0), -1
        while running < Fraction(u):
            expected += 1
            running += shares[expected]
        pick = draw.pick(Candidates.from_logits(logits))
        if min(abs(Fraction(u) - sum(shares[:i], Fraction(0))) for i in range(7)) > Fraction(1, 10**6):
            assert (pick.token, pick.u) == (max(0, expected), u)


def test_20_000_picks_fall_as_the_probabilities_say() -> None:
    """Chi-square with 7 degrees of freedom: 29.88 is passed once in 10,000 by chance, and the seed is fixed."""
    shares = np.array([0.31, 0.22, 0.17, 0.12, 0.08, 0.05, 0.03, 0.02])
    candidates, draw = Candidates.from_logits(np.log(shares)), Draw(2024)
    counts = np.bincount([draw.pick(candidates).token for _ in range(20_000)], minlength=8)
    assert (((counts - 20_000 * shares) ** 2) / (20_000 * shares)).sum() < 29.88


def test_rolls_of_neighbouring_steps_are_not_correlated() -> None:
    values = rolls(7, 20_000) - 0.5
    for lag in (1, 2, 3, 10):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 4 / math.sqrt(20_000)


def test_the_order_of_the_array_decides_who_gets_the_roll() -> None:
    u = rolls(1, 1)[0]
    row = np.log(np.array([0.5, 0.5], np.float32))
    ahead, behind = Candidates.from_logits(row), Candidates.from_logits(row)
    behind.keep(np.array([1, 0]), is_sorted=False)
    assert Draw(1).pick(ahead).token == int(u > 0.5)
    assert Draw(1).pick(behind).token == 1 - int(u > 0.5)


@pytest.mark.parametrize("count", [0, 1, 5, 130, 400])
def test_skipping_is_picking_without_looking(count: int) -> None:
    row = np.random.default_rng(0).normal(0, 2, 30).astype(np.float32)
    picked, skipped = Draw(9), Draw(9)
    for _ in range(count):
        picked.pick(Candidates.from_logits(row))
    skipped.skip(count)
    started = Draw(9, step=count)
    results = [draw.pick(Candidates.from_logits(row)) for draw in (picked, skipped, started)]
    assert results[0] == results[1] == results[2]
    assert results[0].u == rolls(9, count + 1)[count]
    assert picked.step == skipped.step == started.step == count + 1


def test_one_candidate_takes_its_roll_too() -> None:
    """So that step t always rolls u(seed, t), whatever was cut before it."""
    draw = Draw(3)
    assert draw.pick(Candidates.from_logits([5.0])).u == rolls(3, 2)[0]
    assert draw.pick(Candidates.from_logits([5.0, 5.0])).u == rolls(3, 2)[1]


def test_a_clone_rolls_on_from_where_it_was_and_leaves_the_original_alone() -> None:
    row = np.random.default_rng(2).normal(0, 2, 30).astype(np.float32)
    draw = Draw(5)
    for _ in range(150):
        draw.pick(Candidates.from_logits(row))
    clone = draw.clone()
    theirs = [clone.pick(Candidates.from_logits(row)) for _ in range(200)]
    assert [draw.pick(Candidates.from_logits(row)) for _ in range(200)] == theirs


def test_a_pick_leaves_the_probabilities_that_the_roll_was_held_against() -> None:
    candidates = Candidates.from_logits(np.random.default_rng(4).normal(0, 2, 40))
    expected = candidates.probs()
    pick = Draw(1).pick(candidates)
    assert np.allclose(candidates.data["p"], expected, atol=1e-6)
    assert candidates.selected == pick.index
    assert candidates.ids[pick.index] == pick.token


def test_a_forbidden_candidate_is_never_picked() -> None:
    row = np.array([-np.inf, 0.0, -np.inf, 0.0, -np.inf], np.float32)
    draw = Draw(0)
    assert {draw.pick(Candidates.from_logits(row)).token for _ in range(500)} == {1, 3}
