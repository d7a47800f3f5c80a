"""Rolls beside exact probabilities, and candidates in rows of their own."""

from __future__ import annotations

import pytest
from tests.charts.pictures.drawn import rows_of

from tsumami import charts
from tsumami.explain.tokens import Account
from tsumami.testing import ScriptedModel


def test_rolls_stand_beside_the_exact_probabilities_and_the_rest_is_one_bar(scripted: ScriptedModel) -> None:
    exact = {97: 0.5, 98: 0.3, 99: 0.15, 100: 0.05}
    chart = charts.rolls_picture(exact, {97: 60, 98: 25, 99: 10, 100: 5}, scripted.tokenizer.piece, "en", most=2)
    rows = rows_of(chart)
    assert [(row["candidate"], pytest.approx(row["probability"])) for row in rows] == [
        ("a", 0.5), ("a", 0.6), ("b", 0.3), ("b", 0.25), ("the other candidates", 0.2), ("the other candidates", 0.15),
    ]  # fmt: skip


def test_equal_labels_keep_rows_of_their_own(seen: Account) -> None:
    rows = rows_of(charts.next_token_picture(seen, _same, "en"))
    assert len({row["candidate"] for row in rows}) == len(seen.rows)


def _same(_: int) -> bytes:
    return b"x"
