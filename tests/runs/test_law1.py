"""The first law: ledger on = ledger off. Looking changes nothing, whatever the settings are."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.modes import MODES
from tests.support.strategies import settings_strategy

import tsumami
from tsumami.settings import Settings

PROMPTS = ["Once upon a time", "1, 2, 3, 1, 2, 3, 1, 2,", "The LED, a poem:\n", "発光ダイオードを讃える詩"]


def looked_at_and_not(model: tsumami.Model, prompt: str, made: Settings) -> None:
    plain = model.run(prompt, made)
    looked = model.run(prompt, made, ledger=True)
    assert (looked.steps, looked.stop_reason, looked.stop_string) == (plain.steps, plain.stop_reason, plain.stop_string)
    assert (len(looked.ledgers), len(plain.ledgers)) == (len(looked.steps), 0)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(PROMPTS),
    settings_strategy(grammar=True, contrastive=True, max_tokens=10),
    st.integers(0, 2**32 - 2),
)
def test_a_run_with_ledgers_is_the_run_without(model: tsumami.Model, prompt: str, made: Settings, seed: int) -> None:
    looked_at_and_not(model, prompt, made.replace(seed=seed))


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_every_mode(model: tsumami.Model, knobs: dict[str, object]) -> None:
    looked_at_and_not(model, PROMPTS[0], Settings.from_mapping({"max_tokens": 12, "seed": 9, **knobs}))
