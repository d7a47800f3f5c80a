"""Whether a reply is complete in its grammar's sense: the grammar's own word, on the text that is shown."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsumami
from tsumami import explain
from tsumami.app.work.conversation import ReplyFacts
from tsumami.runs import Completeness, Run
from tsumami.runs.completeness import CompletenessTracker
from tsumami.runs.restore import restore, restore_json
from tsumami.testing import ScriptedModel, saying

PIECES = st.lists(st.tuples(st.booleans(), st.sampled_from([b"x", b" ", b"\n"])), max_size=12)


@given(st.booleans(), PIECES)
def test_it_is_complete_since_the_last_time_that_it_became_so(at_start: bool, tokens: list[tuple[bool, bytes]]) -> None:
    tracker = CompletenessTracker(at_start)
    for complete, piece in tokens:
        tracker.note(complete, piece)
    found = tracker.found
    flags = [at_start, *(complete for complete, _ in tokens)]
    assert found is not None
    assert found.complete == flags[-1]
    if found.complete:
        assert found.since is not None
        assert all(flags[found.since :])
        assert found.since == 0 or not flags[found.since - 1]
        after = b"".join(piece for _, piece in tokens[found.since :])
        assert found.then == ("" if not after else "blank" if not after.strip() else "text")
    else:
        assert (found.since, found.then) == (None, "")


def test_without_a_grammar_nothing_is_said() -> None:
    assert ScriptedModel(saying("Yes.")).run("x", temperature=0).completeness is None


@pytest.mark.parametrize(
    ("found", "en", "ja"),
    [
        (Completeness(complete=False), "not complete", "まだ完結していない"),
        (Completeness(complete=True, since=7), "complete", "完結している"),
        (Completeness(complete=True, since=7, then="blank"), "complete from token 7 on; then only white space",
         "7 番目のトークンから完結している、その後は空白だけ"),
        (Completeness(complete=True, since=1, then="text"), "complete from token 1 on",
         "1 番目のトークンから完結している"),
        (Completeness(complete=True, since=0, then="text"), "complete from the start", "はじめから完結している"),
    ],
)  # fmt: skip
def test_its_words(found: Completeness, en: str, ja: str) -> None:
    assert (found.en, found.ja) == (en, ja)


SPACES = 'root ::= "{\\"a\\": 1}" [ \\n]*'


@pytest.mark.parametrize(
    ("knobs", "complete", "then"),
    [
        ({"grammar": 'root ::= "yes"'}, True, ""),
        ({"grammar": 'root ::= "yes, it is so"', "max_tokens": 2}, False, ""),
        ({"grammar": SPACES, "logit_bias": {0: "-inf", 2: "-inf", 4: "-inf"}}, True, "blank"),
        ({"grammar": "root ::= [a-z ]+", "max_tokens": 3}, True, "text"),
        ({"json_schema": {"type": "integer"}, "max_tokens": 8}, True, None),
        ({"regex": "(ab)+c", "max_tokens": 1}, False, ""),
        ({"grammar": 'root ::= "yes"', "stop": ["s"]}, False, ""),
        ({"grammar": 'root ::= "ye" "s"?', "stop": ["s"]}, True, ""),
        ({"grammar": 'root ::= "yes"', "logit_bias": {0: "-inf", 2: "-inf", 4: "-inf"}}, True, ""),
        ({"grammar": 'root ::= "yes"', "penalty_alpha": 0.5, "top_k": 3}, True, ""),
    ],
)
def test_of_real_replies(model: tsumami.Model, knobs: dict[str, Any], complete: bool, then: str | None) -> None:
    run = model.run("Is it so?", tsumami.Settings.from_mapping({"temperature": 0, "max_tokens": 12, **knobs}))
    assert run.completeness is not None
    assert run.completeness.complete == complete, run.text
    assert then is None or run.completeness.then == then, run.text
    assert Run.from_json(run.to_json()) == run
    assert restore(model, run.receipt, run.tokens).completeness == run.completeness or run.stop_reason == "dead_end"
    if "json_schema" in knobs and complete:
        jsonschema.validate(json.loads(run.text), knobs["json_schema"])


def test_a_run_that_was_saved_without_it_opens_and_its_audit_finds_it(model: tsumami.Model) -> None:
    run = model.run("Is it so?", grammar=SPACES, temperature=0, max_tokens=9, logit_bias={0: -100, 2: -100, 4: -100})
    assert run.completeness is not None
    assert run.completeness.then == "blank"
    form = json.loads(run.to_json())
    del form["completeness"]
    old = Run.from_json(json.dumps(form))
    assert old.completeness is None
    assert explain.audit(old.attach(model)).completeness == run.completeness
    assert explain.audit(run).completeness == run.completeness


def test_a_receipt_of_the_page_says_it_and_is_restored(model: tsumami.Model) -> None:
    run = model.run("Is it so?", grammar='root ::= "yes"', temperature=0)
    facts = ReplyFacts.of(run)
    assert facts.complete("en") == "complete"
    assert facts.complete("ja") == "完結している"
    assert restore_json(model, facts.receipt).completeness == run.completeness
