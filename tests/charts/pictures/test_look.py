"""A picture within a page."""

from __future__ import annotations

import pytest

from tsumami import charts
from tsumami.charts.pictures.look import data
from tsumami.testing import ScriptedModel, saying

HOSTILE = "</script><script>alert(1)</script><!--<script>\u2028<img src=x onerror=alert(2)>"


def test_a_chart_in_a_page_takes_the_pages_colour_of_text() -> None:
    run = ScriptedModel(saying("abc")).run("x", temperature=0)
    picture = charts.inline(charts.measure_line({"a": run}, "rank", "ja"))
    assert picture.startswith('<div class="tsu tsu-picture" role="img" aria-label="順位"><svg')
    assert "順位" in picture
    assert 'fill="#000"' not in picture
    assert "currentColor" in picture


@pytest.mark.parametrize("form", ["html", "svg"])
def test_no_text_in_a_chart_is_taken_for_html_or_script(form: charts.Form) -> None:
    import altair as alt

    def chart(text: str) -> alt.Chart:
        return alt.Chart(data([{"text": text}]), title=text).mark_text().encode(text="text:N")

    plain, hostile = (charts.drawn(chart(text), form).decode() for text in ("x", HOSTILE))
    for mark in ("<script", "</script>", "<!--", "<img", "\u2028"):
        assert hostile.count(mark) == plain.count(mark) + (mark == "\u2028" and form == "svg") * hostile.count(mark)
    assert "alert(2)" in hostile
