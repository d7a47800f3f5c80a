"""A grid's cells are lone runs, its shared beginnings are decoded once, and stopping it loses nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.support.modes import MODES
from tests.support.worlds import PROMPT, world

import tsumami
from tsumami.errors import EmptyPromptError, GrammarError, SettingsError
from tsumami.explain.measures.values import metrics
from tsumami.explore.design import Design
from tsumami.explore.grids.grid import Grid
from tsumami.explore.grids.gridding import WIDTH, Gridding, GridProgress
from tsumami.explore.grids.plan import MOST_CELLS, GridPlan, plan_grid
from tsumami.runs import Prompt
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel

STORY = "Once upon a time, in the town of lights,"
BASE = Settings(max_tokens=12, seed=3)


def prompts(*texts: str) -> list[Prompt]:
    return [Prompt(text, tuple(ByteTokenizer().tokenize(text.encode()))) for text in texts]


def made(backend: ScriptedModel, plan: GridPlan) -> Grid:
    with Gridding(backend, plan) as cells:
        return cells.grid


def assert_lone(model: Any, found: Grid) -> None:
    """Every cell is the run by itself: text, tokens, end, and measures."""
    for cell in found.cells:
        run = model.run(found.plan.prompts[cell.point.prompt], found.plan.settings_at(cell.point))
        assert (cell.text, cell.tokens) == (run.text, run.tokens), cell.point
        assert (cell.stop_reason, cell.stop_string) == (run.stop_reason, run.stop_string), cell.point
        alone = metrics(run)
        assert {name: getattr(alone, name) for name in cell.measures} == cell.measures


@pytest.mark.parametrize("mode", MODES)
def test_every_cell_is_its_lone_run_in_every_mode(mode: str, model: tsumami.Model) -> None:
    plan = [{**MODES[mode], "repeat_penalty": value} for value in (1.0, 1.1, 1.5)]
    found = model.grid(STORY, plan, seeds=2, max_tokens=8)
    assert len(found.cells) == 6
    assert_lone(model, found)


def test_cells_that_end_in_different_ways_are_their_lone_runs(model: tsumami.Model) -> None:
    settings = [
        {"stop": (" the", "\n")},
        {"stop": (" th",), "max_tokens": 20},
        {"max_tokens": 1},
        {"grammar": 'root ::= "ab"'},
        {"logit_bias": {2: 30.0}},
        {"temperature": 2.5, "top_p": 1.0, "min_p": 0.0, "top_k": 0},
    ]
    found = model.grid([STORY, "光あれ。"], settings, seeds=[4, 0], max_tokens=9)
    assert {cell.stop_reason for cell in found.cells} >= {"stop", "length", "eog"}
    assert_lone(model, found)


def test_japanese_cells_are_their_lone_runs(gemma: tsumami.Model) -> None:
    found = gemma.grid("発光ダイオードを讃える詩", vary={"temperature": [0.5, 1.0, 1.6]}, seeds=2, max_tokens=12)
    assert_lone(gemma, found)


def test_what_cells_share_is_decoded_once(model: tsumami.Model) -> None:
    found = model.grid(STORY, vary={"top_k": [20, 30, 40, 50, 60]}, seed=0, max_tokens=10, temperature=0.7)
    beginnings = {cell.tokens[:length] for cell in found.cells for length in range(1, len(cell.tokens))}
    assert found.nodes == len(beginnings)
    assert found.nodes < 5 * 9


def test_a_grid_leaves_little_in_the_cache(model: tsumami.Model) -> None:
    """Each token looks over all cells up to the highest; what nobody goes on from should not slow down what follows."""
    before = model.run(STORY, seed=0, max_tokens=1)
    held = model.engine.usage().used_cells
    made = model.grid(STORY, vary={"temperature": [0.5, 1.0, 2.0, 3.0]}, seeds=3, max_tokens=10)
    assert model.run(STORY, seed=0, max_tokens=1).tokens == before.tokens
    tokens = sum(len(cell.tokens) for cell in made.cells)
    assert model.engine.usage().used_cells - held < tokens / 4


def test_cells_with_the_same_text_cost_as_much_as_one(model: tsumami.Model) -> None:
    seen: list[GridProgress] = []
    vary = {"top_k": [10, 20, 30]}
    with model.gridding(STORY, vary=vary, seeds=4, temperature=0, max_tokens=6, watch=seen.append) as cells:
        found = cells.grid
    assert (len(found.texts), found.nodes, found.saved) == (1, 5, 11 * 5)
    assert (seen[-1].nodes, seen[-1].saved) == (5, 11 * 5)


def test_more_branches_than_are_followed_at_once_wait_and_lose_nothing() -> None:
    model = world()
    plan = plan_grid(prompts(PROMPT, "x"), Design(BASE.replace(top_k=0, temperature=3), seeds=2 * WIDTH))
    seen: list[GridProgress] = []
    with Gridding(model, plan, watch=seen.append) as cells:
        found = cells.grid
    assert len(found.texts) > WIDTH
    assert max(one.followed for one in seen) == WIDTH
    assert max(one.waiting for one in seen) > 0
    assert seen[-1].done == seen[-1].cells == len(plan)
    assert_lone(model, found)


def test_cells_come_as_they_are_finished_each_once() -> None:
    plan = plan_grid(prompts(PROMPT), Design(BASE, vary={"max_tokens": [3, 1, 7], "top_k": [2, 40]}))
    with Gridding(world(), plan) as cells:
        arrived = list(cells)
        assert [len(cell.tokens) for cell in arrived] == [1, 1, 3, 3, 7, 7]
        assert list(cells) == []
        assert sorted(map(repr, arrived)) == sorted(map(repr, cells.grid.cells))


def test_what_there_is_can_be_asked_for_while_the_rest_is_made(model: tsumami.Model) -> None:
    with model.gridding(STORY, vary={"max_tokens": [2, 4000]}, seeds=2, temperature=2.0) as cells:
        next(iter(cells))
        assert not cells.wait(0)
        seen = cells.so_far()
        cells.cancel()
        assert cells.wait(60)
        assert cells.so_far() == list(cells.grid.cells)
    assert [cell.point for cell in seen] == [cell.point for cell in cells.grid.cells]
    assert any(cell.finished for cell in seen)
    assert {cell.finished for cell in seen[2:]} == {False}
    for cell, last in zip(seen, cells.grid.cells, strict=True):
        assert last.text.startswith(cell.text)
        assert cell == last if cell.finished else not any(cell.measures.values())


def test_cancelled_it_keeps_what_there_is(model: tsumami.Model) -> None:
    whole = model.grid(STORY, vary={"max_tokens": [2, 40]}, seeds=2, temperature=2.0)
    with model.gridding(STORY, vary={"max_tokens": [2, 40]}, seeds=2, temperature=2.0) as cells:
        first = next(iter(cells))
        cells.cancel()
        found = cells.grid
    assert first.finished
    assert first in found.cells
    assert any(not cell.finished for cell in found.cells)
    for cell, complete in zip(found.cells, whole.cells, strict=True):
        assert complete.tokens[: len(cell.tokens)] == cell.tokens
        assert complete.text.startswith(cell.text.rstrip("\ufffd"))


def test_cancelled_contrastive_cells_keep_what_there_is(model: tsumami.Model) -> None:
    enough = threading.Event()

    def watch(at: GridProgress) -> None:
        if at.nodes == 3:
            enough.set()

    wishes = [{"penalty_alpha": alpha, "top_k": 3} for alpha in (0.4, 0.6)]
    with model.gridding(STORY, wishes, seeds=2, max_tokens=50, watch=watch) as cells:
        assert enough.wait(60)
        cells.cancel()
        found = cells.grid
    assert [cell.finished for cell in found.cells] == [False] * 4
    assert len(found.cells[0].tokens) >= 3
    assert found.cells[2].tokens == ()


def test_a_beginning_of_the_reply_holds_for_its_cells() -> None:
    model = world()
    begun = Prompt(PROMPT, prompts(PROMPT)[0].tokens, begun=(65, 66))
    found = made(model, plan_grid([begun], Design(BASE, vary={"top_k": [2, 40]})))
    assert all(cell.tokens[:2] == (65, 66) for cell in found.cells)
    assert_lone(model, found)


def test_a_part_of_a_plan_can_be_made_alone() -> None:
    plan = plan_grid(prompts(PROMPT), Design(BASE, vary={"top_k": [2, 5, 40]}, seeds=2))
    whole = made(world(), plan)
    with Gridding(world(), plan, [4, 1]) as cells:
        assert cells.cells() == [whole.cells[4], whole.cells[1]]


def test_seeds_count_from_the_seed_of_the_base() -> None:
    assert plan_grid(prompts("x"), Design(Settings(seed=7), seeds=3)).seeds == (7, 8, 9)
    assert plan_grid(prompts("x"), Design(Settings(), seeds=3)).seeds == (0, 1, 2)
    assert plan_grid(prompts("x"), Design(Settings(), seeds=[5, 2, 5])).seeds == (5, 2)
    assert plan_grid(prompts("x"), Design(Settings())).seeds[0] >= 0


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"vary": {"temprature": [1.0]}}, "temperature"),
        ({"vary": {"temperature": [-1.0]}}, "temperature = -1.0"),
        ({"vary": {"top_p": []}}, "top_p"),
        ({"vary": {"seed": [1, 2]}}, "seeds"),
        ({"vary": {"top_k": [1]}, "settings": [{}]}, "one of them"),
        ({"settings": []}, "settings"),
        ({"seeds": 0}, "seeds = 0"),
        ({"seeds": []}, "seed"),
        ({"seeds": [-1]}, "seed = -1"),
        ({"seeds": True}, "seeds = True"),
        ({"seeds": 200, "vary": {"top_k": range(1, 101)}}, "20,000 cells"),
    ],
)
def test_what_is_no_grid_is_refused(wishes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        plan_grid(prompts(PROMPT), Design(BASE, **wishes))


def test_the_limit_of_cells_is_named() -> None:
    with pytest.raises(SettingsError, match=f"at most {MOST_CELLS:,}"):
        plan_grid(prompts("a", "b"), Design(BASE, seeds=MOST_CELLS))


def test_a_grammar_that_does_not_parse_and_an_empty_prompt_are_refused_at_once(model: tsumami.Model) -> None:
    with pytest.raises(GrammarError):
        model.grid(STORY, [{"grammar": "root ::= ["}])
    with pytest.raises(EmptyPromptError):
        model.grid("", vary={"top_k": [1, 2]})
