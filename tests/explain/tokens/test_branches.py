"""A branch is the same run but for one token, and a tree keeps them in order."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.modes import MODES

import tsumami
from tsumami.errors import SettingsError
from tsumami.explain.tokens.branches import Tree, branch
from tsumami.runs import Run
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_a_branch_with_the_token_that_was_there_is_the_run(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run(PROMPT, Settings.from_mapping({"max_tokens": 8, "seed": -1, **knobs}))
    assert branch(model, run, 3, run.tokens[3]).run.tokens == run.tokens


def test_another_token_and_then_the_same_rolls(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=7, max_tokens=12)
    other = next(one.id for one in run.steps[4].alternatives if one.id != run.tokens[4])
    made = branch(model, run, 4, other).run
    assert made.tokens[:5] == (*run.tokens[:4], other)
    assert made.steps[:4] == run.steps[:4]
    assert [step.u for step in made.steps] == [step.u for step in run.steps[: len(made.steps)]]
    assert model.verify(made).same


def test_other_settings_go_on_from_there(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=7, max_tokens=6)
    made = branch(model, run, 2, run.tokens[2], Settings(temperature=0, max_tokens=9)).run
    assert made.tokens[:3] == run.tokens[:3]
    assert all(step.rank == 1 or step.p_final == 1 for step in made.steps[3:])
    assert made.receipt.seed == 7


def test_behind_the_end_a_run_goes_on(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=7, max_tokens=4)
    made = branch(model, run, 4, run.tokens[0], run.settings.replace(max_tokens=6)).run
    assert made.tokens[:5] == (*run.tokens, run.tokens[0])


def test_places_and_settings_that_leave_no_room_are_refused() -> None:
    model = ScriptedModel(saying("abcdef"))
    run = model.run("x", max_tokens=3)
    with pytest.raises(IndexError, match="token 9 of a run of 3"):
        branch(model, run, 9, 97)
    with pytest.raises(SettingsError, match="begins at token 4; raise max_tokens above 3"):
        branch(model, run, 3, 97)


@pytest.fixture
def run() -> Run:
    return ScriptedModel(saying("abcdef")).run("x")


def test_a_tree_is_walked_parent_first_and_by_place(run: Run) -> None:
    tree = Tree.of(run).grown(0, 5, run).grown(0, 2, run).grown(1, 6, run)
    assert [(depth, one.number) for depth, one in tree.walk()] == [(0, 0), (1, 2), (1, 1), (2, 3)]
    assert tree[3].parent == 1


def test_closing_takes_all_that_part_from_it_but_never_the_first(run: Run) -> None:
    tree = Tree.of(run).grown(0, 5, run).grown(1, 6, run).grown(0, 2, run)
    assert [one.number for one in tree.closed(1).branches] == [0, 3]
    assert tree.closed(0) == tree
    assert tree.closed(3).grown(0, 1, run).branches[-1].number == 3
