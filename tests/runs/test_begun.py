"""A reply that is made to begin with given tokens is a run like all others: same rolls, same receipt, same replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.runs.test_replay import assert_same
from tests.support.modes import MODES

import tsumami
from tsumami.errors import PromptError
from tsumami.runs import Prompt, Run
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


def begun(model: tsumami.Model, tokens: tuple[int, ...]) -> Prompt:
    return replace(model.as_prompt(PROMPT), begun=tokens)


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_made_to_begin_as_it_begins_anyway_changes_nothing(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    made = Settings.from_mapping({"max_tokens": 10, "seed": 4, **knobs})
    free = model.run(PROMPT, made)
    led = model.run(begun(model, free.tokens[:6]), made)
    if made.mode == "contrastive":  # the terms of what was not tried are unknown; the text is the same
        assert led.tokens == free.tokens
    else:
        assert led.steps == free.steps
    assert led.receipt == replace(free.receipt, begun=free.tokens[:6])


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_another_token_is_taken_and_the_rolls_go_on(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    made = Settings.from_mapping({"max_tokens": 8, "seed": 4, **knobs})
    free = model.run(PROMPT, made)
    others = [other.id for other in free.steps[2].alternatives if other.id != free.tokens[2] and other.p_final > 0]
    start = (*free.tokens[:2], *others[:1])
    led = model.run(begun(model, start), made, ledger=True)
    assert led.tokens[: len(start)] == start
    if made.mode in ("sample", "greedy"):
        shared = min(len(led.steps), len(free.steps))
        assert [s.u for s in led.steps[:shared]] == [s.u for s in free.steps[:shared]]
    assert Run.from_json(led.to_json()) == led
    assert model.verify(led).same
    for kept, again in zip(led.ledgers, replace(led, ledgers=()).replay(), strict=True):
        assert_same(kept, again)


def test_a_token_that_was_cut_comes_with_probability_zero(model: tsumami.Model) -> None:
    free = model.run(PROMPT, seed=1, max_tokens=3, top_k=5)
    never = next(token for token in range(100, 400) if all(token != other.id for other in free.steps[0].alternatives))
    led = model.run(begun(model, (never,)), seed=1, max_tokens=3, top_k=5, ledger=True)
    assert led.tokens[0] == never
    assert led.steps[0].p_final == 0
    assert led.steps[0].p_raw > 0
    assert led.ledgers[0].cut_at(never) == "top_k"


def test_a_token_that_the_grammar_forbids_ends_the_run_there(model: tsumami.Model) -> None:
    start = tuple(model.tokenize(" one", add_special=False)) + tuple(model.tokenize("7", add_special=False))
    led = model.run(begun(model, start), grammar="root ::= [a-z ]+", max_tokens=8, seed=0)
    assert led.stop_reason == "dead_end"
    assert led.text == " one"


def test_max_tokens_counts_the_beginning() -> None:
    model = ScriptedModel(saying("abcdef"))
    led = model.run(Prompt("x", (120,), begun=(97, 98)), max_tokens=4)
    assert led.text == "abcd"
    assert led.stop_reason == "length"


def test_a_token_that_does_not_exist_is_refused() -> None:
    model = ScriptedModel(saying("abcdef"))
    with pytest.raises(
        PromptError, match=rf"token 1 of the beginning of the reply has id 9999.*{ByteTokenizer().n_tokens - 1}"
    ):
        model.run(Prompt("x", (120,), begun=(97, 9999)))
