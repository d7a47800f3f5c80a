"""Presets are valid, worded in both languages, and leave the task alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from tests.support.strategies import settings_strategy

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS
from tsumami.presets import KEPT, PRESETS, Preset, get
from tsumami.settings import Settings

ALL = [pytest.param(preset, id=name) for name, preset in PRESETS.items()]


def test_the_promised_presets_exist() -> None:
    assert {"neutral", "defaults", "greedy", "precise", "balanced", "creative", "mirostat"} <= set(PRESETS)


@pytest.mark.parametrize("preset", ALL)
def test_a_preset_is_named_as_its_key_and_worded_in_both_languages(preset: Preset) -> None:
    assert PRESETS[preset.name] is preset
    assert all((preset.label_ja, preset.label_en, preset.line_ja, preset.line_en))
    assert re.search(r"[ぁ-ん一-龥]", preset.line_ja)


@pytest.mark.parametrize("preset", ALL)
def test_a_preset_changes_only_knobs_it_may_change(preset: Preset) -> None:
    assert set(preset.changes) <= set(KNOBS) - set(KEPT)


@pytest.mark.parametrize("preset", ALL)
@given(settings=settings_strategy(grammar=True, contrastive=True))
def test_a_preset_applies_to_any_settings_and_keeps_the_task(preset: Preset, settings: Settings) -> None:
    applied = preset.apply(settings)
    assert all(getattr(applied, name) == getattr(settings, name) for name in KEPT)
    assert preset.apply(applied) == applied


def test_defaults_are_the_defaults() -> None:
    assert PRESETS["defaults"].apply() == Settings()


def test_neutral_leaves_no_stage_anything_to_do() -> None:
    neutral = PRESETS["neutral"].apply()
    for name, knob in KNOBS.items():
        if knob.neutral is not None and name not in (*KEPT, "repeat_last_n", "dry_penalty_last_n"):
            assert getattr(neutral, name) == knob.neutral, name


def test_greedy_draws_nothing() -> None:
    assert PRESETS["greedy"].apply().mode == "greedy"


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"'wild'.*neutral.*creative"):
        get("wild")
