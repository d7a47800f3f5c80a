"""The strip has every token, and says all that its colours say."""

from __future__ import annotations

import pytest
from tests.charts.said import BOTH, SAID

from tsumami import charts
from tsumami.charts.html.token_strip import places
from tsumami.runs import Run
from tsumami.wording import percent

from .reading import parsed


@pytest.mark.parametrize("language", BOTH)
def test_the_strip_has_every_token_once_and_in_order(run: Run, language: charts.Language) -> None:
    page = parsed(charts.token_strip(run, language, selected=4))
    numbers = [int(a["data-token"] or "") for a in page.attributes if "data-token" in a]
    assert numbers == list(range(len(run.steps)))
    assert SAID.split("<")[0] in "".join(page.said)
    (on,) = (a for a in page.attributes if "on" in (a.get("class") or "").split())
    assert on["data-token"] == "4"


def test_the_title_of_a_token_says_all_that_its_colour_says(run: Run) -> None:
    page = parsed(charts.token_strip(run, "en"))
    for attributes in page.attributes:
        if "data-token" in attributes:
            step = run.steps[int(attributes["data-token"] or "")]
            for fact in (
                f"id {step.id}",
                step.piece.hex(" "),
                percent(step.p_final),
                percent(step.p_raw),
                f"rank {step.rank}",
            ):
                assert fact in (attributes["title"] or "")


def test_places_on_the_scale_run_from_surprising_to_expected(run: Run) -> None:
    for step in run.steps:
        assert all(0 <= place <= 1 for place in places(step).values())
    likely = max(run.steps, key=lambda step: step.p_raw)
    rare = min(run.steps, key=lambda step: step.p_raw)
    assert all(places(likely)[mode] >= places(rare)[mode] for mode in ("final", "rank", "surprise"))
