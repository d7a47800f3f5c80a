"""The lemma that makes "certain" true: what the real stages leave at any value of a box lies within the bounds.

One table of stages (tests/support/stages.py), one test per row. Each draws a row of logits, some boxes of values, up to
two other stages that come before, and values inside the boxes; and then asks llama.cpp.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.stages import (
    TABLE,
    Case,
    Range,
    Row,
    Scene,
    assert_choice,
    assert_within,
    real_stage,
    start_of,
    values_in,
)

from tsumami.boundaries.bounds import Bounds
from tsumami.sampling import Candidates


@st.composite
def _rows(draw: st.DrawFn) -> Row:
    """Logits as models have them, and as they never have them."""
    if draw(st.integers(0, 3)) == 0:
        return np.array(draw(st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=12)), np.float32)
    n = draw(st.one_of(st.integers(1, 40), st.sampled_from([130, 300, 1100])))
    made = np.random.default_rng(draw(st.integers(0, 10_000))).normal(0, draw(st.sampled_from([0, 0.01, 1, 3, 40])), n)
    made += draw(st.sampled_from([0, 0, 0, -30, 20, 1000, -5000]))
    if draw(st.booleans()):
        made = np.round(made * 2) / 2  # equals
    if draw(st.integers(0, 3)) == 0:
        made[:: draw(st.integers(2, 9))] = -np.inf
    return made.astype(np.float32)


@st.composite
def _ranges(draw: st.DrawFn, values: st.SearchStrategy[float]) -> Range:
    low, high = sorted((draw(values), draw(values)))
    kind = draw(st.sampled_from(["point", "thin", "wide"]))
    if kind == "point" or (isinstance(low, int) and kind == "thin"):
        return low, low
    return (low, float(np.float32(low + (high - low) * 1e-4))) if kind == "thin" else (low, high)


def _scene(draw: st.DataObject, row: Row, count: int, case: Case) -> Scene:
    history = tuple(draw.draw(st.lists(st.integers(0, len(row) - 1), max_size=20)))
    ranges = {name: [draw.draw(_ranges(values)) for _ in range(count)] for name, values in case.ranged.items()}
    return Scene(row, history, ranges, {name: draw.draw(values) for name, values in case.fixed.items()}, count)


MOVERS = ("penalties", "temperature", "dynamic temperature")


def _check(name: str, data: st.DataObject) -> None:
    row, count = data.draw(_rows()), data.draw(st.integers(1, 3))
    before = data.draw(st.lists(st.sampled_from(sorted(TABLE)) | st.sampled_from(MOVERS), max_size=2, unique=True))
    names = [*(other for other in before if other != name), name]
    scenes = [_scene(data, row, count, TABLE[stage]) for stage in names]
    dice = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    bounds = start_of(row, count)
    with np.errstate(all="ignore"):  # as the boxes do it
        for stage, scene in zip(names, scenes, strict=True):
            bounds = TABLE[stage].through(bounds, scene)
        for box in np.flatnonzero(~bounds.lost[:, 0]).tolist():
            for _ in range(5):
                _check_values(names, scenes, bounds, box, dice)


def _check_values(names: list[str], scenes: list[Scene], bounds: Bounds, box: int, dice: np.random.Generator) -> None:
    """One value of each knob."""
    found = Candidates.from_logits(scenes[0].row)
    for stage, scene in zip(names, scenes, strict=True):
        at = {knob: float(dice.choice([0.0, 1.0, 0.01, dice.random()])) for knob in TABLE[stage].ranged}
        real_stage(stage, values_in(TABLE[stage], scene, box, at), scene).apply(found)
    assert_within(bounds, box, found)
    assert_choice(bounds, box, found, dice)


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_the_real_stage_leaves_lies_within_the_bounds(name: str, data: st.DataObject) -> None:
    _check(name, data)
