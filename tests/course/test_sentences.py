"""The sentences hold the numbers of the run, the model or the line that they speak of."""

from __future__ import annotations

import re

import pytest

import tsumami
from tsumami.course import (
    PROMPT,
    Fit,
    Words,
    facts,
    fit_sentence,
    models_here,
    run_variants,
    strategy_settings,
    trial_sentence,
    try_causality,
    variants,
    where_they_part,
)
from tsumami.runs import Run
from tsumami.testing import ScriptedModel, saying

LANGUAGES = pytest.mark.parametrize("words", [Words("ja"), Words("en")], ids=["ja", "en"])


def numbers(text: str) -> list[str]:
    return re.findall(r"\d[\d,.]*", text.replace("。", " "))


@LANGUAGES
def test_the_facts_are_the_models_sizes(model: tsumami.Model, words: Words) -> None:
    shape = model.shape
    said = numbers(facts(model, words))
    for size in (shape.n_params, shape.n_layer, shape.n_head, shape.n_embd, shape.n_vocab, shape.n_ctx_train):
        assert f"{size:,}" in [number.rstrip(",.") for number in said]


@LANGUAGES
def test_the_line_is_said_with_its_start_and_its_slope(words: Words) -> None:
    said = fit_sentence(Fit(start=0.25, per_token=0.02, r2=0.987), words)
    assert {"0.250", "0.0200", "50.0", "0.987"} <= set(numbers(said.replace("R²", "")))


@LANGUAGES
def test_a_trial_says_what_was_compared(model: tsumami.Model, words: Words) -> None:
    trial = try_causality(model, PROMPT, words("inside.more"))
    said = trial_sentence(trial, words)
    assert f"{trial.n_logits:,}" in said
    assert str(trial.n_positions) in said


@LANGUAGES
def test_variants_part_where_a_token_first_differs_on_the_same_roll(model: tsumami.Model, words: Words) -> None:
    settings = strategy_settings("low_temperature", max_tokens=12)
    runs = run_variants(model, variants(words, PROMPT).values(), settings)
    first = next(index for index in range(12) if len({run.tokens[index] for run in runs}) > 1)
    u = runs[0].steps[first].u
    assert {run.steps[first].u for run in runs} == {u}
    said = where_they_part(runs, words)
    assert f"{u:.4f}" in said
    assert str(first + 1) in said


def spoken(text: str, **knobs: float) -> Run:
    return ScriptedModel(saying(text)).run("x", max_tokens=len(text), seed=1, **knobs)


@LANGUAGES
def test_equal_texts_do_not_part(words: Words) -> None:
    assert where_they_part([spoken("abc"), spoken("abc")], words) == words("prompts.same")


@LANGUAGES
def test_a_text_that_ends_earlier_parts_where_it_ends(words: Words) -> None:
    said = where_they_part([spoken("ab", temperature=0), spoken("abc", temperature=0)], words)
    assert "3" in said


@LANGUAGES
def test_without_a_roll_no_roll_is_named(words: Words) -> None:
    said = where_they_part([spoken("abc", temperature=0), spoken("axc", temperature=0)], words)
    assert said == words("prompts.part_without_roll", step=2)


def test_the_bundled_model_is_here() -> None:
    assert "smollm2" in models_here()
