"""How far a knob that cuts can be turned, against running every single value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tokens import some_row, trial_at

from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.cutting import find_cut_limit
from tsumami.boundaries.limits import Box
from tsumami.boundaries.partition import Partition
from tsumami.boundaries.trial import Trial
from tsumami.settings import Settings

#: Values around which every single one is run, and what else lets the stage act.
HOMES: dict[str, tuple[float, dict[str, Any]]] = {
    "top_p": (0.6, {}),
    "min_p": (0.1, {}),
    "typical_p": (0.5, {}),
    "tfs_z": (0.9, {}),
    "top_a": (0.3, {}),
    "top_h": (0.5, {}),
    "epsilon_cutoff": (0.01, {}),
    "eta_cutoff": (0.02, {}),
    "xtc_threshold": (0.1, {"xtc_probability": 1.0}),
    "top_n_sigma": (1.5, {"samplers": "llama.cpp"}),
}
TINY = 24


def tokens_of(name: str, home: float, seed: int, count: int, **more: Any) -> tuple[Axis, list[Trial]]:
    axis = Axis.handy(name)
    made = Settings(top_k=0, **more)
    return axis, [trial_at(made, axis, axis.ordinal(home), some_row(seed + i, TINY)) for i in range(count)]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("seed", range(0, 24, 3))
def test_top_k_over_all_its_values(seed: int, side: int) -> None:
    _, trials = tokens_of("top_k", 10, seed, 3)
    box = Box(0, Span(11, 100) if side > 0 else Span(1, 9), side)
    assert_is_brute(trials, 10, box)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(HOMES)), st.integers(0, 50), st.sampled_from([1, -1]), st.integers(1, 3),
    st.floats(0.02, 0.98),
)  # fmt: skip
def test_a_stretch_of_neighbouring_values_around_a_change(
    name: str, seed: int, side: int, count: int, part: float
) -> None:
    """The changes are where float32 matters: values are run one by one around each of them."""
    home, more = HOMES[name]
    axis, trials = tokens_of(name, home, seed, count, **more)
    (span,) = (span for span in axis.spans() if span.first <= axis.ordinal(home) <= span.last)
    found = [piece.span.last for piece in Partition(trials[0]).find(span)[:-1]]
    if not found:
        return
    change = found[int(part * len(found))]
    stretch = Span(max(span.first, change - 60), min(span.last, change + 60))
    box = Box(0, Span(stretch.first + 1, stretch.last) if side > 0 else Span(stretch.first, stretch.last - 1), side)
    assert_is_brute(trials, stretch.first if side > 0 else stretch.last, box)


def assert_is_brute(trials: list[Trial], start: int, box: Box) -> None:
    """From `start`, whose tokens are wanted, through a box of numbers beside it."""
    wanted = [trial.run(start) for trial in trials]
    limit = find_cut_limit(trials, wanted, range(len(trials)), box, start)
    kept = start
    for number in range(box.near, box.far + box.side, box.side):
        if any(trial.run(number) != one for trial, one in zip(trials, wanted, strict=True)):
            break
        kept = number
    assert (limit.number, limit.doubt) == (kept, None)
    if kept != box.far:
        assert limit.owner is not None
        assert trials[limit.owner].run(kept + box.side) != wanted[limit.owner]


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize("seed", range(2))
def test_a_whole_side_holds_at_random_values_and_ends_where_it_says(name: str, seed: int) -> None:
    home, more = HOMES[name]
    axis, trials = tokens_of(name, home, 10 * seed, 3, **more)
    at, dice = axis.ordinal(home), np.random.default_rng(seed)
    (span,) = (span for span in axis.spans() if span.first <= at <= span.last)
    wanted = [trial.run(at) for trial in trials]
    for side in (1, -1):
        box = Box(0, Span(at + 1, span.last) if side > 0 else Span(span.first, at - 1), side)
        limit = find_cut_limit(trials, wanted, range(3), box, at)
        low, high = sorted((at, limit.number))
        for number in dice.integers(low, high + 1, 40).tolist():
            assert [trial.run(number) for trial in trials] == wanted
        if limit.owner is not None:
            assert trials[limit.owner].run(limit.number + side) != wanted[limit.owner]


def test_a_box_whose_nearest_value_differs_is_left_at_once() -> None:
    _, trials = tokens_of("top_k", 10, 0, 2)
    wanted = [trial.run(10)._replace(token=-7) for trial in trials]
    assert find_cut_limit(trials, wanted, [0, 1], Box(0, Span(11, 100), 1), None).number == 10
