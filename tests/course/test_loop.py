"""The boxes of the diagram show what happened in the run, and nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tsumami
from tsumami.course import candidates, turn, up_to

PROMPT = "The sky above the city looked calm, but"


@pytest.mark.parametrize("knobs", [{}, {"temperature": 0}, {"top_k": 0, "min_p": 0, "top_p": 1, "temperature": 1.5}])
def test_a_turn_shows_the_step_of_the_run(model: tsumami.Model, knobs: dict[str, float]) -> None:
    run = model.run(PROMPT, seed=3, max_tokens=6, **knobs)
    for index, step in enumerate(run.steps):
        shown = turn(run, index)
        assert shown.ids == (*run.receipt.prompt_tokens, *run.tokens[:index])
        assert shown.n_vocab == model.shape.n_vocab
        assert (shown.id, shown.piece, shown.u) == (step.id, step.piece, step.u)
        chosen = shown.table[shown.table["id"] == step.id].iloc[0]
        assert chosen["p_raw"] == pytest.approx(step.p_raw, rel=1e-5)
        assert chosen["rank"] == step.rank
        if "temperature" not in knobs or knobs["temperature"]:
            assert chosen["p_final"] == pytest.approx(step.p_final, rel=1e-5)
            assert chosen["low"] - 1e-6 <= step.u <= chosen["high"] + 1e-6
    assert turn(run, 5).text_after == PROMPT + run.text


def test_each_turn_begins_where_the_last_one_ended(model: tsumami.Model) -> None:
    run = model.run("夢を", seed=1, max_tokens=8, temperature=1.2)
    turns = [turn(run, index) for index in range(8)]
    for earlier, later in itertools.pairwise(turns):
        assert later.text_before == earlier.text_after
        assert later.ids == (*earlier.ids, earlier.id)


def test_what_a_stage_cut_has_no_place_on_the_roll(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=3, max_tokens=1, top_k=3)
    table = turn(run, 0).table
    assert (table["p_final"] > 0).sum() <= 3
    assert np.isnan(table[table["p_final"] == 0]["low"]).all()
    kept = table[table["p_final"] > 0]
    assert kept["high"].max() == pytest.approx(1)


def test_a_token_that_does_not_exist_is_an_error(model: tsumami.Model) -> None:
    run = model.run(PROMPT, max_tokens=2)
    with pytest.raises(IndexError):
        turn(run, 2)


@pytest.mark.parametrize("piece", ["夢", " lamp"])
def test_the_roll_lies_in_the_chosen_candidates_part_of_the_strip(model: tsumami.Model, piece: str) -> None:
    run = model.run(piece, seed=5, max_tokens=4, top_k=6, temperature=1.3)
    for index, step in enumerate(run.steps):
        table = candidates(turn(run, index))
        (chosen,) = table[table["chosen"]].to_dict("records")
        assert chosen["id"] == step.id
        low, high = map(float, chosen["share"].split(" – "))
        assert low - 1e-4 <= step.u <= high + 1e-4
        assert (table["share"] == "").tolist() == (table["p_final"] == 0).tolist()


def test_blanks_of_candidates_can_be_seen(model: tsumami.Model) -> None:
    table = candidates(turn(model.run(PROMPT, seed=3, max_tokens=1), 0))
    assert any(piece.startswith("␣") for piece in table["piece"])
    assert not any(" " in piece for piece in table["piece"])


def test_a_run_cut_short_for_showing_keeps_its_accounts(model: tsumami.Model) -> None:
    run = model.run(PROMPT, seed=3, max_tokens=5)
    short = up_to(run, 2)
    assert short.tokens == run.tokens[:2]
    assert short.ledger(1).token == run.tokens[1]
    assert up_to(run, 5) == run
