"""Runs side by side: each lane is its lone run, a lane that fails takes no other with it, and no more than eight."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.worlds import PROMPT, noise, world

import tsumami
from tsumami.errors import PromptTooLongError, SettingsError
from tsumami.explore.design import Design
from tsumami.explore.lanes import Comparing, Comparison, Lane, LanePlan, comparison_values, plan
from tsumami.runs import Prompt
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel


def prompts(*texts: str) -> list[Prompt]:
    return [Prompt(text, tuple(ByteTokenizer().tokenize(text.encode()))) for text in texts]


BASE = Settings(max_tokens=8, seed=3)


def test_every_lane_is_its_lone_run_on_the_real_model(model: tsumami.Model) -> None:
    found = model.compare(
        "Once upon a time", vary={"temperature": [0.5, 2.0], "top_k": [5, 40]}, seeds=[1, 2], max_tokens=10
    )
    assert len(found.lanes) == 8
    for lane in found.lanes:
        assert lane.run is not None
        assert lane.run.steps == model.run("Once upon a time", lane.plan.settings).steps
    assert [len(found.divergences), len(found.metrics)] == [7, 8]
    assert {one.cause for one in found.divergences} <= {"shifted_mass", "other_survivors", "other_draw", None}


def test_prompts_can_be_compared_and_settings_be_given_whole(model: tsumami.Model) -> None:
    by_prompt = model.compare(["The sky", "The sea"], max_tokens=3, seed=0)
    assert [lane.differs for lane in by_prompt.lanes] == [{"prompt": "The sky"}, {"prompt": "The sea"}]
    ids = model.tokenize("The sky")
    whole = model.compare(ids, [Settings(seed=0, max_tokens=2), {"max_tokens": 3}], seed=0)
    assert [len(run.steps) for run in whole.runs] == [2, 3]
    assert whole.divergences[0].kind == "ended"


def test_steps_come_lane_by_lane_as_they_are_made() -> None:
    plans = plan(prompts(PROMPT), Design(BASE, vary={"top_k": [2, 40, 100]}))
    with Comparing(world(), plans) as lanes:
        steps: list[list[Any]] = [[], [], []]
        for lane, step in lanes:
            steps[lane].append(step)
        found = lanes.comparison
    assert [tuple(one) for one in steps] == [run.steps for run in found.runs]
    assert list(lanes) == []


def test_one_random_seed_is_taken_for_all_lanes() -> None:
    plans = plan(prompts("x"), Design(Settings(), vary={"top_k": [2, 40]}))
    assert len({one.settings.seed for one in plans}) == 1
    assert plans[0].settings.seed >= 0
    whole = plan(prompts("x"), Design(Settings(seed=4), settings=[Settings(top_k=3), Settings(top_k=4, seed=9)]))
    assert [one.settings.seed for one in whole] == [4, 9]


def test_a_lane_that_fails_takes_no_other_with_it() -> None:
    model = ScriptedModel(noise, n_ctx=12)
    plans = plan(prompts("ab", "a" * 40, "abc"), Design(BASE))
    with Comparing(model, plans) as lanes:
        assert {lane for lane, _ in lanes} == {0, 2}
        found = lanes.comparison
    assert isinstance(found.lanes[1].error, PromptTooLongError)
    assert found.lanes[1].run is None
    assert len(found.runs) == len(found.metrics) == 2
    assert "C has" in found.divergences[0].en  # lanes keep their letters


def test_a_lane_that_fails_on_the_way_is_named() -> None:
    def script(tokens: tuple[int, ...]) -> Any:
        if tokens[0] == ord("b") and len(tokens) > 3:
            raise SettingsError("the script broke")
        return noise(tokens)

    with Comparing(ScriptedModel(script), plan(prompts("aa", "bb"), Design(BASE))) as lanes:
        found = lanes.comparison
    assert str(found.lanes[1].error) == "the script broke"
    assert found.lanes[0].run is not None
    assert found.alignment is None


def test_cancelled_lanes_keep_what_they_have() -> None:
    with Comparing(world(), plan(prompts("ab"), Design(Settings(max_tokens=400, seed=0), seeds=[0, 1]))) as lanes:
        next(iter(lanes))
        lanes.cancel()
        runs = lanes.comparison.runs
    assert all(run.stop_reason in ("cancelled", "eog") for run in runs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": range(20)}, "20 lanes: a comparison has 2 to 8; give fewer"),
        ({}, "1 lane: a comparison has 2 to 8; give more"),
        ({"vary": {"top_k": [1, 2, 3]}, "seeds": [1, 2, 3]}, "9 lanes"),
        ({"vary": {"top_k": [1, 2]}, "settings": [{}, {}]}, "give one of them"),
        ({"vary": {"top_k": []}}, "top_k = "),
        ({"vary": {"top_q": [1, 2]}}, "top_q"),
        ({"settings": [{"temperature": -1}, {}]}, "temperature = -1"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(prompts("x"), Design(BASE, **given))


def test_an_engine_that_cannot_replay_says_so_and_shows_the_place() -> None:
    calls: dict[tuple[int, ...], int] = {}

    def drifting(tokens: tuple[int, ...]) -> Any:
        calls[tokens] = calls.get(tokens, 0) + 1
        return noise((*tokens, calls[tokens] + tokens[0]))

    with Comparing(ScriptedModel(drifting), plan(prompts("ab"), Design(BASE, seeds=[0, 1]))) as lanes:
        (found,) = lanes.comparison.divergences
    assert found.cause is None
    assert found.kind == "parted"
    assert "No cause: token" in found.en
    assert "原因は計算できません" in found.ja


def test_a_comparison_whose_lanes_all_failed_can_still_be_written() -> None:
    lane = Lane(LanePlan(prompts("a")[0], BASE), {}, None, SettingsError("no such lane"))
    values = comparison_values(Comparison((lane, lane), (), (), (), None))
    assert [one["error"] for one in values["lanes"]] == ["no such lane"] * 2
    assert (values["runs"], values["divergences"]) == ([], [])
