"""A grid as a value: found by its knobs, saved and reopened, measured over seeds, and runs again with its model."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tsumami
from tsumami.errors import RunFileError, SettingsError
from tsumami.explore.design import Design
from tsumami.explore.grids.grid import MEASURES, Cell, Grid
from tsumami.explore.grids.gridding import Gridding
from tsumami.explore.grids.plan import GridPlan, Point, plan_grid
from tsumami.explore.grids.seeds import Count, Held, between_values, held, larger, spread
from tsumami.runs import Prompt
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

STORY = "Once upon a time, in the town of lights,"


@pytest.fixture(scope="module")
def found(model: tsumami.Model) -> Grid:
    return model.grid([STORY, "The sea"], vary={"temperature": [0.4, 1.8], "top_p": [0.5, 0.95]}, seeds=3, max_tokens=8)


def made_up(values: dict[tuple[int, int], float | None], seeds: int, *, unfinished: tuple[int, ...] = ()) -> Grid:
    """A grid of one prompt, top_k 1 and 2, whose perplexities are given by settings and seed."""
    settings = tuple(Settings(top_k=k, seed=0) for k in (1, 2))
    plan = GridPlan((Prompt("x", (1,)),), settings, tuple(range(seeds)), {"top_k": (1, 2)})
    cells = []
    for number in range(len(plan)):
        point = plan.point(number)
        measures = dict.fromkeys(MEASURES, 0.0) | {"perplexity": values[point.settings, point.seed]}
        reason = "cancelled" if number in unfinished else "length"
        cells.append(Cell(point, f"t{point.seed // 2}", (1,), reason, None, measures))
    receipt = ScriptedModel(saying("a", ByteTokenizer())).run("x", max_tokens=1).receipt
    return Grid(plan, tuple(cells), receipt, 0, 0.0)


def test_saved_and_reopened_it_is_equal(found: Grid, tmp_path: Any) -> None:
    found.save(tmp_path / "grid.json")
    assert Grid.load(tmp_path / "grid.json") == found
    listed = replace(found, plan=replace(found.plan, axes={}))
    assert Grid.from_json(listed.to_json()) == listed


def told_apart() -> GridPlan:
    """Two texts and three settings, of which the template makes two kinds of prompts."""
    design = Design(Settings(seed=1), {"thinking": ["on", "off"], "top_k": [1, 5]})
    made = plan_grid([Prompt("", ())] * 2, design)
    return made.with_prompts(
        lambda settings: [Prompt(f"{text} {settings.thinking}", (ord(text), len(settings.thinking))) for text in "ab"]
    )


def test_every_cell_has_the_prompt_that_its_own_settings_make() -> None:
    plan = told_apart()
    assert (len(plan.prompts), len(plan.otherwise), plan.told) == (2, 1, (0, 0, 1, 1))
    for number in range(len(plan)):
        point = plan.point(number)
        assert plan.prompt_at(point).text == f"{'ab'[point.prompt]} {plan.settings_at(point).thinking}"
    model = ScriptedModel(lambda tokens: np.eye(256, dtype=np.float32)[sum(tokens[:2]) % 256])
    with Gridding(model, plan) as cells:
        made = cells.grid
    for cell in made.cells:
        run = model.run(plan.prompt_at(cell.point), plan.settings_at(cell.point))
        assert cell.tokens == run.tokens
        assert made.run(model, cell).receipt.prompt == run.receipt.prompt
    again = Grid.from_json(made.to_json())
    assert again == made
    assert again.plan.told == plan.told
    for wrong in ({"told": [0, 0, 1]}, {"told": [0, 0, 1, 2]}, {"otherwise": [[]]}, {"told": []}):
        with pytest.raises(RunFileError, match="grid"):
            Grid.from_json(json.dumps({**json.loads(made.to_json()), **wrong}))


def test_a_cell_is_found_by_its_knobs(found: Grid) -> None:
    cell = found.at(temperature=1.8, top_p=0.5, seed=2, prompt=1)
    settings = found.plan.settings_at(cell.point)
    assert (settings.temperature, settings.top_p, cell.point.seed, cell.point.prompt) == (1.8, 0.5, 2, 1)
    for wrong in ({"temperature": 1.0}, {"prompt": 2}, {"seed": 9}, {"temprature": 1.8}):
        with pytest.raises(SettingsError):
            found.at(**wrong)


def test_tables_have_a_row_for_each_cell(found: Grid) -> None:
    table = found.to_pandas()
    assert list(table["text"]) == [cell.text for cell in found.cells]
    assert list(table["temperature"]) == [found.plan.settings_at(cell.point).temperature for cell in found.cells]
    assert table["shared_prefix"][0] == len(found.cells[0].tokens)
    assert table.groupby("text_number")["text"].nunique().max() == 1
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["text"] for row in rows] == [cell.text for cell in found.cells]
    beside = found.cells[5]
    assert found.to_pandas(beside)["shared_prefix"][5] == len(beside.tokens)


def test_a_cell_becomes_its_run_and_two_say_why_they_part(model: tsumami.Model, found: Grid) -> None:
    cold, hot = found.at(temperature=0.4, top_p=0.95, seed=1), found.at(temperature=1.8, top_p=0.95, seed=1)
    again = Grid.from_json(found.to_json())
    run = again.run(model, hot)
    assert model.verify(run).same
    assert (run.text, run.tokens) == (hot.text, hot.tokens)
    parted = again.divergence(model, cold, hot)
    assert parted.step == found.shared_prefix(cold, hot)
    assert [change.name for change in parted.changes] == ["temperature"]


def broken(found: Grid, **changes: Any) -> str:
    return json.dumps(json.loads(found.to_json()) | changes)


def test_what_is_no_grid_is_refused(found: Grid) -> None:
    values = json.loads(found.to_json())
    cell = values["cells"][0]
    for text in (
        "",
        "[]",
        '{"kind": "knob_map"}',
        broken(found, version=2),
        broken(found, receipt={}),
        broken(found, cells=values["cells"][1:]),
        broken(found, cells=[cell | {"tokens": ["1"]}, *values["cells"][1:]]),
        broken(found, cells=[cell | {"stop_reason": "bored"}, *values["cells"][1:]]),
        broken(found, cells=[cell | {"measures": {}}, *values["cells"][1:]]),
        broken(found, settings=[]),
        broken(found, settings=[{"temperature": -3}] * 4),
        broken(found, axes={"temprature": [1]}),
    ):
        with pytest.raises(RunFileError, match=r"grid|receipt"):
            Grid.from_json(text)


def test_spread_is_that_of_the_finished_cells() -> None:
    values = {(0, 0): 1.0, (0, 1): 2.0, (0, 2): 3.0, (0, 3): None, (1, 0): 5.0, (1, 1): 5.0, (1, 2): 9.0, (1, 3): 5.0}
    calm, wild = spread(made_up(values, 4, unfinished=(6,)), "perplexity")
    assert (calm.cells, calm.texts, calm.mean, calm.low, calm.high) == (3, 2, 2.0, 1.0, 3.0)
    assert (calm.quarter, calm.three_quarters) == (1.5, 2.5)
    assert (wild.cells, wild.mean, wild.low, wild.high) == (3, 5.0, 5.0, 5.0)
    nothing = spread(made_up(dict.fromkeys(values, None), 4), "perplexity")
    assert nothing[0].mean is None


def test_a_conclusion_is_counted_seed_by_seed() -> None:
    values = {(0, 0): 1.0, (0, 1): 2.0, (0, 2): 3.0, (0, 3): None, (1, 0): 5.0, (1, 1): 2.0, (1, 2): 1.0, (1, 3): 5.0}
    grid = made_up(values, 4)
    assert larger(grid, "perplexity", 0, 1) == Count("perplexity", 1, 1, 3)
    assert larger(grid, "perplexity", 0, 1).smaller == 1
    assert larger(grid, "perplexity", 1, 0) == Count("perplexity", 1, 1, 3)
    assert between_values(grid, "perplexity", "top_k") == larger(grid, "perplexity", 0, 1)
    assert larger(made_up(values, 4, unfinished=(0,)), "perplexity", 0, 1).of == 2


def test_values_of_a_knob_are_compared_with_all_others_equal(found: Grid) -> None:
    count = between_values(found, "entropy", "temperature")
    assert count.of == 2 * 2 * 3  # prompts, values of top_p, seeds
    by_hand = sum(
        hot.measures["entropy"] > cold.measures["entropy"]  # type: ignore[operator]
        for prompt in (0, 1)
        for top_p in (0.5, 0.95)
        for seed in (0, 1, 2)
        for cold, hot in [[found.at(prompt=prompt, seed=seed, top_p=top_p, temperature=value) for value in (0.4, 1.8)]]
    )
    assert count.larger == by_hand


def test_a_switch_is_no_number_and_knobs_of_numbers_say_what_held() -> None:
    values = {(0, 0): 1.0, (0, 1): 2.0, (1, 0): 5.0, (1, 1): 2.0}
    grid = made_up(values, 2)
    assert held(grid, "perplexity") == (Held("top_k", 1, 2, Count("perplexity", 1, 1, 2)),)
    switched = replace(grid, plan=replace(grid.plan, axes={"penalize_prompt": (False, True), "top_k": (1,)}))
    assert held(switched, "perplexity") == ()
    with pytest.raises(SettingsError, match="penalize_prompt: this grid does not vary it over two or more numbers"):
        between_values(switched, "perplexity", "penalize_prompt")
    with pytest.raises(SettingsError, match="perplexity"):
        held(grid, "perplexty")


def test_equal_texts_have_one_number_counted_from_1(found: Grid) -> None:
    numbers = found.text_numbers
    assert list(numbers.values()) == list(range(1, len(numbers) + 1))
    assert [row["text_number"] for row in found.rows()] == [numbers[cell.text] for cell in found.cells]


@pytest.mark.parametrize(
    ("values", "measure", "said"),
    [
        ([2.0, 2.0], "tokens", "2"),
        ([2.0, 3.0], "tokens", "2.5 (2–3)"),
        ([1234.0, 2234.0], "tokens", "1,734 (1,234–2,234)"),
        ([0.25, 0.75], "repeated_ngrams", "50.0% (25.0%–75.0%)"),
        ([2.0, 3.0], "perplexity", "2.5 (2–3)"),
        ([None, None], "perplexity", "–"),
    ],
)
def test_a_spread_is_its_mean_with_its_ends(values: list[float | None], measure: str, said: str) -> None:
    grid = made_up({(settings, seed): values[seed] for settings in (0, 1) for seed in (0, 1)}, 2)
    assert replace(spread(grid, "perplexity")[0], measure=measure).text == said


def test_unknown_measures_knobs_and_settings_are_refused(found: Grid) -> None:
    with pytest.raises(SettingsError, match="perplexity"):
        spread(found, "perplexty")
    with pytest.raises(SettingsError, match="top_k"):
        between_values(found, "entropy", "top_k")
    with pytest.raises(SettingsError, match="settings 4"):
        larger(found, "entropy", 0, 4)


def test_points_are_numbered_and_found_again(found: Grid) -> None:
    plan = found.plan
    assert [plan.number(plan.point(number)) for number in range(len(plan))] == list(range(len(plan)))
    with pytest.raises(SettingsError, match="not in this grid"):
        plan.number(Point(0, 0, 99))
