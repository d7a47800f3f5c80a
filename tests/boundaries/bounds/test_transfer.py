"""What the transfer functions once got wrong, each in the smallest case; and that they say something at all."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from tests.support.stages import TABLE, Ends, Row, Scene, assert_within, picked, real_stage, start_of, weights_of

from tsumami import native
from tsumami.boundaries.bounds import Bounds, Keep, transfer
from tsumami.sampling import Candidates


def bounds_of(logits: list[float] | Row, count: int = 1) -> Bounds:
    return start_of(np.array(logits, np.float32), count)


def ends(low: float, high: float) -> Ends:
    return np.array([[np.float32(low)]], np.float64), np.array([[np.float32(high)]], np.float64)


NO_KEEP = Keep(np.array([[0]]), np.array([[0]]))


def test_two_candidates_are_not_sorted_by_tail_free_sampling() -> None:
    bounds = transfer.tfs_z(bounds_of([1, 2]), 0.5, NO_KEEP)
    found = Candidates.from_logits([1, 2])
    real_stage("tfs_z", {"tfs_z": 0.5}, Scene(np.zeros(2, np.float32), (), {}, {}, 1)).apply(found)
    assert found.ids.tolist() == [0, 1]
    assert_within(bounds, 0, found)
    assert bounds.roll(np.array([[0.1]])).ids == [0]


def test_at_threshold_zero_xtc_keeps_the_last_of_those_that_are_there() -> None:
    with np.errstate(all="ignore"):
        bounds = transfer.min_p(bounds_of([3, 2.9, -9, -9.5]), 0.5, NO_KEEP)
        bounds = transfer.xtc(bounds, 0.0, NO_KEEP, fires=True)
    assert bounds.may.tolist() == [[False, True, False, False]]


def test_equal_logits_of_many_make_dynamic_temperature_more_than_its_largest() -> None:
    """The entropy of n equal ones is ln n; as a float32 sum it may be more, and so T' is more than T + spread."""
    row = np.zeros(20_000, np.float32)
    row[0] = 1
    real = Candidates.from_logits(row)
    native.temperature(1.0, 1.0, 4.0).apply(real.array)
    bounds = transfer.dynamic_temperature(start_of(row, 1), ends(1, 1), ends(1, 1), ends(4, 4)).settled()
    assert bounds.low[0, 0] <= real.logits[0] <= bounds.high[0, 0]


@pytest.mark.parametrize("share", [1.0, 1.0001])
def test_a_share_that_was_cut_off_at_one_stands_for_more(share: float) -> None:
    bounds = transfer.dynamic_temperature(bounds_of(np.ones(1000)), ends(1, 1), ends(1, 1), ends(1, 1), ends(1, share))
    assert bounds.scale_low[0, 0] < 0.5


def test_the_mean_of_large_logits_is_off_by_more_than_they_differ() -> None:
    """As float32 sums go, that of 20,001 numbers about 100 makes a deviation of 0.0094 one of 0.0098."""
    row = np.where(np.arange(20_001) % 3, 100.01, 99.99).astype(np.float32)
    real = Candidates.from_logits(row)
    native.top_n_sigma(2.08).apply(real.array)
    with np.errstate(all="ignore"):
        assert_within(transfer.top_n_sigma(start_of(row, 1), 2.08), 0, real)


def test_a_roll_close_to_one_needs_a_margin_that_does_not_vanish() -> None:
    """u · total is rounded to a double, so by 10^-16 of the total: much, where only 10^-8 of it comes after."""
    row = np.sort(np.random.default_rng(0).normal(0, 6, 3000).astype(np.float32))[::-1].copy()
    bounds, weights = replace(start_of(row, 1), is_sorted=True), weights_of(row)
    running = np.add.accumulate(weights.astype(np.float64))
    for last in range(2200, 2990, 5):
        for units in (-1, 0, 1):
            u = min(running[last] / running[-1] + units * 2.0**-53, 1 - 2.0**-53)
            choice = bounds.roll(np.array([[u]]))
            assert not choice.certain[0] or choice.ids[0] == picked(weights, u)


def test_what_llama_cpp_missorts_is_lost() -> None:
    row = np.linspace(-20, 20, 300).astype(np.float32)
    bounds = transfer.temperature(start_of(row, 1), *ends(1e-8, 2e-8))
    with np.errstate(all="ignore"):
        assert transfer.top_p(bounds, 0.9, NO_KEEP).lost.all()
        assert not transfer.top_k(bounds, 40).lost.any()
        assert transfer.top_k(bounds, 200).lost.all()
    real = Candidates.from_logits(row / np.float32(1e-8))
    native.top_p(0.9, 0).apply(real.array)
    assert real.logits[0] < real.logits.max()


def test_probabilities_below_the_normal_numbers_have_no_typical_order() -> None:
    row = np.zeros(1000, np.float32)
    row[-2:] = -99, -99.005
    with np.errstate(all="ignore"):
        assert transfer.typ_p(start_of(row, 1), 0.5, NO_KEEP).lost.all()


def test_the_largest_may_be_another_than_the_one_that_all_is_relative_to() -> None:
    """Of 9.7 and 1 .. 12 the first surely is large; but exponents are rounded by what they are below the second."""
    low = np.array([[9.7, 1.0, 0.3]]).astype(np.float32).astype(np.float64)
    high = low.copy()
    high[0, 1] = 12
    there = np.ones((1, 3), bool)
    bounds = Bounds(np.arange(3), low, high, there, there, np.zeros((1, 1), bool), False, exact=False)
    relative = bounds.relative()
    for second in np.linspace(9.7, 12, 500).astype(np.float32):
        logits = np.array([9.7, second, 0.3], np.float32)
        exponents = (logits - logits.max()).astype(np.float64)
        assert (relative.low <= exponents - exponents[0]).all()
        assert (exponents - exponents[0] <= relative.high).all()


def test_boxes_that_are_taken_out_keep_their_own_order() -> None:
    low = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 1.0]])
    sorted_ones = replace(bounds_of([1, 2], count=3), low=low, high=low).sort()
    taken = sorted_ones.take_boxes(np.array([0, 2]))
    for part, box in ((taken, 0), (taken, 1)):
        assert np.array_equal(part.ranks()[0][box], sorted_ones.ranks()[0][2 * box])


def test_bounds_are_never_written_to() -> None:
    bounds = bounds_of([3, 2, 1], count=2)
    before = [np.array(getattr(bounds, name)) for name in ("low", "high", "must", "may", "lost")]
    scene = Scene(np.array([3, 2, 1], np.float32), (0, 1), {}, {}, 2)
    with np.errstate(all="ignore"):
        for name, case in TABLE.items():
            knobs = {"temperature": 0.7, "dynatemp_range": 0.2, "dynatemp_exponent": 1.0, "repeat_last_n": 3}
            knobs["no_repeat_ngram_size"] = 2
            fixed = {**dict.fromkeys((*case.ranged, *case.fixed), 0.4), **knobs, "top_k": 2}
            made = case.through(bounds, replace(scene, fixed={**fixed, "xtc_probability": 1.0, "repeat_penalty": 1.2}))
            assert made is not bounds or name == "temperature", name
    after = [getattr(bounds, name) for name in ("low", "high", "must", "may", "lost")]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    with pytest.raises(FrozenInstanceError):
        bounds.low = bounds.high  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"temperature"}))
def test_of_single_values_the_bounds_leave_little_open(name: str) -> None:
    """A lemma that held because the bounds say nothing would be worth nothing."""
    row = np.random.default_rng(3).normal(0, 3, 40).astype(np.float32)
    case = TABLE[name]
    values = {"repeat_penalty": 1.2, "frequency_penalty": 0.3, "presence_penalty": 0.1, "repeat_last_n": 5, "top_k": 9}
    values |= {"dry_multiplier": 0.8, "dry_base": 1.75, "dynatemp_range": 0.4, "dynatemp_exponent": 1.5}
    values |= {"temperature": 0.8, "top_n_sigma": 1.1, "tfs_z": 0.93, "typical_p": 0.7, "top_p": 0.83, "min_p": 0.07}
    values |= {"top_a": 0.3, "top_h": 0.6, "epsilon_cutoff": 0.02, "eta_cutoff": 0.05}
    values |= {"no_repeat_ngram_size": 2}
    values |= {"smoothing_factor": 0.3, "smoothing_curve": 1.5}
    values |= {"min_keep": 1, "xtc_threshold": 0.08, "xtc_probability": 1.0}
    fixed = {knob: values[knob] for knob in (*case.ranged, *case.fixed)}
    scene = Scene(row, (5, 7, 5, 7, 5), {}, fixed, 1)
    with np.errstate(all="ignore"):
        bounds = case.through(start_of(row, 1), scene)
        found = Candidates.from_logits(row)
        real_stage(name, fixed, scene).apply(found)
        assert_within(bounds, 0, found)
    assert not bounds.lost.any()
    assert bounds.must.sum() == bounds.may.sum() == len(found)


def test_what_may_be_huge_does_not_hide_what_stands_behind_it() -> None:
    """Over a wide range of temperatures the first of many may weigh 1e22 or next to nothing; at the mild end all of
    them count, and top-p leaves half.
    """
    row = (np.random.default_rng(1).standard_normal(300) * 0.01).astype(np.float32)
    nothing, neutral = np.zeros((1, 300), np.float32), ends(0, 0)
    for low in (0.5, 0.01, 0.00056):
        bounds = transfer.temperature(bounds_of(row), *ends(low, 1))
        bounds = transfer.Penalties(nothing, nothing, ends(1, 1), neutral, neutral).apply(bounds)
        with np.errstate(all="ignore"):
            cut = {"top_p": transfer.top_p(bounds, 0.5, NO_KEEP), "tfs_z": transfer.tfs_z(bounds, 0.5, NO_KEEP)}
        for name, left in cut.items():
            found = Candidates.from_logits(row)
            real_stage(name, {name: 0.5}, Scene(row, (), {}, {}, 1)).apply(found)
            assert left.must.sum() <= len(found) <= left.may.sum(), (name, low)
