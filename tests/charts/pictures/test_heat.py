"""Heat maps: a square for each settings, identical texts alike, and pictures without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tsumami
from tsumami.charts import heat_picture, heat_pictures, shared_picture, text_picture
from tsumami.errors import SettingsError
from tsumami.explore.grids.grid import MEASURES, Grid
from tsumami.explore.grids.seeds import spread

STORY = "Once upon a time, in the town of lights,"


@pytest.fixture(scope="module")
def found(model: tsumami.Model) -> Grid:
    vary = {"temperature": [0.0, 0.6, 2.0], "top_p": [0.5, 0.95]}
    return model.grid([STORY, "The sea"], vary=vary, seeds=2, max_tokens=6)


def squares(chart: Any) -> list[dict[str, Any]]:
    made = chart.to_dict()
    return list(made["data"]["values"])


def test_identical_texts_have_one_number_and_others_another(found: Grid) -> None:
    rows = squares(text_picture(found, "en"))
    assert len(rows) == len(found.cells)
    numbers = {(row["part"].split(" · ")[0], row["text"]): row["value"] for row in rows}
    assert len(set(numbers.values())) == len(numbers)
    assert {row["part"] for row in rows} == {f"{p} · seed {s}" for p in (STORY, "The sea") for s in (0, 1)}
    greedy = {row["value"] for row in rows if row["column"] == "0" and row["part"].startswith("The sea")}
    assert len(greedy) == 1


@pytest.mark.parametrize("measure", MEASURES)
def test_a_square_is_the_mean_over_the_seeds(found: Grid, measure: str) -> None:
    rows = squares(heat_picture(found, measure, "en"))
    assert [row["value"] for row in rows] == [one.mean for one in spread(found, measure)]
    settings = [found.plan.settings[one.settings] for one in spread(found, measure)]
    assert [(row["column"], row["row"]) for row in rows] == [(f"{s.temperature:g}", f"{s.top_p:g}") for s in settings]


def test_listed_settings_are_named_by_what_differs(model: tsumami.Model) -> None:
    grid = model.grid("The sea", [{"top_k": 5}, {"top_k": 5, "min_p": 0.2}], seeds=2, max_tokens=3)
    rows = squares(text_picture(grid, "ja"))
    assert {row["column"] for row in rows} == {"min_p=0.05", "min_p=0.2"}
    assert {row["row"] for row in rows} == {"0", "1"}


def test_values_that_differ_late_have_squares_of_their_own(model: tsumami.Model) -> None:
    close = model.grid("The sea", vary={"temperature": [0.7, 0.70000001]}, seeds=1, max_tokens=1)
    assert [row["column"] for row in squares(text_picture(close, "en"))] == ["0.7", "0.70000001"]


def test_what_cells_share_with_a_chosen_one(found: Grid) -> None:
    beside = found.at(temperature=0.6, top_p=0.5, seed=1, prompt=1)
    rows = squares(shared_picture(found, beside, "en"))
    assert len(rows) == 6
    assert max(row["value"] for row in rows) == len(beside.tokens)


def test_what_was_not_finished_is_no_square(model: tsumami.Model) -> None:
    with model.gridding("The sea", vary={"max_tokens": [1, 4000]}, seed=0, temperature=2.0) as cells:
        next(iter(cells))
        cells.cancel()
        grid = cells.grid
    assert len(squares(text_picture(grid, "en"))) == 1
    assert len(squares(heat_picture(grid, "tokens", "en"))) == 1


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_sheet_is_drawn_without_a_browser_in_both_languages(found: Grid, tmp_path: Path, kind: str) -> None:
    for language, word in (("ja", "エントロピー"), ("en", "entropy")):
        path = tmp_path / f"{language}.{kind}"
        heat_pictures(found, language).save(str(path))  # type: ignore[arg-type, attr-defined]
        assert path.stat().st_size > 1000
        assert kind == "png" or word in path.read_text("utf-8")


def test_an_unknown_measure_is_refused(found: Grid) -> None:
    with pytest.raises(SettingsError, match="perplexity"):
        heat_picture(found, "perplexty", "en")
