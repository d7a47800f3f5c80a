"""One stage at a time, on every edge: `tsumami.sampling.apply` against tables worked out by hand and plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.sampling import plain

from tsumami.errors import SettingsError
from tsumami.knobs.stages import LOOKING_BACK
from tsumami.native import TOKEN_DATA
from tsumami.sampling import Candidates, apply
from tsumami.settings import STAGES, Settings

INF = float("inf")
NEUTRAL = {
    "temperature": 1.0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_penalty": 1.0,
    "top_k": 0,
    "tfs_z": 1.0,
}
#: Settings under which each stage does something.
ACTIVE: dict[str, dict[str, Any]] = {
    "penalties": {"repeat_penalty": 2.0, "frequency_penalty": 0.5, "presence_penalty": 0.25},
    "dry": {"dry_multiplier": 1.0, "dry_allowed_length": 1, "dry_base": 2.0},
    "no_repeat_ngram": {"no_repeat_ngram_size": 2},
    "top_n_sigma": {"top_n_sigma": 1.0},
    "top_k": {"top_k": 3},
    "tfs_z": {"tfs_z": 0.5},
    "typ_p": {"typical_p": 0.5},
    "top_p": {"top_p": 0.6},
    "min_p": {"min_p": 0.5},
    "epsilon_cutoff": {"epsilon_cutoff": 0.12},
    "eta_cutoff": {"eta_cutoff": 0.2},
    "top_a": {"top_a": 0.8},
    "top_h": {"top_h": 0.6},
    "xtc": {"xtc_probability": 1.0, "xtc_threshold": 0.15},
    "smoothing": {"smoothing_factor": 0.3, "smoothing_curve": 2.0},
    "temperature": {"temperature": 0.5},
}
HISTORY_STAGES = LOOKING_BACK


def neutral(**changes: Any) -> Settings:
    return Settings.from_mapping({**NEUTRAL, **changes})


def of_probs(*probs: float) -> Candidates:
    with np.errstate(divide="ignore"):
        return Candidates.from_logits(np.log(np.asarray(probs, np.float64)))


def in_order(candidates: Candidates) -> Candidates:
    """The same entries, sorted and flagged so, as a top_k before would leave them."""
    data = candidates.data.copy()
    return Candidates(data[np.argsort(-data["logit"], kind="stable")], is_sorted=True)


def image(candidates: Candidates) -> tuple[bytes, int, bool, int]:
    """Everything that a stage could change."""
    return candidates.data.tobytes(), len(candidates), candidates.sorted, candidates.selected


def logits_by_id(candidates: Candidates) -> dict[int, float]:
    return dict(zip(candidates.ids.tolist(), candidates.logits.tolist(), strict=True))


# --- what a stage does, worked out by hand ---

FIVE = (0.1, 0.3, 0.05, 0.4, 0.15)  # ids 0..4; descending: 3, 1, 4, 0, 2

KEPT: list[tuple[str, dict[str, Any], tuple[float, ...], list[int]]] = [
    ("top_k", {"top_k": 1}, FIVE, [3]),
    ("top_k", {"top_k": 3}, FIVE, [3, 1, 4]),
    ("top_k", {"top_k": 5}, FIVE, [3, 1, 4, 0, 2]),
    ("top_k", {"top_k": 100}, FIVE, [3, 1, 4, 0, 2]),
    ("top_k", {"top_k": 1, "min_keep": 4}, FIVE, [3]),  # top_k does not heed min_keep
    ("top_p", {"top_p": 0.0}, FIVE, [3]),
    ("top_p", {"top_p": 0.39}, FIVE, [3]),
    ("top_p", {"top_p": 0.41}, FIVE, [3, 1]),
    ("top_p", {"top_p": 0.69}, FIVE, [3, 1]),
    ("top_p", {"top_p": 0.71}, FIVE, [3, 1, 4]),
    ("top_p", {"top_p": 0.99}, FIVE, [3, 1, 4, 0, 2]),
    ("top_p", {"top_p": 0.1, "min_keep": 3}, FIVE, [3, 1, 4]),
    ("top_p", {"top_p": 0.1, "min_keep": 99}, FIVE, [3, 1, 4, 0, 2]),
    ("min_p", {"min_p": 0.24}, FIVE, [0, 1, 3, 4]),  # threshold 0.096; what is kept stays in its order
    ("min_p", {"min_p": 0.26}, FIVE, [1, 3, 4]),
    ("min_p", {"min_p": 0.74}, FIVE, [1, 3]),
    ("min_p", {"min_p": 0.76}, FIVE, [3]),
    ("min_p", {"min_p": 1.0}, FIVE, [3]),
    ("min_p", {"min_p": 0.76, "min_keep": 3}, FIVE, [3, 1, 4]),  # too few: sorted, and cut at min_keep
    ("min_p", {"min_p": 0.76, "min_keep": 99}, FIVE, [3, 1, 4, 0, 2]),
    # H = 1.390; |−ln p − H|: 3: 0.473, 1: 0.186, 4: 0.507, 0: 0.913, 2: 1.606
    ("typ_p", {"typical_p": 0.29}, FIVE, [1]),
    ("typ_p", {"typical_p": 0.31}, FIVE, [1, 3]),
    ("typ_p", {"typical_p": 0.71}, FIVE, [1, 3, 4]),
    ("typ_p", {"typical_p": 0.0}, FIVE, [1]),
    ("typ_p", {"typical_p": 0.0, "min_keep": 4}, FIVE, [1, 3, 4, 0]),
    ("typ_p", {"typical_p": 0.5}, (0.97, 0.01, 0.01, 0.01), [0]),  # llama.cpp tests/test-sampling.cpp
    ("typ_p", {"typical_p": 0.5}, (0.4, 0.2, 0.2, 0.2), [1, 2, 3]),  # llama.cpp tests/test-sampling.cpp
    ("xtc", {"xtc_probability": 1, "xtc_threshold": 0.12}, FIVE, [4, 0, 2]),
    ("xtc", {"xtc_probability": 1, "xtc_threshold": 0.35}, FIVE, [3, 1, 4, 0, 2]),  # one reaches it: it stays
    ("xtc", {"xtc_probability": 1, "xtc_threshold": 0.0}, FIVE, [2]),
    ("xtc", {"xtc_probability": 1, "xtc_threshold": 0.12, "min_keep": 3}, FIVE, [4, 0, 2]),
    ("xtc", {"xtc_probability": 1, "xtc_threshold": 0.12, "min_keep": 4}, FIVE, [3, 1, 4, 0, 2]),
    ("xtc", {"xtc_probability": 1, "xtc_threshold": 0.51}, FIVE, [0, 1, 2, 3, 4]),  # off: not even sorted
    # 0.4² · 0.6 = 0.096, and in the order in which they came
    ("top_a", {"top_a": 0.6}, FIVE, [0, 1, 3, 4]),
    ("top_a", {"top_a": 0.65}, FIVE, [1, 3, 4]),
    ("top_a", {"top_a": 1.0}, FIVE, [1, 3]),  # 0.16
    ("top_a", {"top_a": 1.0, "min_keep": 4}, FIVE, [0, 1, 3, 4]),
    ("top_a", {"top_a": 1.0}, (0.99, 0.01), [0]),
    ("epsilon_cutoff", {"epsilon_cutoff": 0.09}, FIVE, [0, 1, 3, 4]),
    ("epsilon_cutoff", {"epsilon_cutoff": 0.29}, FIVE, [1, 3]),
    ("epsilon_cutoff", {"epsilon_cutoff": 0.9}, FIVE, [3]),
    ("epsilon_cutoff", {"epsilon_cutoff": 0.9, "min_keep": 2}, FIVE, [1, 3]),
    # H = 1.390, e^-H = 0.2490; of 0.04: min(0.04, 0.2 · 0.249 = 0.0498); of 0.09: min(0.09, 0.0747); of 0.36: 0.149
    ("eta_cutoff", {"eta_cutoff": 0.04}, FIVE, [0, 1, 2, 3, 4]),
    ("eta_cutoff", {"eta_cutoff": 0.09}, FIVE, [0, 1, 3, 4]),
    ("eta_cutoff", {"eta_cutoff": 0.36}, FIVE, [1, 3, 4]),
    ("eta_cutoff", {"eta_cutoff": 0.37}, FIVE, [1, 3]),
    # terms 0.3665 (3), 0.3612 (1), 0.2846 (4), 0.2303 (0), 0.1498 (2): shares 0.263, 0.523, 0.727, 0.892, 1
    ("top_h", {"top_h": 0.0}, FIVE, [3]),
    ("top_h", {"top_h": 0.26}, FIVE, [3]),
    ("top_h", {"top_h": 0.52}, FIVE, [3]),
    ("top_h", {"top_h": 0.53}, FIVE, [1, 3]),
    ("top_h", {"top_h": 0.9}, FIVE, [0, 1, 3, 4]),
    ("tfs_z", {"tfs_z": 0.25}, (0.1, 0.15, 0.2, 0.25, 0.3), [4]),
    ("tfs_z", {"tfs_z": 0.75}, (0.1, 0.15, 0.2, 0.25, 0.3), [4, 3]),
]


@pytest.mark.parametrize(("stage", "knobs", "probs", "kept"), KEPT)
def test_a_stage_keeps_what_its_definition_says(
    stage: str, knobs: dict[str, Any], probs: tuple[float, ...], kept: list[int]
) -> None:
    before = of_probs(*probs)
    after = apply(stage, neutral(seed=0, **knobs), before)
    if len(set(probs)) < len(probs):  # the order among equals is nobody's promise
        assert sorted(after.ids.tolist()) == sorted(kept)
    else:
        assert after.ids.tolist() == kept
    original = logits_by_id(before)
    assert logits_by_id(after) == {token: original[token] for token in kept}  # a cut moves no logit


MOVED: list[tuple[str, dict[str, Any], list[float], list[int], list[float]]] = [
    ("temperature", {"temperature": 0.5}, [1.0, -2.0, 3.0], [], [2.0, -4.0, 6.0]),
    ("temperature", {"temperature": 2.0}, [1.0, -2.0, 3.0], [], [0.5, -1.0, 1.5]),
    ("temperature", {"temperature": 0.0}, [1.0, 3.0, 3.0], [], [-INF, 3.0, -INF]),  # the first maximum
    ("penalties", {"repeat_penalty": 2.0}, [4.0, -4.0, 0.0], [0, 1, 2], [2.0, -8.0, 0.0]),
    ("penalties", {"repeat_penalty": 2.0}, [4.0, -4.0, 1.0], [0, 0, 0, 1], [2.0, -8.0, 1.0]),  # once, however often
    ("penalties", {"frequency_penalty": 0.5}, [4.0, -4.0, 1.0], [0, 0, 0, 1], [2.5, -4.5, 1.0]),
    ("penalties", {"presence_penalty": 0.5}, [4.0, -4.0, 1.0], [0, 0, 0, 1], [3.5, -4.5, 1.0]),
    ("penalties", {"frequency_penalty": -0.5}, [4.0, -4.0, 1.0], [2], [4.0, -4.0, 1.5]),
    ("penalties", {"repeat_penalty": 2.0, "repeat_last_n": 2}, [4.0, -4.0, 1.0], [0, 1, 2], [4.0, -8.0, 0.5]),
    ("penalties", {"repeat_penalty": 2.0, "repeat_last_n": 0}, [4.0, -4.0, 1.0], [0, 1, 2], [4.0, -4.0, 1.0]),
    # d = 0, -2, -3: f · d² = 0, 1, 2.25
    ("smoothing", {"smoothing_factor": 0.25}, [4.0, 2.0, 1.0, -INF], [], [4.0, 3.0, 1.75, -INF]),
    # all of it cubed: 0.25 · d³ = 0, -2, -6.75
    ("smoothing", {"smoothing_factor": 0.25, "smoothing_curve": 3.0}, [4.0, 2.0, 1.0], [], [4.0, 2.0, -2.75]),
    # k = -1/2, s = 3/2, d = -1/4: 0.5 · 8/16 - 1.5 · 8/64 = 1/16, so it overtakes the best
    ("smoothing", {"smoothing_factor": 8.0, "smoothing_curve": 4.0}, [4.0, 3.75], [], [4.0, 4.0625]),
    # the first division, then the subtractions: 4 / 2 - (2 * 0.5 + 0.25)
    (
        "penalties",
        {"repeat_penalty": 2.0, "frequency_penalty": 0.5, "presence_penalty": 0.25},
        [4.0, 0.0],
        [0, 0],
        [0.75, 0.0],
    ),
    # 0 1 2 0 1: "0 1" was followed by 2 before, a match of 2 tokens: 1 · 2^(2 - 1)
    ("dry", {"dry_multiplier": 1.0, "dry_base": 2.0, "dry_allowed_length": 1}, [0, 0, 9.0], [0, 1, 2, 0, 1], [0, 0, 7]),
    ("dry", {"dry_multiplier": 1.0, "dry_base": 2.0, "dry_allowed_length": 2}, [0, 0, 9.0], [0, 1, 2, 0, 1], [0, 0, 8]),
    ("dry", {"dry_multiplier": 1.0, "dry_base": 2.0, "dry_allowed_length": 3}, [0, 0, 9.0], [0, 1, 2, 0, 1], [0, 0, 9]),
    # only "1 2 0 1" is in the window, so the match has one token
    (
        "dry",
        {"dry_multiplier": 1.0, "dry_base": 2.0, "dry_allowed_length": 1, "dry_penalty_last_n": 4},
        [0, 0, 9.0],
        [0, 1, 2, 0, 1],
        [0, 0, 8.0],
    ),
    # logits 0 4: the population's deviation is 2
    ("top_n_sigma", {"top_n_sigma": 1.5}, [0.0, 4.0], [], [-INF, 4.0]),
    ("top_n_sigma", {"top_n_sigma": 2.5}, [0.0, 4.0], [], [0.0, 4.0]),
]


@pytest.mark.parametrize(("stage", "knobs", "logits", "history", "expected"), MOVED)
def test_a_stage_moves_logits_as_its_definition_says(
    stage: str, knobs: dict[str, Any], logits: list[float], history: list[int], expected: list[float]
) -> None:
    after = apply(stage, neutral(**knobs), Candidates.from_logits(logits), history)
    assert after.ids.tolist() == list(range(len(logits)))
    assert after.logits.tolist() == expected


def test_dynamic_temperature_is_low_where_the_model_is_sure() -> None:
    """All equal: entropy is at its maximum, so T + range. Nearly certain: T - range."""
    knobs = neutral(temperature=1.0, dynatemp_range=0.5)
    flat = apply("temperature", knobs, Candidates.from_logits([2.0, 2.0, 2.0]))
    assert np.allclose(flat.logits, 2.0 / 1.5, rtol=1e-6)
    sure = apply("temperature", knobs, Candidates.from_logits([60.0, 0.0, 0.0]))
    assert np.allclose(sure.logits, [120.0, 0.0, 0.0], rtol=1e-6)


def test_dynamic_temperature_can_turn_itself_off() -> None:
    """Range as large as T: a sure model gets temperature 0, which leaves one candidate."""
    after = apply("temperature", neutral(temperature=1.0, dynatemp_range=1.0), Candidates.from_logits([300.0, 0.0]))
    assert after.probs().tolist() == [1.0, 0.0]


# --- the same on random candidates, against plain.py ---

LOGITS = st.lists(st.integers(-800, 800).map(lambda n: n / 64), min_size=1, max_size=40, unique=True)
SHARES = st.integers(0, 100).map(lambda n: n / 100)
SMALL = st.integers(0, 100).map(lambda n: n / 10_000)
KNOBS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "penalties": st.fixed_dictionaries(
        {
            "repeat_last_n": st.integers(0, 12),
            "repeat_penalty": st.sampled_from([0.5, 1.0, 1.25, 2.0]),
            "frequency_penalty": st.sampled_from([-0.5, 0.0, 0.75]),
            "presence_penalty": st.sampled_from([-0.5, 0.0, 0.75]),
        }
    ),
    "dry": st.fixed_dictionaries(
        {
            "dry_multiplier": st.sampled_from([0.0, 0.5, 2.0]),
            "dry_base": st.sampled_from([1.0, 1.75, 3.0]),
            "dry_allowed_length": st.integers(0, 4),
            "dry_penalty_last_n": st.integers(0, 24),
        }
    ),
    "no_repeat_ngram": st.fixed_dictionaries({"no_repeat_ngram_size": st.integers(0, 4)}),
    "top_n_sigma": st.fixed_dictionaries({"top_n_sigma": SHARES.map(lambda n: 4 * n)}),
    "top_k": st.fixed_dictionaries({"top_k": st.integers(0, 50)}),
    "typ_p": st.fixed_dictionaries({"typical_p": SHARES, "min_keep": st.integers(0, 50)}),
    "top_p": st.fixed_dictionaries({"top_p": SHARES, "min_keep": st.integers(0, 50)}),
    "min_p": st.fixed_dictionaries({"min_p": SHARES, "min_keep": st.integers(0, 50)}),
    "epsilon_cutoff": st.fixed_dictionaries({"epsilon_cutoff": SHARES | SMALL, "min_keep": st.integers(0, 50)}),
    "eta_cutoff": st.fixed_dictionaries({"eta_cutoff": SHARES | SMALL, "min_keep": st.integers(0, 50)}),
    "top_a": st.fixed_dictionaries({"top_a": SHARES | SMALL, "min_keep": st.integers(0, 50)}),
    "top_h": st.fixed_dictionaries({"top_h": SHARES}),
    "xtc": st.fixed_dictionaries({"xtc_threshold": SHARES, "min_keep": st.integers(0, 50)}),
    "smoothing": st.fixed_dictionaries(
        {
            "smoothing_factor": st.sampled_from([0.0, 0.05, 0.25, 1.5, 10.0]),
            "smoothing_curve": st.sampled_from([1.0, 1.5, 3.0, 3.5, 10.0]),
        }
    ),
    "temperature": st.fixed_dictionaries(
        {
            "temperature": st.sampled_from([0.7, 1.0, 2.5]),  # near 0 the quotient outgrows any tolerance
            "dynatemp_range": st.sampled_from([0.0, 0.3, 0.6]),
            "dynatemp_exponent": st.sampled_from([0.5, 1.0, 3.0]),
        }
    ),
}


@pytest.mark.parametrize("sorted_before", [False, True], ids=["unsorted", "sorted"])
@pytest.mark.parametrize("stage", KNOBS)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data(), logits=LOGITS, history=st.lists(st.integers(0, 5), max_size=24))
def test_a_stage_equals_its_plain_definition(
    stage: str, sorted_before: bool, data: st.DataObject, logits: list[float], history: list[int]
) -> None:
    knobs = neutral(seed=0, xtc_probability=1.0).replace(**data.draw(KNOBS[stage]))
    before = Candidates.from_logits(logits)
    before = in_order(before) if sorted_before else before
    expected = expect(stage, knobs, before, history)
    after = apply(stage, knobs, before, history)
    assert after.ids.tolist() == expected[0].tolist()
    entropy_is_float32 = stage == "temperature" and knobs.dynatemp_range > 0
    assert np.allclose(after.logits, expected[1], rtol=5e-4 if entropy_is_float32 else 2e-5, atol=2e-5)


def expect(stage: str, knobs: Settings, before: Candidates, history: list[int]) -> plain.Entries:
    arguments = (history,) if stage in HISTORY_STAGES else ()
    try:
        return plain.STAGES[stage](
            before.ids.astype(np.int64), before.logits.astype(np.float64), *arguments, **plain.OF_SETTINGS[stage](knobs)
        )
    except plain.Undecided:
        assume(False)
        raise


# --- promises of every stage ---


@pytest.mark.parametrize("stage", STAGES)
def test_the_one_candidate_that_is_left_stays(stage: str) -> None:
    after = apply(stage, neutral(**ACTIVE[stage]), Candidates.from_logits([1.5]))
    assert after.ids.tolist() == [0]
    assert after.probs().tolist() == [1.0]


#: How many of six equals each stage keeps; the others keep all. Tail-free: without any curvature its four weights are
#: 1/4 each, and their sum passes 0.5 at index 2.
ALL_EQUAL = {"top_k": 3, "tfs_z": 2, "typ_p": 4, "top_p": 4, "top_h": 3, "xtc": 1}


@pytest.mark.parametrize("stage", STAGES)
def test_among_equals_a_stage_keeps_the_number_that_its_definition_gives(stage: str) -> None:
    after = apply(stage, neutral(**ACTIVE[stage]), Candidates.from_logits([0.5] * 6))
    assert len(after) == ALL_EQUAL.get(stage, 6)
    assert len(set(after.ids.tolist())) == len(after)
    assert np.allclose(after.probs(), 1 / len(after))


@pytest.mark.parametrize(
    ("size", "history", "kept"),
    [
        (0, [0, 1, 0], [0, 1, 2]),
        (1, [0, 0], [1, 2]),
        (1, [], [0, 1, 2]),
        (2, [0, 1, 0], [0, 2]),  # "0 1" stands there, and the text ends in 0
        (2, [0, 0], [1, 2]),
        (3, [0, 1, 2, 0, 1], [0, 1]),
        (3, [0, 1, 2, 1, 1], [0, 1, 2]),
        (4, [0, 1, 2], [0, 1, 2]),
    ],
)
def test_what_would_complete_a_repeat_is_gone(size: int, history: list[int], kept: list[int]) -> None:
    after = apply("no_repeat_ngram", neutral(no_repeat_ngram_size=size), Candidates.from_logits([1, 2, 3]), history)
    assert after.ids.tolist() == kept


def test_where_every_candidate_would_complete_a_repeat_all_are_banned() -> None:
    after = apply("no_repeat_ngram", neutral(no_repeat_ngram_size=1), Candidates.from_logits([1, 2]), [0, 1])
    assert after.logits.tolist() == [-INF, -INF]


def test_top_h_looks_at_a_hundred() -> None:
    """However many follow, and of equals at the edge the earlier ones."""
    after = apply("top_h", neutral(top_h=0.999), Candidates.from_logits([0.0] * 500))
    assert after.ids.tolist() == list(range(99))


@pytest.mark.parametrize("stage", ["top_k", "top_p", "min_p", "typ_p"])
def test_a_tie_at_the_edge_keeps_the_exact_number_and_the_clear_winner(stage: str) -> None:
    knobs = {"top_k": {"top_k": 2}, "top_p": {"top_p": 0.55}, "min_p": {"min_p": 0.9}, "typ_p": {"typical_p": 0.05}}
    count = {"top_k": 2, "top_p": 2, "min_p": 1, "typ_p": 1}
    after = apply(stage, neutral(**knobs[stage]), of_probs(0.2, 0.4, 0.2, 0.2))
    assert len(after) == count[stage]
    if stage != "typ_p":
        assert after.ids[np.argmax(after.logits)] == 1


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "typ_p"])
def test_a_forbidden_candidate_never_comes_back(stage: str) -> None:
    """typ_p is left out: llama.cpp's entropy is NaN then and its cut arbitrary (samplers: typical); see test_chain."""
    before = Candidates.from_logits([1.0, -INF, 2.0, -INF, 0.5, 0.25])
    after = apply(stage, neutral(**ACTIVE[stage]), before, [2, 4, 2, 4])
    alive = {token for token, logit in logits_by_id(after).items() if logit > -INF}
    assert alive
    assert alive <= {0, 2, 4, 5}
    assert abs(after.probs().sum() - 1) < 1e-12


@pytest.mark.parametrize("stage", STAGES)
def test_where_all_are_forbidden_nothing_breaks(stage: str) -> None:
    after = apply(stage, neutral(**ACTIVE[stage]), Candidates.from_logits([-INF] * 5), [0, 1, 0, 1])
    assert len(after) >= 1
    assert np.all(after.logits == -INF)
    assert after.probs().tolist() == [0.0] * len(after)


@pytest.mark.parametrize("sorted_before", [False, True], ids=["unsorted", "sorted"])
@pytest.mark.parametrize("stage", STAGES)
def test_at_its_neutral_value_a_stage_changes_no_bit(stage: str, sorted_before: bool) -> None:
    rng = np.random.default_rng(5)
    before = Candidates.from_logits(rng.normal(0, 4, 500))
    before.data["p"] = rng.random(500)
    before = in_order(before) if sorted_before else before
    after = apply(stage, neutral(min_keep=3), before, [1, 2, 3, 1, 2, 3, 1, 2])
    assert image(after) == image(before)


@pytest.mark.parametrize("history", [(), (1, 2, 1, 2, 1)], ids=["no history", "history"])
@pytest.mark.parametrize("stage", STAGES)
def test_the_input_is_left_as_it_was(stage: str, history: tuple[int, ...]) -> None:
    before = Candidates.from_logits(np.random.default_rng(1).normal(0, 3, 200))
    was = image(before)
    apply(stage, neutral(**ACTIVE[stage]), before, history)
    assert image(before) == was


@pytest.mark.parametrize("stage", HISTORY_STAGES)
def test_without_history_nothing_is_penalised(stage: str) -> None:
    before = Candidates.from_logits([3.0, -1.0, 0.0])
    after = apply(stage, neutral(**ACTIVE[stage]), before)
    assert after.data.tobytes() == before.data.tobytes()


@pytest.mark.parametrize("stage", HISTORY_STAGES)
def test_a_history_may_name_tokens_that_are_no_candidates(stage: str) -> None:
    before = Candidates.from_logits([3.0, -1.0, 0.0])
    after = apply(stage, neutral(**ACTIVE[stage]), before, [70_000, 2**31 - 1, 70_000])
    assert after.logits.tolist() == before.logits.tolist()


@pytest.mark.parametrize("stage", STAGES)
def test_a_subset_of_a_vocabulary_keeps_its_ids(stage: str) -> None:
    """Candidates need be neither complete nor in id order."""
    memory = np.zeros(4, TOKEN_DATA)
    memory["id"], memory["logit"] = [900, 5, 77, 40_000], [0.5, 2.0, 1.0, 1.5]
    after = apply(stage, neutral(**ACTIVE[stage]), Candidates(memory), [5, 77, 5, 77])
    assert set(after.ids.tolist()) <= {900, 5, 77, 40_000}
    assert len(after) >= 1


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "tfs_z"])
def test_a_vocabulary_of_262144_gives_what_the_definition_gives(stage: str) -> None:
    rng = np.random.default_rng(7)
    before = Candidates.from_logits(rng.permutation(np.linspace(-12, 18, 262_144)))
    history = rng.integers(0, 262_144, 60).tolist()
    history += history[:5]
    knobs = neutral(**ACTIVE[stage], seed=0)
    knobs = knobs.replace(xtc_threshold=0.0001) if stage == "xtc" else knobs
    after = apply(stage, knobs, before, history)
    ids, logits = before.ids.astype(np.int64), before.logits.astype(np.float64)
    plain.MARGIN, margin = 0.0, plain.MARGIN  # type: ignore[misc]  # so dense a list always has a value near an edge
    try:
        arguments = (history,) if stage in HISTORY_STAGES else ()
        expected = plain.STAGES[stage](ids, logits, *arguments, **plain.OF_SETTINGS[stage](knobs))
    finally:
        plain.MARGIN = margin  # type: ignore[misc]
    off = 1e-3 * len(expected[0])  # a running sum over so many floats drifts that far
    assert abs(len(after) - len(expected[0])) <= off
    ours = dict(zip(after.ids.tolist(), after.logits.tolist(), strict=True))
    theirs = dict(zip(expected[0].tolist(), expected[1].tolist(), strict=True))
    assert len(ours.keys() ^ theirs.keys()) <= off
    shared = sorted(ours.keys() & theirs.keys())
    finite = [token for token in shared if ours[token] > -INF and theirs[token] > -INF]
    assert np.allclose([ours[t] for t in finite], [theirs[t] for t in finite], rtol=1e-5, atol=1e-5)
    assert abs(len(shared) - len(finite) - sum(v == -INF for v in theirs.values())) <= 2


def test_dry_exempts_its_breakers_only_where_a_vocabulary_can_read_them() -> None:
    """Breakers are texts. Without a vocabulary they are left out, and the match runs across them."""
    knobs = neutral(**ACTIVE["dry"], dry_sequence_breakers=("x",))
    after = apply("dry", knobs, Candidates.from_logits([0.0, 0.0, 0.0]), [0, 1, 2, 0, 1])
    assert after.logits.tolist() == [0.0, 0.0, -2.0]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 2])
def test_xtc_rolls_its_die_from_the_seed(seed: int) -> None:
    """One float roll per token from its own generator: the first word of MT19937, by libstdc++'s formula."""
    word = np.random.RandomState(seed).randint(0, 2**32, dtype=np.uint64)
    u = min(np.float32(word) / np.float32(2**32), np.nextafter(np.float32(1), np.float32(0)))
    for probability, fires in ((float(u) - 0.01, False), (float(u) + 0.01, True)):
        assert 0 < probability <= 1, "choose seeds whose roll is not at an end"
        knobs = neutral(xtc_probability=probability, xtc_threshold=0.1, seed=seed)
        assert (len(apply("xtc", knobs, of_probs(0.5, 0.5))) == 1) is fires


def test_an_unknown_stage_is_named_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match=r"'top_q'.*top_k, tfs_z"):
        apply("top_q", Settings(), Candidates.from_logits([1.0]))


@pytest.mark.parametrize(
    ("logits", "reason"),
    [
        ([], "at least one"),
        ([[1.0]], "one dimension"),
        ([1.0, float("nan")], "NaN"),
        ([INF, 1.0], r"\+inf"),
        (3.0, "one"),
    ],
)
def test_logits_that_are_no_row_are_refused(logits: Any, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        Candidates.from_logits(logits)


def test_probs_are_the_softmax_in_the_arrays_order() -> None:
    assert np.allclose(of_probs(0.2, 0.5, 0.3).probs(), [0.2, 0.5, 0.3], atol=1e-7)
    assert np.allclose(in_order(of_probs(0.2, 0.5, 0.3)).probs(), [0.5, 0.3, 0.2], atol=1e-7)
    assert Candidates.from_logits([-INF, 0.0]).probs().tolist() == [0.0, 1.0]
    assert Candidates.from_logits([3e38, -3e38]).probs().tolist() == [1.0, 0.0]
