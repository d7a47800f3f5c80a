"""The lemma that makes "certain" true: what the real stages leave at any value of a box lies within the bounds.

One table of stages, one test per row. Each draws a row of logits, some boxes of values, up to two other stages that
come before, and values inside the boxes; and then asks llama.cpp.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tsumami import native
from tsumami.boundaries.bounds import Bounds, Keep, transfer
from tsumami.boundaries.samplers import Samplers
from tsumami.knobs import KNOBS
from tsumami.sampling import Candidates
from tsumami.sampling.stages import BUILDERS, Stage, Surroundings
from tsumami.settings import Settings

Row = npt.NDArray[np.float32]
Range = tuple[float, float]
Ends = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

_expf = ctypes.CDLL(ctypes.util.find_library("m")).expf
_expf.restype, _expf.argtypes = ctypes.c_float, [ctypes.c_float]


# --- the table ---


@dataclass(frozen=True)
class Scene:
    """Boxes of values, and what else counts. A knob that has a range has one in each box; the others have one value."""

    row: Row
    history: tuple[int, ...]
    ranges: Mapping[str, list[Range]]
    fixed: Mapping[str, float]
    count: int

    def ends(self, name: str) -> Ends:
        """The ends of a knob's ranges, shapes (boxes, 1)."""
        if name in self.ranges:
            made = np.array(self.ranges[name], np.float32).astype(np.float64)
        else:
            made = np.full((self.count, 2), np.float32(self.fixed[name]), np.float64)
        return made[:, :1], made[:, 1:]

    def value(self, name: str) -> float:
        return float(np.float32(self.fixed[name]))

    @property
    def keep(self) -> Keep:
        low, high = self.ends("min_keep")
        return Keep(low.astype(np.int64), high.astype(np.int64))


@dataclass(frozen=True)
class Case:
    """A stage: the knobs that may have a range, those that have one value, and what bounds make of it."""

    through: Callable[[Bounds, Scene], Bounds]
    ranged: Mapping[str, st.SearchStrategy[float]] = field(default_factory=dict)
    fixed: Mapping[str, st.SearchStrategy[float]] = field(default_factory=dict)
    stage: str = ""


DRY: dict[str, Any] = {"dry_allowed_length": 1, "dry_penalty_last_n": 64}


def _seen(scene: Scene, window: int) -> npt.NDArray[np.float32]:
    seen = np.zeros(len(scene.row), np.float32)
    for token in scene.history[-window:] if window else ():
        seen[token] += 1
    return seen


def _penalties(bounds: Bounds, scene: Scene) -> Bounds:
    fewest, most = (
        np.stack([_seen(scene, int(window)) for window in end[:, 0]])[:, bounds.ids]
        for end in scene.ends("repeat_last_n")
    )
    knobs = [scene.ends(name) for name in ("repeat_penalty", "frequency_penalty", "presence_penalty")]
    return transfer.Penalties(fewest, most, *knobs).apply(bounds)


def _dry(bounds: Bounds, scene: Scene) -> Bounds:
    sides = []
    for end in scene.ends("dry_multiplier"):
        rows = []
        for multiplier in end[:, 0].tolist():
            found = Samplers().repetitions(Settings(**DRY), Surroundings(0, len(scene.row)), scene.history)
            amounts = found.amounts(multiplier, scene.value("dry_base"))
            rows.append([amounts.get(token, 0.0) for token in bounds.ids.tolist()])
        sides.append(np.array(rows, np.float32))
    return transfer.Dry(*sides).apply(bounds)


def _dynamic(bounds: Bounds, scene: Scene) -> Bounds:
    knobs = [scene.ends(name) for name in ("temperature", "dynatemp_range", "dynatemp_exponent")]
    return transfer.dynamic_temperature(bounds, *knobs)


def _xtc(bounds: Bounds, scene: Scene) -> Bounds:
    fires = scene.fixed["xtc_probability"] == 1
    return transfer.xtc(bounds, scene.value("xtc_threshold"), scene.keep, fires=fires)


def _numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(float(np.float32(low)), float(np.float32(high)), width=32)


MIN_KEEP = {"min_keep": st.integers(0, 6)}
TABLE: dict[str, Case] = {
    "penalties": Case(
        _penalties,
        {
            "repeat_penalty": _numbers(0.5, 3),
            "frequency_penalty": _numbers(-2, 2),
            "presence_penalty": _numbers(-2, 2),
            "repeat_last_n": st.integers(1, 24),
        },
    ),
    "dry": Case(_dry, {"dry_multiplier": _numbers(0, 5)}, {"dry_base": _numbers(1, 4)}),
    "temperature": Case(
        lambda bounds, scene: transfer.temperature(bounds, *scene.ends("temperature")),
        {"temperature": st.one_of(_numbers(0.05, 3), _numbers(1e-9, 1e-3))},
    ),
    "dynamic temperature": Case(
        _dynamic,
        {
            "temperature": _numbers(0.05, 3),
            "dynatemp_range": _numbers(0.01, 3),
            "dynatemp_exponent": _numbers(0, 5),
        },
        stage="temperature",
    ),
    "top_k": Case(
        lambda bounds, scene: transfer.top_k(bounds, int(scene.fixed["top_k"])), {}, {"top_k": st.integers(1, 200)}
    ),
    "top_n_sigma": Case(
        lambda bounds, scene: transfer.top_n_sigma(bounds, scene.value("top_n_sigma")),
        {},
        {"top_n_sigma": _numbers(0.01, 5)},
    ),
    "tfs_z": Case(
        lambda bounds, scene: transfer.tfs_z(bounds, scene.value("tfs_z"), scene.keep),
        MIN_KEEP,
        {"tfs_z": _numbers(0, 0.999)},
    ),
    "typ_p": Case(
        lambda bounds, scene: transfer.typ_p(bounds, scene.value("typical_p"), scene.keep),
        MIN_KEEP,
        {"typical_p": _numbers(0, 0.999)},
    ),
    "top_p": Case(
        lambda bounds, scene: transfer.top_p(bounds, scene.value("top_p"), scene.keep),
        MIN_KEEP,
        {"top_p": _numbers(0, 0.999)},
    ),
    "min_p": Case(
        lambda bounds, scene: transfer.min_p(bounds, scene.value("min_p"), scene.keep),
        MIN_KEEP,
        {"min_p": _numbers(1e-6, 1)},
    ),
    "xtc": Case(
        _xtc,
        MIN_KEEP,
        {"xtc_threshold": _numbers(0, 0.5), "xtc_probability": st.sampled_from([1.0, 1e-30])},
    ),
}


# --- the real stages ---

NEUTRAL = {name: getattr(Settings(dynatemp_range=0.0, **DRY), name) for name in KNOBS}


def _real(name: str, knobs: Mapping[str, float], scene: Scene) -> Stage:
    """The stage itself, after the history."""
    stage = TABLE[name].stage or name
    made = SimpleNamespace(**{**NEUTRAL, **knobs})  # settings for whoever only reads; nothing is checked
    found = BUILDERS[stage](cast(Settings, made), Surroundings(0, len(scene.row)))
    if stage in ("penalties", "dry"):
        for token in scene.history:
            found.accept(token)
    return found


def _inside(low: float, high: float, at: float) -> float:
    """A value of a range, as a 32-bit float: its ends, their neighbours, or any between."""
    near = {0.0: low, 1.0: high, 0.01: np.nextafter(np.float32(low), np.float32(high)), 0.99: np.float32(high)}
    value = near.get(at, np.float32(low + (high - low) * at))
    return float(np.clip(np.float32(value), np.float32(low), np.float32(high)))


def _values(case: Case, scene: Scene, box: int, at: Mapping[str, float]) -> dict[str, float]:
    made = {name: scene.fixed[name] for name in case.fixed}
    for name in case.ranged:
        value = _inside(*scene.ranges[name][box], at[name])
        made[name] = round(value) if name in ("repeat_last_n", "min_keep") else value
    return made


# --- what is to hold ---


def _weights(logits: Row) -> npt.NDArray[np.float32]:
    """expf(l - m), as `dist` computes it."""
    return np.array([_expf(fall) for fall in (logits - logits.max()).tolist()], np.float32)


def _picked(weights: npt.NDArray[np.float32], u: float) -> int:
    """What `dist` picks with a roll."""
    running = np.add.accumulate(weights.astype(np.float64))
    return int((running >= running[-1] * u).argmax())


def assert_within(bounds: Bounds, box: int, real: Candidates) -> None:
    """The candidates' number, ids, logits, order, trust flag and weights lie within one box of bounds.

    Which of the tokens at -inf are there, and in which order, is left out: nothing depends on it but their number.
    """
    must, may, top = (side[min(box, len(side) - 1)] for side in (bounds.must, bounds.may, bounds.high))
    assert must.sum() <= len(real) <= may.sum()
    assert real.sorted or not bounds.is_sorted or len(real) < 2
    assert set(bounds.ids[must & (top > -np.inf)].tolist()) <= set(real.ids.tolist()), "certainly in, but cut"
    finite = real.logits > -np.inf
    if not finite.any():
        return
    columns, logits = _columns(bounds, real.ids[finite]), real.logits[finite]
    assert (columns >= 0).all(), "certainly out, but there"
    assert may[columns].all(), "certainly out, but there"
    settled = bounds.settled()
    low, high = (side[min(box, len(side) - 1)][columns] for side in (settled.low, settled.high))
    assert (low <= logits).all()
    assert (logits <= high).all()
    if bounds.exact:
        assert np.array_equal(low, logits)
    _assert_in_order(bounds, box, columns)
    _assert_weights(bounds, box, columns, _weights(logits))


def _columns(bounds: Bounds, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    at = {int(token): column for column, token in enumerate(bounds.ids.tolist())}
    return np.array([at.get(token, -1) for token in ids.tolist()], np.int64)


def _assert_in_order(bounds: Bounds, box: int, columns: npt.NDArray[np.int64]) -> None:
    """No candidate stands before one that is certainly before it."""
    if bounds.in_order:
        assert (np.diff(columns) > 0).all()
        return
    low, high = (side[min(box, len(side) - 1)][columns] for side in (bounds.key_low, bounds.key_high))
    later = np.maximum.accumulate(low[::-1])[::-1][1:]  # the largest key that is certain further on
    assert (later <= high[:-1]).all()


def _assert_weights(bounds: Bounds, box: int, columns: npt.NDArray[np.int64], real: npt.NDArray[np.float32]) -> None:
    """There is a factor by which all weights are within their bounds."""
    low, high = (side[min(box, len(side) - 1)][columns] for side in bounds.weights())
    with np.errstate(all="ignore"):
        least, most = np.nanmax(real / high), np.min(np.where(low > 0, real / low, np.inf))
    assert least <= most * (1 + 1e-15)


def assert_choice(bounds: Bounds, box: int, real: Candidates, dice: np.random.Generator) -> None:
    """What is certainly chosen is chosen, with rolls that fall on a boundary, too."""
    if not len(real) or real.logits.max() == -np.inf:
        return
    if not np.isfinite(real.logits.max()) or (real.sorted and real.logits[0] < real.logits.max()):
        return  # beyond float32, or missorted: llama.cpp's own sums are not numbers
    greedy = bounds.largest()
    if greedy.certain[min(box, len(greedy.certain) - 1)]:
        assert greedy.ids[min(box, len(greedy.ids) - 1)] == real.ids[int(real.logits.argmax())]
    weights = _weights(real.logits)
    shares = np.add.accumulate(weights.astype(np.float64)) / weights.sum(dtype=np.float64)
    edge = float(shares[dice.integers(len(shares))])
    edge += dice.choice([0, 1, -1, 3, -3, 1e4, -1e4, 1e8, -1e8]) * 2.0**-53
    for u in (dice.random(), min(max(edge, 0.0), 1 - 2.0**-53)):
        choice = bounds.roll(np.full((len(bounds.lost), 1), u))
        sure = bool(choice.certain[min(box, len(choice.certain) - 1)])
        event("the draw is certain" if sure else "the draw is open")
        if sure:
            assert choice.ids[min(box, len(choice.ids) - 1)] == real.ids[_picked(weights, u)]


# --- the scenes ---


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


def _start(row: Row, count: int) -> Bounds:
    low = np.broadcast_to(row.astype(np.float64), (count, len(row)))
    there = np.ones((count, len(row)), bool)
    return Bounds(np.arange(len(row)), low, low, there, there, np.zeros((count, 1), bool), False)


MOVERS = ("penalties", "temperature", "dynamic temperature")


def _check(name: str, data: st.DataObject) -> None:
    row, count = data.draw(_rows()), data.draw(st.integers(1, 3))
    before = data.draw(st.lists(st.sampled_from(sorted(TABLE)) | st.sampled_from(MOVERS), max_size=2, unique=True))
    names = [*(other for other in before if other != name), name]
    scenes = [_scene(data, row, count, TABLE[stage]) for stage in names]
    dice = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    bounds = _start(row, count)
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
        _real(stage, _values(TABLE[stage], scene, box, at), scene).apply(found)
    assert_within(bounds, box, found)
    assert_choice(bounds, box, found, dice)


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_the_real_stage_leaves_lies_within_the_bounds(name: str, data: st.DataObject) -> None:
    _check(name, data)


# --- what the bounds once got wrong ---


def bounds_of(logits: list[float] | Row, count: int = 1) -> Bounds:
    return _start(np.array(logits, np.float32), count)


def ends(low: float, high: float) -> Ends:
    return np.array([[np.float32(low)]], np.float64), np.array([[np.float32(high)]], np.float64)


NO_KEEP = Keep(np.array([[0]]), np.array([[0]]))


def test_two_candidates_are_not_sorted_by_tail_free_sampling() -> None:
    bounds = transfer.tfs_z(bounds_of([1, 2]), 0.5, NO_KEEP)
    found = Candidates.from_logits([1, 2])
    _real("tfs_z", {"tfs_z": 0.5}, Scene(np.zeros(2, np.float32), (), {}, {}, 1)).apply(found)
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
    bounds = transfer.dynamic_temperature(_start(row, 1), ends(1, 1), ends(1, 1), ends(4, 4)).settled()
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
        assert_within(transfer.top_n_sigma(_start(row, 1), 2.08), 0, real)


def test_a_roll_close_to_one_needs_a_margin_that_does_not_vanish() -> None:
    """u · total is rounded to a double, so by 10^-16 of the total: much, where only 10^-8 of it comes after."""
    row = np.sort(np.random.default_rng(0).normal(0, 6, 3000).astype(np.float32))[::-1].copy()
    bounds, weights = replace(_start(row, 1), is_sorted=True), _weights(row)
    running = np.add.accumulate(weights.astype(np.float64))
    for last in range(2200, 2990, 5):
        for units in (-1, 0, 1):
            u = min(running[last] / running[-1] + units * 2.0**-53, 1 - 2.0**-53)
            choice = bounds.roll(np.array([[u]]))
            assert not choice.certain[0] or choice.ids[0] == _picked(weights, u)


def test_what_llama_cpp_missorts_is_lost() -> None:
    row = np.linspace(-20, 20, 300).astype(np.float32)
    bounds = transfer.temperature(_start(row, 1), *ends(1e-8, 2e-8))
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
        assert transfer.typ_p(_start(row, 1), 0.5, NO_KEEP).lost.all()


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
    values |= {"min_keep": 1, "xtc_threshold": 0.08, "xtc_probability": 1.0}
    fixed = {knob: values[knob] for knob in (*case.ranged, *case.fixed)}
    scene = Scene(row, (5, 7, 5, 7, 5), {}, fixed, 1)
    with np.errstate(all="ignore"):
        bounds = case.through(_start(row, 1), scene)
        found = Candidates.from_logits(row)
        _real(name, fixed, scene).apply(found)
        assert_within(bounds, 0, found)
    assert not bounds.lost.any()
    assert bounds.must.sum() == bounds.may.sum() == len(found)
