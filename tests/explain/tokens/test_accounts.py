"""The account of a token says what its ledger says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.modes import MODES
from tests.support.strategies import settings_strategy

import tsumami
from tsumami.explain.tokens import largest_fall
from tsumami.explain.tokens.accounts import account
from tsumami.sampling import Ledger
from tsumami.settings import Settings

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


def agrees(ledger: Ledger, mode: str) -> None:
    made = account(ledger, mode, count=8, also=(7,))
    assert [(c.name, c.idle) for c in made.columns] == [(r.name, r.idle) for r in ledger.records]
    assert [c.left for c in made.columns] == [r.n_kept for r in ledger.records]
    assert [c.kept for c in made.columns[1:]] == pytest.approx(list(ledger.mass_kept()), abs=1e-9)
    for column, removed in zip(made.columns[1:], ledger.removed(), strict=True):
        assert column.removed == replace(removed, p=removed.p and pytest.approx(removed.p))
    for row in made.rows:
        assert list(row.probs) == [pytest.approx(r.prob_of(row.token)) for r in ledger.records]
        assert row.cut_at is None or made.columns[row.cut_at].name == ledger.cut_at(row.token)
        fall = largest_fall([record.log_prob_of(row.token) for record in ledger.records])
        assert row.fell_at == (None if fall is None else fall.at)
    assert 7 in {row.token for row in made.rows}
    assert made.chosen.token == ledger.token
    assert made.hidden + len(made.rows) == ledger.records[0].n_kept
    assert all(a.high <= b.low + 1e-9 for a, b in zip(made.shares, made.shares[1:], strict=False))
    if mode == "sample" and made.u is not None:
        (share,) = (share for share in made.shares if share.token == ledger.token)
        assert share.low - 1e-6 <= made.u <= share.high + 1e-6


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_it_says_what_the_ledger_says(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run(PROMPT, Settings.from_mapping({"max_tokens": 6, "seed": 4, **knobs}), ledger=True)
    for ledger in run.ledgers:
        agrees(ledger, run.settings.mode)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(settings_strategy(max_tokens=4), st.integers(0, 2**32 - 2))
def test_for_random_settings_too(model: tsumami.Model, made: Settings, seed: int) -> None:
    run = model.run("1, 2, 3, 1, 2, 3,", made.replace(seed=seed), ledger=True)
    for ledger in run.ledgers:
        agrees(ledger, run.settings.mode)


def test_who_stayed_comes_first_and_who_was_cut_early_last(model: tsumami.Model) -> None:
    made = account(model.run(PROMPT, max_tokens=1, seed=0, top_k=5, top_p=0.5).ledger(0))
    cuts = [len(made.columns) if row.cut_at is None else row.cut_at for row in made.rows]
    assert cuts == sorted(cuts, reverse=True)
    finals = [row.final for row in made.rows if row.final is not None]
    assert finals == sorted(finals, reverse=True)


def test_a_token_that_does_not_exist_is_left_out(model: tsumami.Model) -> None:
    ledger = model.run(PROMPT, max_tokens=1, seed=0).ledger(0)
    assert account(ledger, also=(-1, 10**9)) == account(ledger)
