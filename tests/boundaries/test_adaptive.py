"""Intervals and maps of adaptive-p's own knobs against lone runs, value by value."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.intervals import assert_holds, tokens_at
from tests.support.maps import assert_whole
from tests.support.worlds import PROMPT, world

from tsumami.boundaries.adaptive import AdaptiveTrial, _fused
from tsumami.boundaries.axis import Axis, Span
from tsumami.errors import SettingsError
from tsumami.explore.intervals.every_knob import intervals
from tsumami.explore.maps.mapping import Mapping
from tsumami.runs import Prompt
from tsumami.sampling import Chain
from tsumami.settings import Settings

WORLD = world()
KNOBS = ("adaptive_target", "adaptive_decay")
BASE = {"adaptive_target": 0.4, "min_p": 0.02, "top_k": 0, "top_p": 1.0, "temperature": 1.0}


def mapped(knob: str, settings: Settings, prompt: Prompt | None = None, **budget: int) -> Mapping:
    axis = Axis.handy(knob)
    prompt = prompt or Prompt(PROMPT, tuple(WORLD.tokenize(PROMPT)))
    made = Mapping(WORLD, prompt, knob, axis.low, axis.high, settings)
    made.map(**(budget or {"max_tokens": 4, "leaves": 12}))
    return made


@pytest.mark.parametrize("knob", KNOBS)
@pytest.mark.parametrize("seed", range(2))
def test_an_interval_ends_where_generation_says(knob: str, seed: int) -> None:
    run = WORLD.run(PROMPT, seed=seed, max_tokens=8, **BASE)
    found = intervals(WORLD, run, [knob])[knob]
    assert found.certain
    assert_holds(WORLD, run, found)
    axis, dice = Axis.handy(knob), np.random.default_rng(seed)
    for ordinal in dice.integers(axis.ordinal(found.low), axis.ordinal(found.high) + 1, 12).tolist():
        assert tokens_at(WORLD, run, knob, axis.value(ordinal)) == run.tokens


@pytest.mark.parametrize("knob", KNOBS)
def test_the_pieces_of_a_map_are_what_lone_runs_say(knob: str) -> None:
    settings = Settings.from_mapping({**BASE, "seed": 0})
    found = mapped(knob, settings, max_tokens=5, leaves=6).result
    assert_whole(found)
    assert len(found.pieces) > 1
    axis, dice = Axis.handy(knob), np.random.default_rng(0)
    for piece in found.pieces:
        first, last = axis.ordinal(piece.low), axis.ordinal(piece.last)
        for ordinal in {first, last, int(dice.integers(first, last + 1))}:
            run = WORLD.run(PROMPT, settings.replace(**{knob: axis.value(ordinal)}), max_tokens=len(piece.tokens) or 1)
            assert run.tokens[: len(piece.tokens)] == piece.tokens


def test_a_beginning_that_was_given_counts_only_where_it_was_chosen() -> None:
    prompt = Prompt(PROMPT, tuple(WORLD.tokenize(PROMPT)), begun=(97, 98))
    settings = Settings.from_mapping({**BASE, "seed": 2})
    found = mapped("adaptive_target", settings, prompt, max_tokens=5, leaves=12).result
    assert len(found.pieces) > 1
    for piece in found.pieces:
        for value in {piece.low, piece.last}:
            run = WORLD.run(prompt, settings.replace(adaptive_target=value), max_tokens=len(piece.tokens))
            assert run.tokens[: len(piece.tokens)] == piece.tokens
    run = WORLD.run(prompt, settings, max_tokens=6)
    assert_holds_begun = intervals(WORLD, run, ["adaptive_decay"])["adaptive_decay"]
    for value in (assert_holds_begun.low, assert_holds_begun.high):
        assert WORLD.run(prompt, run.settings.replace(adaptive_decay=value)).tokens == run.tokens


@pytest.mark.parametrize("knob", KNOBS)
def test_what_is_settled_is_what_single_values_choose(knob: str) -> None:
    settings, axis = Settings.from_mapping({**BASE, "samplers": ()}), Axis.handy(knob)
    dice, settled = np.random.default_rng(3), 0
    for step in range(12):
        row = dice.gumbel(0, 2, 60).astype(np.float32)
        trial = AdaptiveTrial(Chain.from_settings(settings, seed=step, n_vocab=60), axis, row, None, 0, None)
        (whole,) = axis.spans()[-1:]
        for size in (1, 1000, 1_000_000):
            first = int(dice.integers(whole.first, whole.last - size))
            box = Span(first, first + size - 1)
            (outcome,) = trial.settle([box])
            if outcome is not None:
                settled += size > 1
                places = {box.first, box.last, *dice.integers(box.first, box.last + 1, 5).tolist()}
                assert {trial.run(place) for place in places} == {outcome}
    assert settled > 12


def test_a_target_that_is_off_has_a_map_of_the_values_at_which_it_is_on() -> None:
    settings = Settings.from_mapping({**BASE, "seed": 0})
    budget = {"max_tokens": 2, "leaves": 4}
    on, off = (mapped("adaptive_target", settings.replace(adaptive_target=at), **budget).result for at in (0.4, -1.0))
    assert [(piece.low, piece.tokens) for piece in on.pieces] == [(piece.low, piece.tokens) for piece in off.pieces]


def test_other_knobs_and_a_target_that_is_off_say_why_they_have_none() -> None:
    on, off = (WORLD.run(PROMPT, seed=1, max_tokens=2, **{**BASE, "adaptive_target": at}) for at in (0.4, -1.0))
    assert {"adaptive_target", "adaptive_decay"} <= set(intervals(WORLD, on))
    assert "adaptive_target" not in intervals(WORLD, off, None)
    with pytest.raises(SettingsError, match="under adaptive is not known"):
        intervals(WORLD, on, ["temperature"])
    with pytest.raises(SettingsError, match="while it is off"):
        intervals(WORLD, off, ["adaptive_target"])
    with pytest.raises(SettingsError, match=r"cannot be mapped with adaptive_target = 0\.4"):
        mapped("temperature", on.settings)
    with pytest.raises(SettingsError, match="off below 0"):
        Axis.of("adaptive_target", -1, 1)


def test_a_fused_sum_is_rounded_once() -> None:
    """1 + 2^-24 is halfway between two 32-bit floats; a little above it is the upper one, which two roundings miss."""
    tiny = np.float32(2.0**-12)
    one_and_a_bit = np.array([np.float32(1 + 2.0**-11) * tiny], np.float32)
    exact = 1 + float(tiny) * float(one_and_a_bit[0])
    assert _fused(np.float32(1), np.array([tiny]), one_and_a_bit)[0] == np.float32(exact)
    assert exact > 1 + 2.0**-24
    assert _fused(np.float32(1), np.array([tiny]), one_and_a_bit)[0] == np.float32(1 + 2.0**-23)
