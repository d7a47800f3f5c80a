"""Why a token was not chosen: the value that would have kept it does, and its neighbour does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.worlds import N_VOCAB, PROMPT, fixed_world, noise, seeded, world

import tsumami
from tsumami import explain
from tsumami.errors import SettingsError
from tsumami.explain import WhyNot
from tsumami.knobs.stages import ROWS
from tsumami.runs import Run
from tsumami.sampling import Candidates, Ledger, apply
from tsumami.settings import Settings

WORLD = world()
STAGES = {row.cuts_by[0]: name for name, row in ROWS.items() if row.cuts_by}


def before(ledger: Ledger, stage: str) -> Candidates:
    """What came to a stage; sorted is not known from a ledger, and the stages sort what they need sorted."""
    place = next(i for i, record in enumerate(ledger.records) if record.name == stage)
    record = ledger.records[place - 1]
    return Candidates.of(record.ids, record.logits)


def stays(run: Run, ledger: Ledger, found: WhyNot, value: float) -> bool:
    assert found.kept is not None
    stage = STAGES[found.kept.knob]
    left = apply(stage, run.settings.replace(**{found.kept.knob: value}), before(ledger, stage))
    return bool((left.logits[left.ids == found.id] > -np.inf).any())


def assert_true(run: Run, found: WhyNot) -> None:
    """Everything that is said, by another way."""
    ledger = run.ledger(found.step)
    token = found.id
    assert found.p_raw == pytest.approx(ledger.records[0].prob_of(token) or 0)
    assert (found.fate == "chosen") == (token == run.tokens[found.step])
    assert found.ja
    assert found.en
    if found.fate == "cut":
        assert found.stage == ledger.cut_at(token)
    if found.fate == "roll":
        assert found.span is not None
        assert (
            found.u is None or not found.span.low <= found.u < found.span.high or found.span.high - found.span.low == 0
        )
    if found.kept is not None and found.kept.knob != "xtc_threshold":
        assert stays(run, ledger, found, found.kept.value)
        assert not stays(run, ledger, found, found.kept.neighbour)
        if found.kept.knob == "top_k":
            assert found.kept.neighbour == found.kept.value - 1
        else:
            ends = np.float32(found.kept.value), np.float32(found.kept.neighbour)
            assert np.nextafter(*ends) == ends[1]
        assert repr(found.kept.value).rstrip("0").rstrip(".") in found.en


@settings(max_examples=200, deadline=None)
@given(seeded(), st.integers(0, N_VOCAB - 1), st.integers(0, 7))
def test_everything_that_is_said_is_true(made: Settings, token: int, index: int) -> None:
    run = WORLD.run(PROMPT, made)
    if index < len(run.steps):
        assert_true(run, explain.why_not(run, index, token))


@settings(max_examples=60, deadline=None)
@given(seeded(mirostat_mode=0, adaptive_target=-1, xtc_probability=0.0), st.integers(0, 7), st.integers(0, 40))
def test_with_the_kept_value_the_same_roll_does_what_is_said(made: Settings, index: int, rank: int) -> None:
    run = WORLD.run(PROMPT, made)
    if index >= len(run.steps):
        return
    row = noise((*run.receipt.prompt_tokens, *run.tokens[:index]))
    found = explain.why_not(run, index, int(np.argsort(-row)[rank]))
    assert found.rank == rank + 1
    if found.kept is not None:
        again = WORLD.run(PROMPT, made.replace(**{found.kept.knob: found.kept.value}))
        if again.tokens[:index] == run.tokens[:index] and index < len(again.steps):
            assert (again.tokens[index] == found.id) == found.kept.chosen


PLAIN: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0, "seed": 0}
SHARES = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}


@pytest.mark.parametrize(
    ("knobs", "stage", "value"),
    [
        ({"top_k": 2}, "top_k", 4),
        ({"top_p": 0.5}, "top_p", 0.9),
        ({"min_p": 0.6}, "min_p", 0.25),
        ({"tfs_z": 0.5}, "tfs_z", 1),
        ({"top_a": 0.9}, "top_a", 0.625),
        ({"epsilon_cutoff": 0.2}, "epsilon_cutoff", 0.1),
        ({"top_h": 0.5}, "top_h", 1),
        ({"xtc_probability": 1.0, "xtc_threshold": 0.05}, "xtc", 0.1),
    ],
)
def test_values_that_can_be_worked_out_by_hand(knobs: dict[str, Any], stage: str, value: float) -> None:
    run = fixed_world(SHARES).run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, **knobs}))
    token = ord("a") if stage == "xtc" else ord("d")
    found = explain.why_not(run, 0, token)
    assert (found.fate, found.stage) == ("cut", stage)
    assert found.kept is not None
    if stage == "xtc":  # a stays as soon as it is the last one above the threshold: that of b
        assert found.kept.value == pytest.approx(0.3, abs=1e-6)
    else:
        assert found.kept.value == pytest.approx(value, abs=1e-6)
    assert f"{stage} cut it" in found.en
    assert f"{stage} が落としました" in found.ja


def test_a_token_that_stayed_says_where_it_lies_and_where_the_roll_fell() -> None:
    run = fixed_world(SHARES).run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1}))
    assert run.text == "b"
    found = explain.why_not(run, 0, ord("c"))
    assert found.fate == "roll"
    assert found.span is not None
    assert (found.span.token, found.span.low, found.span.high) == (found.id, pytest.approx(0.7), pytest.approx(0.9))
    assert "0.7000 to 0.9000" in found.en
    assert f"{run.steps[0].u:.4f}" in found.ja


def test_greedy_a_ban_and_the_chosen_token_say_what_they_are() -> None:
    model = fixed_world(SHARES)
    greedy = model.run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, "temperature": 0}))
    assert explain.why_not(greedy, 0, ord("b")).fate == "lost"
    assert explain.why_not(greedy, 0, ord("a")).fate == "chosen"
    assert explain.why_not(greedy, 0, ord("z")).fate == "banned"
    banned = model.run("x", Settings.from_mapping({**PLAIN, "max_tokens": 1, "logit_bias": {97: float("-inf")}}))
    found = explain.why_not(banned, -1, ord("a"))
    assert (found.fate, found.stage, found.kept) == ("cut", "logit_bias", None)


def test_a_token_or_place_that_does_not_exist_is_refused() -> None:
    run = WORLD.run("x", seed=0, max_tokens=2)
    with pytest.raises(SettingsError, match="not in this vocabulary"):
        explain.why_not(run, 0, N_VOCAB)
    with pytest.raises(IndexError):
        explain.why_not(run, 2, 0)


@pytest.mark.parametrize(
    "knobs", [{}, {"typical_p": 0.5}, {"top_n_sigma": 1.0}, {"top_h": 0.3}, {"penalty_alpha": 0.5, "top_k": 3}]
)
def test_on_the_real_model(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run("Once upon a time", Settings.from_mapping({"seed": 3, "max_tokens": 4, **knobs}))
    ledger = run.ledger(2)
    for token in ledger.records[0].ids[np.argsort(-ledger.records[0].logits)][[0, 7, 70, 700]]:
        assert_true(run, explain.why_not(run, 2, int(token)))
