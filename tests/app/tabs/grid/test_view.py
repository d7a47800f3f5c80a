"""What the grid tab shows of a grid is the library's: numbers, means, spreads, counts, and which texts are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tsumami
from tsumami.app.tabs.grid import view as grid_view
from tsumami.app.words.texts import LANGUAGES, Language, Texts
from tsumami.explore.grids.grid import MEASURES, Grid
from tsumami.explore.grids.seeds import between_values, larger, spread
from tsumami.settings import Settings

STORY = "Once upon a time, in the town of lights,"
EN = Texts("en")


@pytest.fixture(scope="module")
def found(model: tsumami.Model) -> Grid:
    vary = {"temperature": [0.0, 0.7, 2.0], "top_p": [0.5, 0.95]}
    return model.grid(STORY, vary=vary, seeds=3, max_tokens=6, min_p=0.02)


@pytest.fixture(scope="module")
def line(model: tsumami.Model) -> Grid:
    return model.grid(STORY, vary={"temperature": [2.0, 0.0]}, seeds=3, max_tokens=6)


def test_identical_texts_have_the_tables_number_and_one_colour_and_single_ones_none(found: Grid) -> None:
    data = grid_view.grid_data(EN, found.plan, found.cells, facts="", found=found)
    assert [cell[0] + 1 for cell in data["cells"]] == [row["text_number"] for row in found.rows()]
    times = [sum(cell[0] == at for cell in data["cells"]) for at in range(len(data["texts"]))]
    assert [colour is not None for colour in data["colours"]] == [count > 1 for count in times]
    used = [colour for colour in data["colours"] if colour is not None]
    assert len(set(used)) == len(used) > 0
    assert [data["texts"][cell[0]] for cell in data["cells"]] == [cell.text for cell in found.cells]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_square_shows_its_measure_and_stands_on_the_scale_between_the_ends(found: Grid, measure: str) -> None:
    data = grid_view.grid_data(EN, found.plan, found.cells, facts="", found=found)
    numbers = [cell.measures[measure] for cell in found.cells]
    known = [number for number in numbers if number is not None]
    for number, square in zip(numbers, data["values"][measure], strict=True):
        if number is None:
            assert square is None
            continue
        share, text = square
        width = max(known) - min(known)
        assert share == pytest.approx((number - min(known)) / width if width else 0, abs=1e-3)
        shown = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
        assert shown == pytest.approx(number, abs=0.006 * max(1, abs(number)))


def test_what_is_shared_is_counted_from_the_chosen_cell(found: Grid) -> None:
    data = grid_view.grid_data(EN, found.plan, found.cells, facts="", found=found, beside=4)
    shared = [found.shared_prefix(found.cells[4], cell) for cell in found.cells]
    assert [square[1] for square in data["values"]["shared"]] == [str(count) for count in shared]
    assert data["beside"] == 4


def test_means_ends_and_quartiles_are_the_librarys(found: Grid) -> None:
    data = grid_view.grid_data(EN, found.plan, found.cells, facts="", found=found)
    for shown, one in zip(data["spreads"]["entropy"], spread(found, "entropy"), strict=True):
        assert one.mean is not None
        assert shown[0][1] == f"{one.mean:.2f}"
        assert shown[1] in (f"{one.low:.2f}–{one.high:.2f}", f"{one.low:.2f}")
        assert shown[2] in (f"{one.quarter:.2f}–{one.three_quarters:.2f}", f"{one.quarter:.2f}")
        assert shown[3] == one.texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_counts_the_pairs_in_which_the_larger_value_has_the_larger_measure(
    found: Grid, line: Grid, language: Language
) -> None:
    texts = Texts(language)
    held = grid_view.grid_data(texts, found.plan, found.cells, facts="", found=found)["held"]["perplexity"]
    count = between_values(found, "perplexity", "temperature")
    assert held[0].startswith("temperature 0 → 2: ")
    assert str(count.larger) in held[0]
    assert str(count.of) in held[0]
    assert held[1].startswith("top_p 0.5 → 0.95: ")
    alone = grid_view.grid_data(texts, line.plan, line.cells, facts="", found=line)["held"]["perplexity"]
    low, high = reversed(spread(line, "perplexity"))
    assert [one.mean for one in (low, high)] == sorted(one.mean or 0 for one in (low, high))
    assert f"{low.mean:.3g} → " in alone[0]  # at temperature 0 all seeds have one text
    assert f"{high.mean:.3g} (" in alone[0]


def test_one_text_for_each_settings_has_no_spread_and_says_nothing_of_seeds(model: tsumami.Model) -> None:
    one = model.grid(STORY, vary={"top_k": [1, 40]}, max_tokens=3)
    data = grid_view.grid_data(EN, one.plan, one.cells, facts="", found=one)
    assert data["spreads"] == {}
    assert not any(data["held"].values())
    assert grid_view.over_seeds(EN, one, *one.cells) == ""


def test_two_settings_are_compared_seed_by_seed(found: Grid) -> None:
    a, b = found.at(temperature=0.7, top_p=0.5), found.at(temperature=2.0, top_p=0.5, seed=2)
    said = grid_view.over_seeds(EN, found, a, b)
    count = larger(found, "perplexity", a.point.settings, b.point.settings)
    assert f"perplexity: larger on {count.larger} of 3" in said
    assert said.count("<li>") == len(MEASURES)


def test_while_it_grows_only_what_is_finished_is_measured_and_nothing_is_counted(found: Grid) -> None:
    growing = [replace(cell, stop_reason="cancelled", measures={}) for cell in found.cells[3:]]
    data = grid_view.grid_data(EN, found.plan, [*found.cells[:3], *growing], facts="…")
    assert [cell[1] for cell in data["cells"]] == [True] * 3 + [False] * 15
    assert [square is not None for square in data["values"]["tokens"]] == [True] * 3 + [False] * 15
    assert not data["ended"]
    assert data["spreads"] == data["held"] == {}


def test_what_was_stopped_is_marked_and_not_measured(model: tsumami.Model) -> None:
    with model.gridding(STORY, vary={"max_tokens": [2, 4000]}, seeds=2, temperature=2.0) as cells:
        next(iter(cells))
        cells.cancel()
        grid = cells.grid
    data = grid_view.grid_data(EN, grid.plan, grid.cells, facts="", found=grid)
    assert [cell[1] for cell in data["cells"]] == [cell.finished for cell in grid.cells]
    assert [square is not None for square in data["values"]["tokens"]] == [cell.finished for cell in grid.cells]
    assert "dotted" in data["notes"]


def test_a_knob_that_did_nothing_anywhere_says_why(model: tsumami.Model) -> None:
    idle = model.grid(STORY, vary={"mirostat_tau": [2, 5], "top_p": [0.5, 1.0]}, max_tokens=2)
    notes = grid_view.grid_data(EN, idle.plan, idle.cells, facts="", found=idle)["notes"]
    assert notes == f"mirostat_tau: {Settings().idle_knobs()['mirostat_tau'].en}"


def test_the_line_says_what_was_made_and_what_sharing_saved(found: Grid) -> None:
    said = grid_view.facts(EN, found)
    assert said.startswith(f"18 of 18 runs · {len(found.texts)} texts · {found.nodes} tokens decoded")
    assert f"{sum(len(cell.tokens) - 1 for cell in found.cells) - found.nodes} saved" in said


def test_the_pictures_are_the_librarys(found: Grid) -> None:
    assert grid_view.pictures(Texts("ja"), found, "png").startswith(b"\x89PNG")
    assert grid_view.pictures(Texts("ja"), found, "svg").startswith(b"<svg")


def test_no_word_is_missing_and_nothing_is_taken_for_html() -> None:
    for language in LANGUAGES:
        made = grid_view.skeleton(Texts(language))
        assert all(f'value="{name}"' in made for name in ("text", *MEASURES, "shared"))
        assert "<script" not in made
