"""Each strategy is what its name says, and differs from the others in nothing else."""

from __future__ import annotations

import pytest

import tsumami
from tsumami import presets
from tsumami.course import STRATEGIES, contrast_table, run_strategy, run_variants, strategy_settings
from tsumami.errors import EmptyPromptError, EngineError, SettingsError
from tsumami.testing import ScriptedModel, saying

PROMPT = "The sky above the city looked calm, but"


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_neutral_but_for_its_own_knobs(name: str) -> None:
    base = presets.get("neutral").apply().to_dict()
    made = strategy_settings(name).to_dict()
    differs = {knob for knob in made if made[knob] != base[knob]} - {"seed", "max_tokens"}
    assert differs == set(STRATEGIES[name])


def test_greedy_takes_the_likeliest_token_every_time(model: tsumami.Model) -> None:
    run = run_strategy(model, PROMPT, "greedy")
    assert len(run.steps) == 40
    assert {step.rank for step in run.steps} == {1}
    assert run.tokens == run_strategy(model, PROMPT, "greedy", seed=99).tokens


def test_contrastive_search_shows_both_terms_of_every_candidate(model: tsumami.Model) -> None:
    run = run_strategy(model, PROMPT, "contrastive", max_tokens=4)
    alpha = STRATEGIES["contrastive"]["penalty_alpha"]
    for index, step in enumerate(run.steps):
        table = contrast_table(model, run, index)
        assert len(table) == STRATEGIES["contrastive"]["top_k"]
        scores = (1 - alpha) * table["confidence"] - alpha * table["penalty"]
        assert table["score"].tolist() == pytest.approx(scores.tolist())
        assert table["score"].is_monotonic_decreasing
        assert table["chosen"].tolist() == [True] + [False] * (len(table) - 1)
        assert table["id"].iloc[0] == step.id
        assert table["piece"].iloc[0] == step.piece.decode("utf-8", "replace")


def test_other_runs_have_no_such_terms(model: tsumami.Model) -> None:
    with pytest.raises(SettingsError, match="contrastive"):
        contrast_table(model, run_strategy(model, PROMPT, "greedy", max_tokens=1), 0)


def test_a_token_that_was_not_searched_for_has_no_terms(model: tsumami.Model) -> None:
    run = run_strategy(model, PROMPT, "contrastive", max_tokens=1)
    for step in (1, -1):
        with pytest.raises(IndexError):
            contrast_table(model, run, step)


def test_a_model_without_hidden_states_says_so() -> None:
    with pytest.raises(EngineError, match="hidden states"):
        run_strategy(ScriptedModel(saying("ab")), PROMPT, "contrastive")


def test_an_unknown_strategy_names_those_there_are(model: tsumami.Model) -> None:
    with pytest.raises(SettingsError, match="greedy, low_temperature"):
        run_strategy(model, PROMPT, "magic")


def test_variants_share_settings_and_rolls(model: tsumami.Model) -> None:
    settings = strategy_settings("sampling", max_tokens=5)
    runs = run_variants(model, [PROMPT, f"Continue this as a mystery story: {PROMPT}"], settings)
    assert [run.settings for run in runs] == [settings, settings]
    assert [step.u for step in runs[0].steps] == [step.u for step in runs[1].steps]
    with pytest.raises(EmptyPromptError):
        run_variants(model, [""], settings)
