"""A Settings that exists can be run, cannot change, and survives JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from tests.support.strategies import settings_strategy

from tsumami.errors import SettingsError, UnknownKnobError
from tsumami.knobs import CLASSIC, CONSTRAINTS, KNOBS, LLAMA_CPP
from tsumami.settings import Settings

ANY = settings_strategy(handy=False, grammar=True)


def test_the_fields_are_the_knobs_in_the_same_order_with_the_same_defaults() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(Settings)}
    assert list(fields) == list(KNOBS)
    assert fields == {name: knob.default for name, knob in KNOBS.items()}


@given(settings=ANY)
def test_json_reads_back_to_the_same_settings(settings: Settings) -> None:
    text = json.dumps(settings.to_dict(), allow_nan=False)
    again = Settings.from_mapping(json.loads(text))
    assert again == settings
    assert hash(again) == hash(settings)
    assert json.dumps(again.to_dict()) == text


@given(settings=ANY)
def test_the_changed_knobs_alone_make_the_same_settings(settings: Settings) -> None:
    changed = json.loads(json.dumps(settings.changed(), allow_nan=False))
    assert Settings.from_mapping(changed) == settings
    assert all(getattr(settings, name) != KNOBS[name].default for name in changed)


@given(settings=settings_strategy(contrastive=True))
def test_contrastive_settings_survive_json(settings: Settings) -> None:
    assert Settings.from_mapping(json.loads(json.dumps(settings.to_dict()))) == settings


def test_defaults_have_changed_nothing() -> None:
    assert Settings().changed() == {}
    assert Settings(top_k=7, stop=["a"]).changed() == {"top_k": 7, "stop": ["a"]}


def test_settings_cannot_change_and_are_equal_by_value() -> None:
    settings = Settings(logit_bias={5: 1, 2: -math.inf})
    assert settings.logit_bias == ((2, -math.inf), (5, 1.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.top_k = 1  # type: ignore[misc]  # the point of the test
    assert {settings, Settings(logit_bias=[(5, 1), (2, "-inf")])} == {settings}
    assert Settings(samplers=CLASSIC) == Settings()


def test_replace_checks_anew_and_leaves_the_original() -> None:
    settings = Settings()
    assert settings.replace(top_k=3).top_k == 3
    assert settings.top_k == 40
    with pytest.raises(SettingsError, match="top_k"):
        settings.replace(top_k=-3)
    with pytest.raises(UnknownKnobError, match="top_k"):
        settings.replace(topk=3)


def test_an_unknown_knob_in_a_mapping_names_the_nearest() -> None:
    with pytest.raises(UnknownKnobError, match="temperature"):
        Settings.from_mapping({"temprature": 1})


def test_settings_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(SettingsError, match="object of knob names"):
        Settings.from_mapping([1])  # type: ignore[arg-type]  # what a JSON file may hold


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"grammar": 'root ::= "a"', "json_schema": "{}"}, "exclude each other"),
        ({"penalty_alpha": 0.6, "top_k": 1}, "top_k must be 2 or more"),
        ({"penalty_alpha": 0.6, "top_k": 0}, "top_k must be 2 or more"),
        ({"penalty_alpha": 0.6, "mirostat_mode": 2}, "set one of them to 0"),
    ],
)
def test_pairs_that_cannot_work_together_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings(**values)


@pytest.mark.parametrize(
    ("samplers", "order"),
    [("classic", CLASSIC), ("llama.cpp", LLAMA_CPP), ([], ()), (["top_k", "dry"], ("top_k", "dry"))],
)
def test_the_chain_order_is_what_samplers_stands_for(samplers: Any, order: tuple[str, ...]) -> None:
    assert Settings(samplers=samplers).chain_order == order


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({}, "sample"),
        ({"temperature": 0}, "greedy"),
        ({"temperature": 0, "mirostat_mode": 1}, "greedy"),
        ({"temperature": 0, "samplers": ["top_k"]}, "greedy"),
        ({"mirostat_mode": 2}, "mirostat"),
        ({"adaptive_target": 0}, "adaptive"),
        ({"adaptive_target": -0.5}, "sample"),
        ({"adaptive_target": 0.5, "mirostat_mode": 1}, "mirostat"),
        ({"adaptive_target": 0.5, "temperature": 0}, "greedy"),
        ({"penalty_alpha": 0.5, "temperature": 0}, "contrastive"),
    ],
)
def test_the_mode_says_how_the_token_is_chosen(values: dict[str, Any], mode: str) -> None:
    assert Settings(**values).mode == mode


HISTORY = {n for n, k in KNOBS.items() if k.stage in ("penalties", "dry", "no_repeat_ngram")}
LOOP = {
    "max_tokens",
    "min_tokens",
    "ignore_eos",
    "heal_tokens",
    "stop",
    "logit_bias",
    "text_bias",
    *CONSTRAINTS,
    "banned_texts",
}
LOOP |= {"thinking", "chat_template_kwargs", "thinking_budget", "thinking_settings"}
GUIDANCE = {"guidance_scale"}
DRY_ON = {"dry_multiplier": 0.8}


@pytest.mark.parametrize(
    ("values", "acting"),
    [
        ({"temperature": 0}, LOOP | HISTORY | GUIDANCE | {"temperature", "penalty_alpha", "samplers"}),
        ({"top_k": 4, "penalty_alpha": 0.6}, LOOP | HISTORY | {"top_k", "penalty_alpha", "samplers"}),
        ({"top_k": 1}, LOOP | HISTORY | GUIDANCE | {"top_k", "mirostat_mode", "samplers"}),
        (
            {"mirostat_mode": 1},
            LOOP
            | GUIDANCE
            | {
                "frequency_penalty",
                "presence_penalty",
                "repeat_penalty",
                "repeat_last_n",
                "penalize_prompt",
                "penalize_except",
            }
            | {"no_repeat_ngram_size", "temperature", "seed", "mirostat_mode", "mirostat_tau", "mirostat_eta"},
        ),
    ],
)
def test_each_way_to_choose_leaves_exactly_these_knobs_acting(values: dict[str, Any], acting: set[str]) -> None:
    assert set(KNOBS) - set(Settings(**values, **DRY_ON).idle_knobs()) == acting


@pytest.mark.parametrize(
    ("values", "idle", "because"),
    [
        ({}, "mirostat_tau", "mirostat_mode"),
        ({}, "xtc_threshold", "xtc_probability"),
        ({}, "dry_base", "dry_multiplier"),
        ({}, "dynatemp_exponent", "dynatemp_range"),
        ({}, "smoothing_curve", "smoothing_factor"),
        ({}, "adaptive_decay", "adaptive_target"),
        ({"mirostat_mode": 1}, "adaptive_target", "mirostat_mode"),
        ({"adaptive_target": 0.5}, "mirostat_tau", "mirostat_mode"),
        ({"ignore_eos": True}, "min_tokens", "ignore_eos"),
        ({"regex": "a+"}, "heal_tokens", "grammar"),
        ({}, "negative_prompt", "guidance_scale"),
        ({"penalty_alpha": 0.5, "top_k": 4, "guidance_scale": 2}, "guidance_scale", "penalty_alpha"),
        ({"repeat_last_n": 0}, "repeat_penalty", "repeat_last_n"),
        ({"repeat_penalty": 1}, "repeat_last_n", "repeat_penalty"),
        ({"repeat_penalty": 1}, "penalize_prompt", "repeat_penalty"),
        ({"dry_multiplier": 1, "dry_penalty_last_n": 0}, "dry_base", "dry_penalty_last_n"),
        ({"xtc_probability": 0.5, "xtc_threshold": 0.6}, "xtc_probability", "xtc_threshold"),
        ({"samplers": "llama.cpp"}, "tfs_z", "samplers"),
        ({"samplers": ["top_k"]}, "dynatemp_range", "samplers"),
        ({"samplers": ["top_k"]}, "top_a", "samplers"),
        ({"temperature": 0}, "smoothing_factor", "temperature"),
        ({"top_p": 1, "min_p": 0}, "min_keep", "top_p"),
        ({"top_k": 0}, "penalty_alpha", "top_k"),
        ({"grammar": 'root ::= "a"'}, "json_schema", "grammar"),
        ({"json_schema": "{}"}, "grammar", "json_schema"),
    ],
)
def test_an_idle_knob_names_the_knob_that_idles_it(values: dict[str, Any], idle: str, because: str) -> None:
    assert because in Settings(**values).idle_knobs()[idle].because


def test_what_runs_before_top_k_1_and_may_drop_the_best_token_still_acts() -> None:
    settings = Settings(top_k=1, samplers=["top_p", "temperature", "typ_p", "min_p", "top_k"], typical_p=0.5)
    idle = settings.idle_knobs()
    assert {"top_p", "temperature", "typical_p", "min_keep"}.isdisjoint(idle)
    assert {"min_p", "seed"} <= set(idle)


def test_temperature_0_is_greedy_and_can_be_left_again_where_the_order_names_no_temperature() -> None:
    idle = Settings(temperature=0, mirostat_mode=2, samplers=["top_k"]).idle_knobs()
    assert "temperature" not in idle
    assert {"top_k", "seed"} <= set(idle)


def test_temperature_still_acts_when_penalties_follow_top_k_1() -> None:
    assert "temperature" not in Settings(top_k=1, samplers=["top_k", "penalties", "temperature"]).idle_knobs()
    assert "temperature" not in Settings(samplers=["top_k"]).idle_knobs(), "0 is greedy, with or without the stage"


@given(settings=settings_strategy(handy=False, grammar=True))
def test_nobody_is_locked_out_and_every_reason_is_told_in_both_languages(settings: Settings) -> None:
    idle = settings.idle_knobs()
    assert list(idle) == [name for name in KNOBS if name in idle]
    assert {"max_tokens", "stop", "logit_bias"}.isdisjoint(idle)
    for name, reason in idle.items():
        assert reason.ja
        assert reason.en
        assert name not in reason.because
        assert any(cause not in idle for cause in _roots(reason.because, idle)), name


def _roots(causes: tuple[str, ...], idle: dict[str, Any]) -> set[str]:
    """The knobs that decide in the end: an idle cause is followed to its own causes."""
    found: set[str] = set()
    todo = list(causes)
    while todo:
        cause = todo.pop()
        if cause not in found:
            found.add(cause)
            todo += idle[cause].because if cause in idle else ()
    return found
