"""A stored run opens, and says what it is: bit for bit, or what does not match."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.modes import MODES

import tsumami
from tsumami.errors import RunFileError
from tsumami.explain.tokens.opening import open_bytes, open_run
from tsumami.runs import Run
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


@pytest.fixture(scope="module")
def scripted() -> ScriptedModel:
    return ScriptedModel(saying("abcdefgh", sure=5.0))


@pytest.fixture
def run(scripted: ScriptedModel) -> Run:
    return scripted.run("x", seed=1, max_tokens=6, temperature=2, top_k=0, min_p=0, top_p=1)


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_every_stored_run_opens_bit_for_bit(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run(PROMPT, Settings.from_mapping({"max_tokens": 6, "seed": -1, **knobs}))
    opened = open_bytes(model, run.to_json().encode())
    assert (opened.run, opened.sound, opened.notes) == (run, None, ())
    assert opened.run.ledger(2).token == run.tokens[2]


def test_a_receipt_with_its_tokens_opens_too(scripted: ScriptedModel, run: Run) -> None:
    receipt = run.receipt.to_dict() | {"reply_tokens": list(run.tokens)}
    opened = open_bytes(scripted, json.dumps(receipt).encode())
    assert opened.run.steps == run.steps
    assert opened.can_look(5)


def test_a_run_of_another_model_shows_what_its_file_says(run: Run) -> None:
    other = ScriptedModel(saying("zzz"))
    # Scripts have no weights: all have one fingerprint, so the run is given another.
    run = replace(run, receipt=replace(run.receipt, model=replace(run.receipt.model, fingerprint="0" * 64)))
    assert run.receipt.model.fingerprint != other.model_card.fingerprint
    opened = open_run(other, run)
    assert opened.run.steps == run.steps
    assert not opened.can_look(0)
    ((ja, en),) = opened.notes
    assert run.receipt.model.name in ja
    assert "another model" in en


def test_a_token_that_was_edited_is_named_and_what_came_before_can_be_seen(scripted: ScriptedModel, run: Run) -> None:
    steps = list(run.steps)
    steps[4] = replace(steps[4], id=(steps[4].id + 1) % 200)
    opened = open_run(scripted, replace(run, steps=tuple(steps)))
    assert opened.sound == 4
    assert opened.can_look(3)
    assert not opened.can_look(4)
    assert "from token 5 on" in opened.notes[0][1]
    assert opened.run.ledger(3).token == run.tokens[3]


def test_a_number_that_was_edited_is_computed_anew(scripted: ScriptedModel, run: Run) -> None:
    steps = list(run.steps)
    steps[2] = replace(steps[2], p_final=0.123)
    opened = open_run(scripted, replace(run, steps=tuple(steps)))
    assert opened.run.steps == run.steps
    assert "numbers of token 3" in opened.notes[0][1]


def test_no_tokens_at_all(scripted: ScriptedModel, run: Run) -> None:
    assert open_run(scripted, replace(run, steps=())).sound is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version": 99}', b"\xff\xfe"])
def test_what_is_no_run_is_refused(scripted: ScriptedModel, data: bytes) -> None:
    with pytest.raises(RunFileError):
        open_bytes(scripted, data)
