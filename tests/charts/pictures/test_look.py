"""A picture within a page."""

from __future__ import annotations

from tsumami import charts
from tsumami.testing import ScriptedModel, saying


def test_a_chart_in_a_page_takes_the_pages_colour_of_text() -> None:
    run = ScriptedModel(saying("abc")).run("x", temperature=0)
    picture = charts.inline(charts.measure_line({"a": run}, "rank", "ja"))
    assert picture.startswith('<div class="tsu tsu-picture"><svg')
    assert "順位" in picture
    assert 'fill="#000"' not in picture
    assert "currentColor" in picture
