"""What the endpoints that look inside answer is what the library says, as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import tsumami
from tsumami import explain
from tsumami.app.api import looking_answers
from tsumami.errors import SettingsError
from tsumami.explain import plain
from tsumami.explore.lanes import Comparing, comparison_values
from tsumami.runs import Run

PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def run(model: tsumami.Model) -> Run:
    return model.run(PROMPT, seed=2, max_tokens=8)


@pytest.fixture(scope="module")
def stored(run: Run) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(run.to_json())
    return values


@pytest.fixture(scope="module")
def banned(model: tsumami.Model, run: Run) -> Run:
    """A run in which a token that the other has may not come."""
    return model.run(PROMPT, seed=2, max_tokens=8, logit_bias={run.tokens[2]: -math.inf})


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def test_the_next_token_is_the_runs_first(model: tsumami.Model, run: Run) -> None:
    found = as_json(looking_answers.next_token(model, PROMPT, {"seed": 2}, 0))
    assert (found["token"], found["u"], found["seed"]) == (run.tokens[0], run.steps[0].u, 2)
    assert found["candidates"][0]["probabilities"][0] > 0
    with pytest.raises(SettingsError, match="step = -1"):
        looking_answers.next_token(model, PROMPT, None, -1)


def test_the_ledger_is_the_runs(model: tsumami.Model, run: Run, stored: dict[str, Any]) -> None:
    for index in (0, 5, -1):
        found = as_json(looking_answers.ledger(model, stored, index))
        assert found["token"] == run.tokens[index]
        assert [stage["name"] for stage in found["stages"]] == [record.name for record in run.ledger(index).records]
    with pytest.raises(SettingsError, match="index = 8: this run has 8 tokens, 0 to 7"):
        looking_answers.ledger(model, stored, 8)


def test_why_not_and_audit_say_what_the_library_says(model: tsumami.Model, run: Run, stored: dict[str, Any]) -> None:
    token = run.steps[3].alternatives[-1].id
    found = as_json(looking_answers.why_not(model, stored, 3, token))
    assert (found["ja"], found["en"]) == (explain.why_not(run, 3, token).ja, explain.why_not(run, 3, token).en)
    audited = as_json(looking_answers.audit(model, stored))
    assert [knob["knob"] for knob in audited["knobs"]] == [one.knob for one in explain.audit(run).knobs]


def test_lanes_and_their_divergence(model: tsumami.Model, stored: dict[str, Any]) -> None:
    lanes = [{"temperature": 0.8}, {"temperature": 3}]
    with Comparing(model, looking_answers.plans(model, PROMPT, lanes, {"seed": 2, "max_tokens": 8})) as comparing:
        found = as_json(looking_answers.comparison(comparing))
    assert [lane["differs"] for lane in found["lanes"]] == lanes
    first, second = (lane["run"] for lane in found["lanes"])
    assert first["steps"] == stored["steps"]
    assert as_json(looking_answers.divergence(model, first, second)) == found["divergences"][0]
    assert found["divergences"][0]["cause"] in ("shifted_mass", "other_survivors")
    assert found["metrics"][0]["tokens"] == 8


def test_a_banned_token_is_told_in_strict_json_and_as_the_command_line_tells_it(
    model: tsumami.Model, run: Run, stored: dict[str, Any], banned: Run
) -> None:
    ban = {str(run.tokens[2]): "-inf"}
    other = json.loads(banned.to_json())
    audited = as_json(looking_answers.audit(model, other))
    assert audited == as_json(plain.audit_values(explain.audit(banned)))
    assert [one["value"] for one in audited["knobs"] if one["knob"] == "logit_bias"] == [[[run.tokens[2], "-inf"]]]

    parted = as_json(looking_answers.divergence(model, stored, other))
    assert parted == as_json(plain.divergence_values(explain.divergence(run, banned)))
    assert {"name": "logit_bias", "a": [], "b": [[run.tokens[2], "-inf"]]} in parted["changes"]

    lanes = [{}, {"logit_bias": ban}]
    with Comparing(model, looking_answers.plans(model, PROMPT, lanes, {"seed": 2, "max_tokens": 8})) as comparing:
        found = as_json(looking_answers.comparison(comparing))
        assert found == as_json(comparison_values(comparing.comparison))
    assert found["lanes"][1]["differs"]["logit_bias"] == [[run.tokens[2], "-inf"]]
    assert found["divergences"] == [parted] == [one["divergence"] for one in found["runs"][1:]]


def test_a_token_has_its_text_as_in_a_run_and_its_bytes(model: tsumami.Model, run: Run, stored: dict[str, Any]) -> None:
    told = looking_answers.why_not(model, stored, 3, run.tokens[3])
    step = stored["steps"][3]
    assert (told["id"], told["text"], told["bytes"]) == (step["id"], step["text"], run.steps[3].piece.hex())
    assert told["piece"] == told["bytes"], "as it was called first"
    shown = looking_answers.ledger(model, stored, 3)
    assert [(one["text"], one["bytes"]) for one in shown["candidates"] if one["id"] == step["id"]] == [
        (told["text"], told["bytes"])
    ]
