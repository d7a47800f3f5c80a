"""One table of measures: every field has its row, and everybody says and writes it alike."""

from __future__ import annotations

import dataclasses
import re
from html import unescape
from typing import cast

import pytest
from tests.support.worlds import PROMPT, world

from tsumami.app.tabs.grid import view as grid_view
from tsumami.app.views import compare_view
from tsumami.app.words.texts import LANGUAGES, Language, Texts
from tsumami.cli import words
from tsumami.cli.reasons import measure_rows
from tsumami.explain import Metrics, metrics
from tsumami.explain.measures import MEASURES, TEXT_MEASURES, TOKEN_MEASURES, USUAL
from tsumami.explore import grids

RUNS = [world().run(PROMPT, seed=seed, max_tokens=count) for seed, count in ((0, 12), (1, 1))]
FOUND = [metrics(run, RUNS[0]) for run in RUNS]


def rows(html: str) -> dict[str, list[str]]:
    """The rows of a table of the page: name, and what stands in each cell."""
    found = re.findall(r"<tr><th>([^<]*)</th>(.*?)</tr>", html)
    return {unescape(name): re.findall(r"<td>([^<]*)</td>", cells) for name, cells in found if name}


def test_every_number_of_a_text_has_a_row_and_every_row_a_number() -> None:
    fields = {field.name for field in dataclasses.fields(Metrics)} - {"series"}
    assert {one.name for one in TEXT_MEASURES} == fields
    assert {one.name for one in (*TEXT_MEASURES, *TOKEN_MEASURES)} == set(MEASURES)
    assert set(USUAL) <= set(grids.MEASURES) == fields - {"shared_prefix"}
    assert all(one.per_token is not None for one in TOKEN_MEASURES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compare_tab_the_grid_tab_and_the_terminal_say_and_write_a_measure_alike(language: Language) -> None:
    texts = Texts(language)
    compared = rows(compare_view.measures(texts, ["A", "B"], FOUND))
    assert list(compared) == [texts.pick(one.ja, one.en) for one in TEXT_MEASURES]
    grid = grid_view.skeleton(texts)
    words.use(language)
    try:
        assert dict(measure_rows(FOUND)) == compared
    finally:
        words.use("en")
    for name in grids.MEASURES:
        (called,) = re.findall(f'<option value="{name}">([^<]*)</option>', grid)
        numbers = [cast("float | None", getattr(one, name)) for one in FOUND]
        assert compared[unescape(called)] == [MEASURES[name].text(number) for number in numbers]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("tokens", 12, "12"),
        ("tokens", 12.345, "12.3"),  # a mean
        ("tokens", 123.0, "123"),
        ("tokens", 123_456, "123,456"),
        ("tokens", 1234.5, "1,234"),
        ("perplexity", 2.34567, "2.35"),
        ("repeated_ngrams", 0.1234, "12.3%"),
        ("mean_logprob", -1.0, "-1.000"),
        ("distinct_3", None, "–"),
    ],
)
def test_a_value_is_written_by_the_form_of_its_measure(name: str, value: float | None, text: str) -> None:
    assert MEASURES[name].text(value) == text
