"""The lesson's pictures hold the real data and let no text through as markup."""

from __future__ import annotations

import html
import re

import pytest

import tsumami
from tsumami.course import (
    PROMPT,
    Words,
    loop_boxes,
    loop_diagram,
    parts,
    stations,
    token_pieces,
    token_rows,
    turn,
)


def plain(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", markup))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_boxes_hold_the_step(model: tsumami.Model, language: str) -> None:
    run = model.run(PROMPT, seed=3, max_tokens=3)
    shown = plain(loop_boxes(turn(run, 2), Words(language)))  # type: ignore[arg-type]
    step = run.steps[2]
    assert f"{step.u:.4f}" in shown
    assert "49,152" in shown
    assert str(run.tokens[1]) in shown
    assert run.text in shown
    for option in step.alternatives[:3]:
        assert f"{option.p_raw:.1%}" in shown


def test_the_diagram_goes_round(model: tsumami.Model) -> None:
    drawn = loop_diagram(Words("en"))
    assert drawn.startswith("flowchart LR")
    assert 'append -- "again" --> tokenise' in drawn


def test_pieces_show_every_token(model: tsumami.Model) -> None:
    text = "夢 & <b>a</b>"
    rows = token_rows(model, text)
    drawn = token_pieces(rows, Words("ja"))
    assert "<b>" not in drawn
    assert plain(drawn) == "".join(row.shown for row in rows)
    assert drawn.count("「夢」の一部") == len([row for row in rows if row.whole == "夢"]) > 1


def test_of_a_long_text_500_pieces_are_shown_and_the_rest_is_counted(model: tsumami.Model) -> None:
    rows = token_rows(model, "a b c d e " * 120)
    drawn = token_pieces(rows, Words("en"))
    assert drawn.count("<span") == 500 < len(rows)
    assert f"{len(rows) - 500} more" in drawn


def test_stations_show_the_models_sizes(smollm2: tsumami.Model) -> None:
    drawn = plain(stations(parts(smollm2, PROMPT), Words("en")))
    assert "× 30 layers" in drawn
    assert "49,152" in drawn
