"""What each knob did: the same counts as a slow reference that builds every chain anew."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.support.worlds import N_VOCAB, PROMPT, fixed_world, seeded, world

import tsumami
from tsumami import explain
from tsumami.errors import CancelledError, DeadEndError, RunFileError
from tsumami.explain.reasons.audits import audited
from tsumami.knobs import KNOBS
from tsumami.knobs.stages import HEED_MIN_KEEP
from tsumami.runs import Prompt, Run
from tsumami.sampling import Chain, LedgerWriter, StageRecord
from tsumami.sampling.building import places
from tsumami.settings import Settings

WORLD = world()


def account(made: Settings, run: Run, index: int) -> tuple[dict[str, StageRecord], int | None]:
    """What a chain that is built from nothing leaves stage by stage, and what it chooses."""
    chain = Chain.from_settings(made, seed=run.receipt.seed, n_vocab=N_VOCAB, texts=WORLD.tokenizer)
    chain.accept_prompt(run.receipt.prompt_tokens)
    chain.follow(run.tokens[:index])
    chain.remove(run.steps[index].removed)
    (row,) = WORLD.replayer.rows(run, index, index + 1)
    writer = LedgerWriter()
    try:
        pick = chain.choose(row, writer.watch).pick
    except DeadEndError:
        return {}, None
    return {record.name: record for record in writer.close(index, pick).records}, pick.token


def left(record: StageRecord) -> dict[int, float]:
    """Probabilities of what can still be chosen, up to a factor."""
    top = record.logits.max()
    return {i: float(x - top) for i, x in zip(record.ids.tolist(), record.logits, strict=True) if x > -np.inf}


def at(stage: str, made: Settings, records: dict[str, StageRecord]) -> StageRecord:
    """What is left after a stage's place, whether the stage is there or not."""
    order = ("model", *places(made))
    there = [name for name in order[: order.index(stage) + 1] if name in records]
    return records[there[-1]]


def slow(run: Run, name: str, made: Settings) -> tuple[list[int], list[int]]:
    """The places at which the candidates would have been others, and those at which the token would."""
    changed, decided = [], []
    stage = KNOBS[name].stage or next(one for one in reversed(run.settings.chain_order) if one in HEED_MIN_KEEP)
    for index, token in enumerate(run.tokens):
        ours, _ = account(run.settings, run, index)
        theirs, other = account(made, run, index)
        if made.mode != run.settings.mode or left(at(stage, run.settings, ours)) != left(at(stage, made, theirs)):
            changed.append(index)
        if other != token:
            decided.append(index)
    return changed, decided


@settings(max_examples=50, deadline=None)
@given(seeded(mirostat_mode=0, adaptive_target=-1, xtc_probability=0.0))
def test_the_counts_are_those_of_the_slow_reference(made: Settings) -> None:
    run = WORLD.run(PROMPT, made)
    found = explain.audit(run)
    expected = audited(made)
    assert [one.knob for one in found.knobs] == list(expected)
    for one in found.knobs:
        if one.knob == "min_keep" and not set(made.chain_order) & set(HEED_MIN_KEEP):
            assert one.dead
            continue
        if KNOBS[one.knob].stage not in (None, *places(made)) and expected[one.knob].mode == made.mode:
            assert one.dead
            continue
        changed, decided = slow(run, one.knob, expected[one.knob])
        assert (one.changed, one.decided) == (len(changed), len(decided)), one.knob
        assert one.first_changed == (changed[0] if changed else None)
        assert one.first_decided == (decided[0] if decided else None)


@settings(max_examples=60, deadline=None)
@given(seeded())
def test_every_run_can_be_audited(made: Settings) -> None:
    """Mirostat and XTC remember logits; the run's own choice is checked token by token on the way."""
    run = WORLD.run(PROMPT, made)
    found = explain.audit(run)
    assert found.tokens == len(run.steps)
    for one in found.knobs:
        assert 0 <= one.decided <= found.tokens
        assert 0 <= one.changed <= found.tokens
        assert one.value != one.neutral
        assert one.knob in one.ja
        assert one.knob in one.en
    assert set(found.dead) == {one.knob for one in found.knobs if one.changed == one.decided == 0}


PLAIN: dict[str, Any] = {
    "temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0, "repeat_last_n": 0, "seed": 0,
    "max_tokens": 20,
}  # fmt: skip


def test_a_knob_that_does_nothing_is_named_as_dead_with_its_count() -> None:
    run = fixed_world({"a": 0.6, "b": 0.4}).run("x", Settings.from_mapping({**PLAIN, "min_p": 0.05}))
    found = explain.audit(run)
    assert found.dead == ("min_p",)
    assert found.knobs[0].en == "min_p 0.05 did nothing: it changed 0 of 20 tokens."
    assert "20 個のうち 0 個" in found.knobs[0].ja


def test_the_first_token_that_it_decided_is_named_with_what_it_would_have_been() -> None:
    run = fixed_world({"a": 0.6, "b": 0.4}).run("x", Settings.from_mapping({**PLAIN, "min_p": 0.7}))
    (one,) = explain.audit(run).knobs
    assert (one.changed, one.decided) == (20, sum(step.u > 0.6 for step in run.steps if step.u is not None))
    assert one.first_decided is not None
    assert one.instead_piece == b"b"
    assert f"number {one.first_decided + 1}: “b” instead of “a”" in one.en
    assert f"{one.first_decided + 1} 番目で、「a」ではなく「b」" in one.ja


def test_a_knob_without_which_mirostat_would_begin_in_the_middle_is_left_out() -> None:
    run = WORLD.run("x", seed=0, temperature=0, mirostat_mode=1, max_tokens=3)
    assert "temperature" not in [one.knob for one in explain.audit(run).knobs]


def test_tokens_set_by_hand_are_not_counted() -> None:
    model = fixed_world({"a": 0.6, "b": 0.4})
    made = Settings.from_mapping({**PLAIN, "min_p": 0.7})
    run = model.run(Prompt("x", tuple(model.tokenize("x")), "raw", (ord("b"), ord("b"))), made)
    assert run.text.startswith("bb")
    found = explain.audit(run)
    assert (found.tokens, found.knobs[0].changed) == (18, 18)


def test_a_run_without_tokens_has_nothing_to_count() -> None:
    banned = dict.fromkeys(range(N_VOCAB), float("-inf"))
    run = WORLD.run("x", logit_bias=banned, seed=0)
    found = explain.audit(run)
    assert found.tokens == 0
    assert all(one.dead for one in found.knobs)


def test_an_audit_that_is_not_wanted_any_more_is_given_up_at_the_next_token() -> None:
    run = WORLD.run("x", seed=0, max_tokens=5, temperature=1.5)
    answers = iter((True, True, False))
    with pytest.raises(CancelledError, match="not wanted"):
        explain.audit(run, wanted=lambda: next(answers))
    assert list(answers) == [], "it was asked at first and at each token, and not once more"


def test_a_run_of_another_model_or_edited_is_refused() -> None:
    run = WORLD.run("x", seed=0, max_tokens=5, temperature=1.5)
    with pytest.raises(RunFileError, match="made with noise"):
        explain.audit(run.attach(world("another")))
    edited = dataclasses.replace(run.receipt, seed=7)
    with pytest.raises(RunFileError, match="does not come out again"):
        explain.audit(dataclasses.replace(run, receipt=edited))
    with pytest.raises(RunFileError, match="attach"):
        explain.audit(dataclasses.replace(run, replayer=None))


@pytest.mark.parametrize(
    ("knob", "knobs"),
    [
        ("penalty_alpha", {"penalty_alpha": 0.6, "top_k": 4, "repeat_penalty": 1.5}),
        ("grammar", {"grammar": 'root ::= ("red" | "green") " bird"', "temperature": 2.0}),
        ("mirostat_mode", {"mirostat_mode": 1}),
        ("temperature", {"temperature": 0}),
    ],
)
def test_every_mode_on_the_real_model(model: tsumami.Model, knob: str, knobs: dict[str, Any]) -> None:
    made = Settings.from_mapping({"seed": 2, "max_tokens": 6, **knobs})
    run = model.run("The colours are red, green, blue and", made)
    found = {one.knob: one for one in explain.audit(run).knobs}
    assert found[knob].changed == len(run.steps)
