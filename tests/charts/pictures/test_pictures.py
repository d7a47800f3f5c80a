"""Every picture of a run has its title in both languages, and saves without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.charts.said import BOTH

from tsumami import charts
from tsumami.explain.tokens import Account
from tsumami.runs import Run
from tsumami.testing import ScriptedModel


def pictures(scripted: ScriptedModel, run: Run, seen: Account, language: charts.Language) -> dict[str, Any]:
    piece, line = scripted.tokenizer.piece, charts.Line.of(seen, "temperature 0.8")
    exact = {share.token: share.high - share.low for share in seen.shares}
    return {
        "ledger": charts.ledger_picture(seen, piece, language),
        "roll": charts.roll_picture([line], seen.u, piece, language),
        "divergence": charts.roll_picture([line, line], seen.u, piece, language),
        "not rolled": charts.roll_picture([line], None, piece, language),
        "measures": charts.measure_lines({"詩": run, "b": run}, language),
        "next": charts.next_token_picture(seen, piece, language),
        "rolls": charts.rolls_picture(exact, {seen.token: 7}, piece, language, most=2),
    }


NAMES = ("ledger", "roll", "divergence", "not rolled", "measures", "next", "rolls")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", BOTH)
def test_pictures_save_without_a_browser(
    scripted: ScriptedModel, run: Run, seen: Account, language: charts.Language, name: str, tmp_path: Path
) -> None:
    chart = pictures(scripted, run, seen, language)[name]
    chart.save(tmp_path / "x.png")
    chart.save(tmp_path / "x.svg")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "x.svg").read_text("utf-8")
    assert svg.startswith("<svg")
    title = chart.to_dict()["title"]
    assert title in svg
    assert title != pictures(scripted, run, seen, "en" if language == "ja" else "ja")[name].to_dict()["title"]
