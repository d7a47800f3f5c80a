"""Lanes side by side: nothing lost, nothing torn, what differs marked."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tsumami import charts
from tsumami.explore.lanes import align
from tsumami.runs import Run
from tsumami.testing import ScriptedModel, saying

BEGIN = "はじめは同じ。"


def said(text: str) -> Run:
    return ScriptedModel(saying(text)).run("x", temperature=0)


def words(html: str) -> str:
    """The text of some HTML, without the summaries of folds."""
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<summary>.*?</summary>", "", html)))


@pytest.mark.parametrize("others", [["あかい空"], ["あおい海", ""], ["あかい空<b>"] * 3])
def test_every_lane_is_whole(others: list[str]) -> None:
    runs = [said(BEGIN + other) for other in ("あおい空", *others)]
    html = charts.side_by_side([charts.LaneColumn(f"{i}", run) for i, run in enumerate(runs)], align(runs), "ja")
    lanes = html.split('<div class="tsu-lane"')[1:]
    assert len(lanes) == len(runs)
    for lane, run in zip(lanes, runs, strict=True):
        assert run.text in words(lane.partition("</h2>")[2])
        assert "\ufffd" not in lane


def test_what_all_begin_with_is_folded_and_what_differs_is_marked() -> None:
    runs = [said(f"{BEGIN}ab"), said(f"{BEGIN}xb")]
    html = charts.side_by_side([charts.LaneColumn("a", runs[0]), charts.LaneColumn("b", runs[1])], align(runs), "en")
    common = len(BEGIN.encode())
    assert html.count(f"<summary>the first {common} tokens are the same</summary>") == 2
    assert re.findall(r'class="other">([^<]*)', html) == ["x"]


def test_lanes_that_grow_or_failed_are_shown_as_they_are() -> None:
    html = charts.side_by_side(
        [charts.LaneColumn("a", text="so <far>"), charts.LaneColumn("b", problem="no room")], None, "en"
    )
    assert "so &lt;far&gt;" in html
    assert "⚠️ no room" in html
