"""A trial chooses, for every value, what the whole chain with that value chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.tokens import N_VOCAB, some_row, token_at, trial_at

from tsumami.boundaries.axis import Axis
from tsumami.boundaries.bounds.rounding import entropy_of, sum_of
from tsumami.boundaries.trial import DEAD_END
from tsumami.knobs import KNOBS, ORDERS
from tsumami.settings import Settings

MAPPED = [
    name
    for name, knob in KNOBS.items()
    if knob.slider is not None
    and knob.kind in ("int", "float")
    and name
    not in (
        "seed",
        "max_tokens",
        "mirostat_mode",
        "mirostat_tau",
        "mirostat_eta",
        "penalty_alpha",
        "min_tokens",
        "thinking_budget",
        "guidance_scale",
    )
    and KNOBS[name].stage != "adaptive"
]
LIVELY = {"dry_multiplier": 1.1, "dynatemp_range": 0.6, "xtc_probability": 0.5, "repeat_penalty": 1.2, "tfs_z": 0.98}


@pytest.mark.parametrize("order", ["classic", "llama.cpp"])
@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("seed", range(2))
def test_any_value_chooses_what_the_whole_chain_chooses(name: str, order: str, seed: int) -> None:
    made, row = Settings.from_mapping({"samplers": order, **LIVELY}), some_row(seed)
    axis, dice = Axis.handy(name), np.random.default_rng(seed)
    for span in axis.spans():
        trial = trial_at(made, axis, span.first, row)
        for place in {*span, *dice.integers(span.first, span.last + 1, 8).tolist()}:
            assert trial.run(place).token == token_at(made, axis, place, row)
            assert trial.run(place) is trial.run(place), "a value is run once"


XTC_ORDERS = [("xtc", "top_p", "top_k"), ("top_p", "xtc", "top_k"), ("top_k", "top_p", "xtc"), ("top_p", "xtc")]


@pytest.mark.parametrize("order", XTC_ORDERS)
@pytest.mark.parametrize("name", ["top_p", "xtc_threshold", "min_keep"])
def test_whether_xtc_took_a_number_before_is_right_whatever_was_asked_first(order: tuple[str, ...], name: str) -> None:
    """Nothing else need be asked before, and asking changes nothing."""
    made, axis, row = Settings(samplers=order, xtc_probability=0.5), Axis.handy(name), some_row(1)
    first = trial_at(made, axis, axis.ordinal(0.3 if name != "min_keep" else 2), row)
    stage = {"min_keep": min(order, key=lambda one: (one == "top_k", order.index(one)))}.get(name, KNOBS[name].stage)
    before = name == "xtc_threshold" or order.index("xtc") < order.index(stage or "")
    assert first.drew_before == before
    other = trial_at(made, axis, axis.ordinal(0.3 if name != "min_keep" else 2), row)
    other.run(axis.ordinal(0.3 if name != "min_keep" else 2))
    assert other.drew_before == before


def test_one_candidate_takes_no_number() -> None:
    made, row = Settings(samplers=("top_k", "xtc"), top_k=1, xtc_probability=0.5), some_row(1)
    axis = Axis.handy("xtc_threshold")
    assert not trial_at(made, axis, axis.ordinal(0.1), row).drew_before
    assert not trial_at(made, axis, axis.ordinal(0.1), row).run(axis.ordinal(0.1)).drew


def test_a_forced_token_comes_whatever_is_chosen() -> None:
    axis = Axis.handy("temperature")
    trial = trial_at(Settings(), axis, axis.ordinal(0.7), some_row(1), forced=123)
    assert {trial.run(axis.ordinal(value)).token for value in (0.5, 0.9, 2.0)} == {123}


def test_where_every_token_is_forbidden_there_is_a_dead_end() -> None:
    axis, made = Axis.handy("temperature"), Settings(logit_bias={token: float("-inf") for token in range(N_VOCAB)})
    assert trial_at(made, axis, axis.ordinal(0.7), some_row(1)).run(axis.ordinal(0.9)).token == DEAD_END


def test_a_knob_whose_stage_does_nothing_is_idle_and_every_value_is_the_chains() -> None:
    axis, row = Axis.handy("dry_base"), some_row(1)
    made = Settings(dry_multiplier=0)
    trial = trial_at(made, axis, axis.ordinal(2.0), row)
    assert trial.idle
    assert trial.run(axis.ordinal(1.5)).token == token_at(made, axis, axis.ordinal(3.0), row)


# --- the lists that are looked at instead of the whole vocabulary ---


@pytest.mark.parametrize("name", ["temperature", "repeat_penalty", "frequency_penalty", "dry_multiplier"])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_of_the_list_is_cut_at_every_value(name: str, seed: int) -> None:
    order = ("penalties", "dry", "temperature", "top_k")
    made = Settings(top_k=20, dry_multiplier=0.8, repeat_penalty=1.3, samplers=order)
    axis, row = Axis.handy(name), some_row(seed)
    span = max(axis.spans(), key=len)
    trial = trial_at(made, axis, span.first, row)
    listed, whole = trial.moved_logits.listed, trial.moved_logits.whole
    assert len(listed.ids) < len(whole.ids) == N_VOCAB
    assert np.array_equal(listed.logits, whole.logits[np.searchsorted(whole.ids, listed.ids)])
    for place in np.linspace(*span, 40).astype(int).tolist():
        assert trial.run(place).token in listed.ids


def test_dynamic_temperature_moves_every_token_so_the_list_is_whole() -> None:
    axis = Axis.handy("dynatemp_range")
    trial = trial_at(Settings(top_k=20), axis, axis.ordinal(0.5), some_row(0))
    assert len(trial.moved_logits.listed.ids) == len(trial.moved_logits.whole.ids)
    low, high = trial.moved_logits.entropy_share
    p = np.exp(some_row(0).astype(np.float64))[np.argsort(-some_row(0))[: trial.width]]
    p /= p.sum()
    assert 0 <= low <= high <= 1
    if trial.width == N_VOCAB:
        off = sum(entropy_of(len(p))) + sum_of(5)  # of llama.cpp's share from the true one
        assert low * (1 - off) <= -(p * np.log(p)).sum() / np.log(len(p)) <= high * (1 + off)


CUTTING: dict[str, dict[str, Any]] = {
    "top_k": {},
    "top_p": {},
    "min_p": {"min_keep": 3},
    "typical_p": {},
    "tfs_z": {},
    "top_a": {"min_keep": 3},
    "top_h": {},
    "epsilon_cutoff": {"min_keep": 3},
    "eta_cutoff": {},
    "xtc_threshold": {"xtc_probability": 1.0},
    "top_n_sigma": {},
}


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, order) for name in CUTTING for order in ORDERS if KNOBS[name].stage in ORDERS[order]],
)
@pytest.mark.parametrize("seed", range(2))
def test_a_nested_list_is_what_the_real_stage_leaves_at_every_value(name: str, order: str, seed: int) -> None:
    made, row = Settings.from_mapping({"samplers": order, "top_k": 0, **CUTTING[name]}), some_row(seed)
    axis, met = Axis.handy(name), 0
    for span in axis.spans():
        trial = trial_at(made, axis, span.first, row)
        nested = None if trial.idle else trial.cut_lists.nested(span)
        if nested is None:
            continue
        sizes = []
        for place in sorted({*span, *np.linspace(*span, 60).astype(int).tolist()}):
            size, left = trial.cut_lists.size_at(place), trial.cut_lists.left_at(place)
            sizes.append(size)
            assert nested.smallest <= size <= nested.largest
            made_of_size = nested.of_size(size)
            assert np.array_equal(made_of_size.ids, left.ids)
            assert np.array_equal(made_of_size.logits, left.logits)
            assert trial.run_size(nested, size) == trial.run(place)
            met += 1
        assert sizes == sorted(sizes, reverse=nested.falling)
    assert met > 50
