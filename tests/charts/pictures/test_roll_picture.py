"""The picture of a roll holds every share where the roll meets it, and the mark where it fell."""

from __future__ import annotations

import pytest

from tsumami import charts
from tsumami.explain.tokens import Account
from tsumami.testing import ScriptedModel


def test_every_share_lies_where_it_lies(scripted: ScriptedModel, seen: Account) -> None:
    line = charts.Line.of(seen, "a")
    bars, _, mark, _ = charts.roll_picture([line, line], seen.u, scripted.tokenizer.piece, "en").to_dict()["layer"]
    rows = bars["data"]["values"]
    assert [(row["low"], row["high"]) for row in rows] == 2 * [(share.low, share.high) for share in seen.shares]
    assert {row["line"] for row in rows} == {"a", "a (2)"}
    assert {row["kind"] for row in rows if row["low"] <= (seen.u or 0.0) <= row["high"]} == {"first"}
    assert mark["data"]["values"] == [{"u": seen.u, "label": f"u = {seen.u:.4f}"}]


@pytest.mark.parametrize(("u", "layers"), [(0.5, 4), (None, 2)])
def test_without_a_roll_there_is_no_mark(scripted: ScriptedModel, seen: Account, u: float | None, layers: int) -> None:
    chart = charts.roll_picture([charts.Line.of(seen)], u, scripted.tokenizer.piece, "en")
    assert len(chart.to_dict()["layer"]) == layers
