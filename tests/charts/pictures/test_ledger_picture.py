"""The heat map of a token holds every probability of its account."""

from __future__ import annotations

from tests.charts.pictures.drawn import rows_of

from tsumami import charts
from tsumami.explain.tokens import Account
from tsumami.testing import ScriptedModel


def test_the_heat_map_holds_every_cell(scripted: ScriptedModel, seen: Account) -> None:
    rows = rows_of(charts.ledger_picture(seen, scripted.tokenizer.piece, "en"))
    assert [row["probability"] for row in rows] == [p for candidate in seen.rows for p in candidate.probs]


def test_equal_labels_keep_rows_of_their_own(seen: Account) -> None:
    rows = rows_of(charts.ledger_picture(seen, _same, "en"))
    assert len({row["candidate"] for row in rows}) == len(seen.rows)


def _same(_: int) -> bytes:
    return b"x"
