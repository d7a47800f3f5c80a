"""The table has every stage and marks every cut."""

from __future__ import annotations

import pytest
from tests.charts.said import BOTH
from tests.support.worlds import fixed_world

from tsumami import charts
from tsumami.explain.tokens import Account, account
from tsumami.testing import ScriptedModel
from tsumami.wording import percent

from .reading import parsed


@pytest.mark.parametrize("language", BOTH)
def test_the_table_has_a_column_for_every_stage_and_marks_every_cut(
    scripted: ScriptedModel, seen: Account, language: charts.Language
) -> None:
    table = charts.ledger_table(seen, scripted.tokenizer.piece, language)
    page = parsed(table)
    for column in seen.columns[1:]:
        assert column.name in page.said
    assert table.count("✂") == sum(row.cut_at is not None for row in seen.rows) > 0
    rows = [int(a["data-candidate"] or "") for a in page.attributes if "data-candidate" in a]
    assert rows == [row.token for row in seen.rows]
    for row in seen.rows:
        if row.final is not None:
            assert percent(row.final) in page.said


@pytest.mark.parametrize("language", BOTH)
def test_each_stage_says_how_many_it_removed_and_the_likeliest_of_them(language: charts.Language) -> None:
    model = fixed_world({"a": 0.7, "b": 0.2, "c": 0.1})
    seen = account(model.run("x", max_tokens=1, seed=0, temperature=1.0, top_k=1).ledger(0), count=4)
    table = charts.ledger_table(seen, model.tokenizer.piece, language)
    (removed,) = (one.removed for one in seen.columns if one.removed and one.removed.count)
    assert removed.best is not None
    assert model.tokenizer.piece(removed.best) == b"b"
    assert f'{removed.count:,}<small class="best"' in table
    assert '<b translate="no">b</b> 20%' in table
    assert charts.word(language, "removed") in table


def test_idle_stages_say_why(scripted: ScriptedModel, seen: Account) -> None:
    table = charts.ledger_table(seen, scripted.tokenizer.piece, "ja")
    idle = [column for column in seen.columns if column.idle]
    assert idle
    assert table.count("休み: 無効になる値") == len(idle)


@pytest.mark.parametrize("language", BOTH)
def test_the_stage_that_took_most_of_a_token_is_marked(language: charts.Language) -> None:
    model = fixed_world({"a": 0.7, "b": 0.2, "c": 0.1})
    seen = account(model.run("x", max_tokens=1, seed=0, temperature=3.0).ledger(0), count=4)
    table = charts.ledger_table(seen, model.tokenizer.piece, language)
    marked = sum(row.fell_at is not None for row in seen.rows)
    assert table.count('<td class="fell" title=') == marked > 0
    assert charts.word(language, "fell") in table
