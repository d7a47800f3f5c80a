"""What is shown live is what a run would do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.modes import MODES

import tsumami
from tsumami.errors import DeadEndError, EmptyPromptError, PromptError
from tsumami.explain.tokens.lookahead import look, next_token
from tsumami.runs import Prompt
from tsumami.sampling import rolls
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

PROMPT = "Once upon a time, in the town of lights, there was a diode. Once upon a time"


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_it_is_the_first_token_of_a_run(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    at = look(model, model.as_prompt(PROMPT))
    for seed in range(4):
        made = Settings.from_mapping({**knobs, "seed": seed, "max_tokens": 1})
        found = next_token(model, at, made)
        step = model.run(PROMPT, made).steps[0]
        assert (found.ledger.token, found.ledger.pick.u) == (step.id, step.u)
        assert found.exact[step.id] == pytest.approx(step.p_final, rel=1e-5)
        assert sum(found.exact.values()) == pytest.approx(1)


def test_a_later_step_takes_a_later_roll(model: tsumami.Model) -> None:
    at = look(model, model.as_prompt(PROMPT))
    made = Settings(seed=5, temperature=1.5)
    found = [next_token(model, at, made, step=step) for step in range(6)]
    assert [one.ledger.pick.u for one in found] == rolls(5, 6).tolist()
    for one in found:
        (share,) = (share for share in one.account().shares if share.token == one.ledger.token)
        u = one.ledger.pick.u
        assert u is not None
        assert share.low - 1e-6 <= u <= share.high + 1e-6


@pytest.mark.parametrize("knobs", [{}, {"mirostat_mode": 2}, {"temperature": 0}], ids=["sample", "mirostat", "greedy"])
def test_a_thousand_rolls_are_the_picks_of_a_thousand_steps(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    at = look(model, model.as_prompt(PROMPT))
    made = Settings.from_mapping({"seed": 3, **knobs})
    counts = next_token(model, at, made).rolled(40)
    assert sum(counts.values()) == 40
    picks = [next_token(model, at, made, step=step).ledger.token for step in range(40)]
    assert counts == {token: picks.count(token) for token in set(picks)}


def test_rolls_come_close_to_the_exact_probabilities(model: tsumami.Model) -> None:
    found = next_token(model, look(model, model.as_prompt(PROMPT)), Settings(seed=0, temperature=1.5))
    counts = found.rolled(20_000)
    assert all(counts.get(token, 0) / 20_000 == pytest.approx(p, abs=0.015) for token, p in found.exact.items())


def test_turning_a_knob_decodes_nothing() -> None:
    model = ScriptedModel(saying("abc", sure=3.0))
    at = look(model, Prompt("x", (120,)))
    fed = model.engine.fed
    for temperature in (0.0, 0.5, 2.0):
        next_token(model, at, Settings(temperature=temperature, seed=1))
    assert model.engine.fed == fed


def test_nothing_can_come() -> None:
    model = ScriptedModel(saying("abc"))
    every = {token: float("-inf") for token in range(model.tokenizer.n_tokens)}
    with pytest.raises(DeadEndError):
        next_token(model, look(model, Prompt("x", (120,))), Settings.from_mapping({"logit_bias": every}))


def test_prompts_that_cannot_be_looked_at() -> None:
    model = ScriptedModel(saying("abc"))
    with pytest.raises(EmptyPromptError):
        look(model, Prompt("", ()))
    with pytest.raises(PromptError, match="context"):
        look(model, Prompt("x", (120,) * (model.n_ctx + 1)))
