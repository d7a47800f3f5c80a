"""The stages once as bounds (transfer.py) and once as llama.cpp has them; and what is to hold of the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from tsumami import native
from tsumami.boundaries.bounds import Bounds, Keep, ours, transfer
from tsumami.knobs import KNOBS
from tsumami.knobs.stages import ROWS
from tsumami.sampling import Candidates
from tsumami.sampling.removals import completing
from tsumami.sampling.samplers import Samplers
from tsumami.sampling.stages import BUILDERS, Stage, Surroundings
from tsumami.settings import Settings

Row = npt.NDArray[np.float32]
Range = tuple[float, float]
Ends = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

expf = native.c_math("expf")


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


def _shares() -> st.SearchStrategy[float]:
    """Thresholds, as people set them and as small as there are."""
    return st.one_of(_numbers(1e-4, 1), _numbers(1e-45, 1e-3))


MIN_KEEP = {"min_keep": st.integers(0, 6)}


def _no_repeat_ngram(bounds: Bounds, scene: Scene) -> Bounds:
    surely, perhaps = (
        np.stack([~np.isin(bounds.ids, completing(scene.history, int(size))) for size in end[:, 0]])
        for end in scene.ends("no_repeat_ngram_size")
    )
    return ours.without(bounds, surely, perhaps)


TABLE: dict[str, Case] = {
    "no_repeat_ngram": Case(_no_repeat_ngram, {"no_repeat_ngram_size": st.integers(1, 4)}),
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
    "epsilon_cutoff": Case(
        lambda bounds, scene: ours.epsilon_cutoff(bounds, scene.value("epsilon_cutoff"), scene.keep),
        MIN_KEEP,
        {"epsilon_cutoff": _shares()},
    ),
    "eta_cutoff": Case(
        lambda bounds, scene: ours.eta_cutoff(bounds, scene.value("eta_cutoff"), scene.keep),
        MIN_KEEP,
        {"eta_cutoff": _shares()},
    ),
    "top_a": Case(
        lambda bounds, scene: ours.top_a(bounds, scene.value("top_a"), scene.keep), MIN_KEEP, {"top_a": _shares()}
    ),
    "top_h": Case(lambda bounds, scene: ours.top_h(bounds, scene.value("top_h")), {}, {"top_h": _numbers(0, 0.999)}),
    "smoothing": Case(
        lambda bounds, scene: ours.smoothing(bounds, scene.ends("smoothing_factor"), scene.ends("smoothing_curve")),
        {"smoothing_factor": st.one_of(_numbers(0.01, 10), _numbers(1e-6, 1e6)), "smoothing_curve": _numbers(1, 10)},
    ),
    "xtc": Case(
        _xtc,
        MIN_KEEP,
        {"xtc_threshold": _numbers(0, 0.5), "xtc_probability": st.sampled_from([1.0, 1e-30])},
    ),
}


# --- the real stages ---

NEUTRAL = {name: getattr(Settings(dynatemp_range=0.0, **DRY), name) for name in KNOBS}


def real_stage(name: str, knobs: Mapping[str, float], scene: Scene) -> Stage:
    """The stage itself, after the history."""
    stage = TABLE[name].stage or name
    made = SimpleNamespace(**{**NEUTRAL, **knobs})  # settings for whoever only reads; nothing is checked
    found = BUILDERS[stage](cast(Settings, made), Surroundings(0, len(scene.row)))
    if ROWS[stage].looks_back:
        for token in scene.history:
            found.accept(token)
    return found


def _inside(low: float, high: float, at: float) -> float:
    """A value of a range, as a 32-bit float: its ends, their neighbours, or any between."""
    near = {0.0: low, 1.0: high, 0.01: np.nextafter(np.float32(low), np.float32(high)), 0.99: np.float32(high)}
    value = near.get(at, np.float32(low + (high - low) * at))
    return float(np.clip(np.float32(value), np.float32(low), np.float32(high)))


def values_in(case: Case, scene: Scene, box: int, at: Mapping[str, float]) -> dict[str, float]:
    made = {name: scene.fixed[name] for name in case.fixed}
    for name in case.ranged:
        value = _inside(*scene.ranges[name][box], at[name])
        made[name] = round(value) if KNOBS[name].kind == "int" else value
    return made


# --- what is to hold ---


def weights_of(logits: Row) -> npt.NDArray[np.float32]:
    """expf(l - m), as `dist` computes it."""
    return np.array([expf(fall) for fall in (logits - logits.max()).tolist()], np.float32)


def picked(weights: npt.NDArray[np.float32], u: float) -> int:
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
    _assert_weights(bounds, box, columns, weights_of(logits))


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
    weights = weights_of(real.logits)
    shares = np.add.accumulate(weights.astype(np.float64)) / weights.sum(dtype=np.float64)
    edge = float(shares[dice.integers(len(shares))])
    edge += dice.choice([0, 1, -1, 3, -3, 1e4, -1e4, 1e8, -1e8]) * 2.0**-53
    for u in (dice.random(), min(max(edge, 0.0), 1 - 2.0**-53)):
        choice = bounds.roll(np.full((len(bounds.lost), 1), u))
        sure = bool(choice.certain[min(box, len(choice.certain) - 1)])
        if sure:
            assert choice.ids[min(box, len(choice.ids) - 1)] == real.ids[picked(weights, u)]


def start_of(row: Row, count: int) -> Bounds:
    """Exact bounds of a row, in so many boxes."""
    low = np.broadcast_to(row.astype(np.float64), (count, len(row)))
    there = np.ones((count, len(row)), bool)
    return Bounds(np.arange(len(row)), low, low, there, there, np.zeros((count, 1), bool), False)
