"""Ledgers computed again from a run's tokens are the ledgers that generation would have kept, array for array."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.modes import MODES
from tests.support.strategies import settings_strategy

import tsumami
from tsumami.errors import EngineError, RunFileError
from tsumami.runs import Run
from tsumami.runs.replay import rows
from tsumami.sampling import Ledger
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


def assert_same(kept: Ledger, replayed: Ledger) -> None:
    assert (kept.step, kept.pick, kept.contrast) == (replayed.step, replayed.pick, replayed.contrast)
    assert [(r.name, r.idle) for r in kept.records] == [(r.name, r.idle) for r in replayed.records]
    for mine, theirs in zip(kept.records, replayed.records, strict=True):
        assert np.array_equal(mine.ids, theirs.ids)
        assert np.array_equal(mine.logits.view(np.uint32), theirs.logits.view(np.uint32))


def assert_replays(model: tsumami.Model, made: Settings, prompt: str = PROMPT) -> Run:
    kept = model.run(prompt, made, ledger=True)
    bare = dataclasses.replace(kept, ledgers=())
    for mine, theirs in zip(kept.ledgers, bare.replay(), strict=True):
        assert_same(mine, theirs)
    return kept


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_replayed_ledgers_are_the_kept_ones(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = assert_replays(model, Settings.from_mapping({"max_tokens": 12, "seed": 4, **knobs}))
    for index, step in enumerate(run.steps):
        last = run.ledger(index).records[-1]
        assert last.probs.sum() == pytest.approx(1)
        assert step.id in last.ids
        assert last.n_kept == step.n_candidates
        assert run.ledger(index).records[0].prob_of(step.id) == pytest.approx(step.p_raw, rel=1e-5)
        if run.settings.mode != "greedy":
            assert last.prob_of(step.id) == pytest.approx(step.p_final, rel=1e-5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(settings_strategy(grammar=True, contrastive=True, max_tokens=6), st.integers(0, 2**32 - 2))
def test_replay_of_random_settings(model: tsumami.Model, made: Settings, seed: int) -> None:
    assert_replays(model, made.replace(seed=seed), "1, 2, 3, 1, 2, 3, 1, 2,")


@pytest.mark.parametrize("part", [(0, None), (0, 1), (3, 7), (60, 70), (69, 200), (5, 5)])
def test_rows_are_what_the_tokens_were_chosen_from(model: tsumami.Model, part: tuple[int, int | None]) -> None:
    run = model.run(PROMPT, seed=5, temperature=2.0, min_p=0.0, max_tokens=70, ledger=True)
    assert len(run.steps) == 70
    found = list(rows(model, run, *part))
    kept = run.ledgers[slice(*part)]
    assert len(found) == len(kept)
    for row, ledger in zip(found, kept, strict=True):
        assert np.array_equal(row.view(np.uint32), ledger.records[0].logits.view(np.uint32))


def test_more_tokens_than_one_feed_holds(model: tsumami.Model) -> None:
    run = assert_replays(model, Settings(max_tokens=70, seed=2))
    assert len(run.steps) == 70


def test_gemma_replays_japanese(gemma: tsumami.Model) -> None:
    assert_replays(gemma, Settings(max_tokens=12, seed=1), "昔々あるところに")


@pytest.mark.parametrize("mode", ["sample", "contrastive"])
def test_one_ledger_and_slices_are_those_of_all(model: tsumami.Model, mode: str) -> None:
    kept = model.run(PROMPT, Settings.from_mapping({"max_tokens": 8, "seed": 4, **MODES[mode]}), ledger=True)
    bare = dataclasses.replace(kept, ledgers=())
    assert_same(kept.ledger(5), bare.ledger(5))
    assert_same(kept.ledger(-1), bare.ledger(-1))
    for start, stop in [(2, 5), (0, 0), (5, 2), (-3, None), (3, -2), (6, 99), (0, 1)]:
        mine, theirs = kept.replay(start, stop), bare.replay(start, stop)
        assert [ledger.step for ledger in theirs] == list(range(8))[start:stop]
        for one, other in zip(mine, theirs, strict=True):
            assert_same(one, other)


def test_a_loaded_run_is_replayed_when_its_model_is_attached(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=1, max_tokens=6)
    loaded = Run.from_json(run.to_json())
    with pytest.raises(RunFileError, match="attach its model"):
        loaded.ledger(0)
    assert_same(loaded.attach(model).ledger(3), run.ledger(3))


def test_another_model_is_refused_by_name(smollm2: tsumami.Model) -> None:
    run = smollm2.run(PROMPT, seed=1, max_tokens=2)
    other = ScriptedModel(saying("x"), name="another")
    with pytest.raises(RunFileError, match=r"smollm2 \(sha256 .*not with another"):
        run.attach(other).ledger(0)


@pytest.mark.parametrize("mode", ["sample", "contrastive"])
@pytest.mark.parametrize("index", [0, 3])
def test_an_edited_token_is_named(model: tsumami.Model, mode: str, index: int) -> None:
    run = model.run(PROMPT, Settings.from_mapping({"max_tokens": 5, "seed": 4, **MODES[mode]}))
    steps = list(run.steps)
    steps[index] = dataclasses.replace(steps[index], id=steps[index].id + 1)
    edited = dataclasses.replace(run, steps=tuple(steps))
    with pytest.raises(RunFileError, match=f"token {index} does not come out again"):
        edited.replay()


@pytest.mark.parametrize("token", [-1, 10**6, 2**40])
def test_a_token_that_does_not_exist_is_refused_and_harms_nobody(model: tsumami.Model, token: int) -> None:
    run = model.run(PROMPT, seed=4, max_tokens=4)
    edited = dataclasses.replace(run, steps=(dataclasses.replace(run.steps[0], id=token), *run.steps[1:]))
    longer = dataclasses.replace(run, receipt=dataclasses.replace(run.receipt, prompt_tokens=(1, token)))
    with model.stream(PROMPT, seed=4, max_tokens=4) as beside:
        with pytest.raises(RunFileError, match=rf"steps\.0: token {token} is not in this vocabulary"):
            edited.ledger(-1)
        with pytest.raises(RunFileError, match=rf"prompt_tokens\.1: token {token} is not in this vocabulary"):
            longer.ledger(-1)
        assert beside.run.steps == run.steps


def test_a_seed_that_was_edited_does_not_come_out(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=4, max_tokens=12)
    edited = dataclasses.replace(run, receipt=dataclasses.replace(run.receipt, seed=5))
    with pytest.raises(RunFileError, match="does not come out again"):
        edited.replay()


@pytest.mark.parametrize("knobs", [{"temperature": 0}, {"penalty_alpha": 0.5, "top_k": 2}], ids=["chain", "search"])
def test_a_token_after_a_dead_end_does_not_come_out(knobs: dict[str, Any]) -> None:
    def script(tokens: tuple[int, ...]) -> np.ndarray:
        good = np.asarray(saying("ab")(tokens))
        return good if len(tokens) < 3 else np.full_like(good, -np.inf)

    model = ScriptedModel(script, hidden=lambda tokens: np.eye(258)[tokens[-1]])
    run = model.run("x", **knobs)
    assert (run.stop_reason, len(run.steps)) == ("dead_end", 2)
    with pytest.raises(RunFileError, match="token 2 does not come out again"):
        dataclasses.replace(run, steps=(*run.steps, run.steps[-1])).replay()


def test_a_run_without_tokens_has_no_ledgers() -> None:
    run = ScriptedModel(saying("x")).run("x", logit_bias=dict.fromkeys(range(ByteTokenizer().n_tokens), -np.inf))
    assert run.replay() == []


def test_a_closed_model_says_so_when_asked_for_a_ledger() -> None:
    model = ScriptedModel(saying("ab"))
    run = model.run("x")
    model.close()
    with pytest.raises(EngineError, match="closed"):
        run.ledger(0)
