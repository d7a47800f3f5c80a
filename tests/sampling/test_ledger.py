"""The ledger accounts for a token: what each stage left, who was cut where, and how much probability went with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.support.bare import Row
from tests.support.strategies import settings_strategy

from tsumami.knobs import CLASSIC
from tsumami.knobs.stages import ROWS
from tsumami.model import Model
from tsumami.sampling import Chain, DeadEndError, Ledger, LedgerWriter
from tsumami.sampling.building import stage_names
from tsumami.settings import Settings

HALVES = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], np.float32))
NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0}


def ledger_of(drawn: Settings, row: Row, model: Model | None = None) -> Ledger:
    chain = Chain.from_settings(drawn, seed=3, n_vocab=len(row), vocab=model and model.vocab)
    writer = LedgerWriter()
    choice = chain.choose(row, writer.watch)
    return writer.close(0, choice.pick)


def of(**changes: Any) -> Settings:
    return Settings.from_mapping({**NEUTRAL, **changes})


@settings(max_examples=120, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=0))
def test_the_last_record_is_what_the_choice_was_made_from(drawn: Settings, model: Model, rows: list[Row]) -> None:
    try:
        ledger = ledger_of(drawn, rows[1], model)
    except DeadEndError:
        return
    last = ledger.records[-1]
    assert last.probs.sum() == pytest.approx(1, abs=1e-9)
    assert last.ids[ledger.pick.index] == ledger.token or drawn.mode == "greedy"
    assert ledger.token in last.ids
    assert last.prob_of(ledger.token)
    assert ledger.cut_at(ledger.token) is None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=settings_strategy(seed=0))
def test_every_record_is_a_distribution_and_no_stage_brings_anyone_back(
    drawn: Settings, model: Model, rows: list[Row]
) -> None:
    try:
        ledger = ledger_of(drawn, rows[2], model)
    except DeadEndError:
        return
    alive = set(range(len(rows[2])))
    assert ledger.records[0].logits.tobytes() == rows[2].tobytes()
    for record, kept in zip(ledger.stages, ledger.mass_kept(), strict=True):
        now = set(record.ids[record.logits > -np.inf].tolist())
        assert now <= alive
        assert record.n_kept == len(now)
        assert record.probs.sum() == pytest.approx(1, abs=1e-9)
        assert 0 < kept <= 1 + 1e-9
        if record.idle is not None:
            assert (len(now), kept) == (len(alive), pytest.approx(1))
        alive = now


def test_each_stage_of_the_order_has_its_record() -> None:
    drawn = of(logit_bias={0: 1.0})
    names = [record.name for record in ledger_of(drawn, HALVES).records]
    assert names == ["model", *stage_names(drawn)]
    assert set(names) >= {"logit_bias", *(name for name in CLASSIC if not ROWS[name].wanted_by)}


def test_mirostat_has_the_last_word() -> None:
    assert ledger_of(of(mirostat_mode=2), HALVES).records[-1].name == "mirostat"


def test_it_says_which_stage_cut_a_token_and_what_went_with_it() -> None:
    ledger = ledger_of(of(top_k=3, top_p=0.7, samplers=("top_k", "top_p")), HALVES)
    assert [ledger.cut_at(token) for token in range(5)] == [None, None, "top_p", "top_k", "top_k"]
    assert ledger.mass_kept() == pytest.approx((0.875, 0.75 / 0.875), abs=1e-6)
    assert [record.n_kept for record in ledger.records] == [5, 3, 2]
    assert ledger.records[1].probs.tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=1e-6)
    assert ledger.records[2].prob_of(1) == pytest.approx(1 / 3, abs=1e-6)
    assert ledger.records[2].prob_of(4) is None


def test_a_masked_token_is_cut_although_it_is_still_in_the_list() -> None:
    ledger = ledger_of(of(top_n_sigma=0.5, samplers=("top_n_sigma",)), HALVES)
    last = ledger.records[-1]
    assert (len(last.ids), last.n_kept) == (5, 1)
    assert last.prob_of(1) is None
    assert ledger.cut_at(1) == "top_n_sigma"
    assert ledger.mass_kept() == pytest.approx((0.5,), abs=1e-6)


def test_a_ban_is_named_as_what_it_is() -> None:
    ledger = ledger_of(of(logit_bias={0: float("-inf")}), HALVES)
    assert ledger.cut_at(0) == "logit_bias"
    assert ledger.mass_kept()[0] == pytest.approx(0.5, abs=1e-6)


def test_a_token_that_the_model_itself_excludes_was_cut_by_the_model() -> None:
    row = HALVES.copy()
    row[2] = -np.inf
    assert ledger_of(of(), row).cut_at(2) == "model"


def test_what_only_reweights_lets_all_probability_through() -> None:
    ledger = ledger_of(of(temperature=0.5, samplers=("temperature",)), HALVES)
    assert ledger.mass_kept() == pytest.approx((1.0,), abs=1e-9)
    assert ledger.records[1].prob_of(0) == pytest.approx(0.25 / (0.25 + 0.0625 + 0.015625 + 2 * 0.00390625), abs=1e-6)


def test_a_writer_is_empty_again_after_it_closed_a_ledger() -> None:
    chain, writer = Chain.from_settings(of(), seed=0, n_vocab=5), LedgerWriter()
    sizes = [len(writer.close(step, chain.choose(HALVES, writer.watch).pick).records) for step in range(3)]
    assert sizes[0] == sizes[1] == sizes[2] == 11


def test_records_are_copies() -> None:
    """A later stage works on the same memory; what was recorded must not move with it."""
    ledger = ledger_of(of(temperature=0.25, samplers=("top_k", "temperature")), HALVES)
    assert ledger.records[0].logits.tobytes() == HALVES.tobytes()


def test_a_stage_says_how_many_it_removed_and_the_likeliest_of_them() -> None:
    """Of HALVES, top_k 2 leaves the tokens 0 and 1; 2 was the likeliest of the other three."""
    ledger = ledger_of(of(top_k=2), HALVES)
    removed = dict(zip([record.name for record in ledger.stages], ledger.removed(), strict=True))
    assert (removed["top_k"].count, removed["top_k"].best, removed["top_k"].p) == (3, 2, pytest.approx(0.125))
    assert all(one.count == 0 and one.best is None for name, one in removed.items() if name != "top_k")


@pytest.mark.parametrize(
    "knobs",
    [{"grammar": 'root ::= "yes" | "no"'}, {"regex": "yes|no"}, {"json_schema": '{"enum": ["yes", "no"]}'}],
    ids=["grammar", "regex", "json_schema"],
)
def test_a_constraint_says_it_whichever_way_it_is_written(knobs: dict[str, Any], model: Model, rows: list[Row]) -> None:
    ledger = ledger_of(of(**knobs), rows[1], model)
    before, after = ledger.records[0], next(one for one in ledger.records if one.name == "grammar")
    removed = ledger.removed()[ledger.records.index(after) - 1]
    gone = sorted(set(before.ids.tolist()) - set(after.ids.tolist()), key=lambda token: -float(rows[1][token]))
    assert removed.count == len(gone) > 0
    assert removed.p == pytest.approx(before.prob_of(gone[0]))
    assert rows[1][removed.best] == rows[1][gone[0]]
