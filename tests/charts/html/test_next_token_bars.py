"""A candidate that was cut names the stage."""

from __future__ import annotations

from tsumami import charts
from tsumami.explain.tokens import Account
from tsumami.testing import ScriptedModel


def test_bars_name_the_stage_that_cut(scripted: ScriptedModel, seen: Account) -> None:
    bars = charts.next_token_bars(seen, scripted.tokenizer.piece, "en")
    for row in seen.rows:
        if row.cut_at is not None:
            assert f"✂ {seen.columns[row.cut_at].name}" in bars
