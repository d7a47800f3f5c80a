"""What stands on a page has a style, and nothing that a model wrote becomes markup."""

from __future__ import annotations

from tsumami import charts
from tsumami.explain.tokens import account
from tsumami.testing import ScriptedModel, saying


def test_every_class_has_a_style() -> None:
    sheet = charts.style()
    for name in ("tsu-strip", "tsu-token", "tsu-ledger", "tsu-rolls", "tsu-mark", "tsu-bars", "tsu-legend"):
        assert f".{name}" in sheet


def test_what_a_model_wrote_is_never_markup() -> None:
    strip = charts.token_strip(ScriptedModel(saying("<script>x</script>")).run("x", temperature=0), "en")
    assert "<script" not in strip
    odd = ScriptedModel(saying("<i>"))
    made = account(odd.run("x", temperature=0, ledger=True).ledgers[0], "greedy")
    for html in (
        charts.ledger_table(made, odd.tokenizer.piece, "en"),
        charts.next_token_bars(made, odd.tokenizer.piece, "en"),
        charts.roll_strip([charts.Line.of(made)], made.u, odd.tokenizer.piece, "en"),
    ):
        assert ">&lt;<" in html
