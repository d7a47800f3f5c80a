"""Intervals of a run against real generation: inside the text stays, one value beyond the named token gives way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.intervals import assert_holds, tokens_at
from tests.support.worlds import PROMPT, seeded, world

import tsumami
from tsumami.boundaries.axis import Axis
from tsumami.errors import CancelledError, RunFileError, SettingsError
from tsumami.explore.intervals.every_knob import Bend, Interval, chunks, intervals, mappable_knobs
from tsumami.explore.intervals.interval_search import IntervalSearch
from tsumami.runs import Prompt, Run
from tsumami.runs.generate import Generation, make_chain
from tsumami.runs.replay import rows

WORLD = world()
SAMPLING = {"banned_texts": (), "penalty_alpha": 0.0, "mirostat_mode": 0, "adaptive_target": -1.0}
STORY = "Once upon a time, in the town of lights, there was a diode."


@settings(max_examples=12, deadline=None)
@given(seeded(**SAMPLING), st.data())
def test_any_knob_of_any_run_ends_where_generation_says(drawn: tsumami.Settings, data: st.DataObject) -> None:
    run = WORLD.run(PROMPT, drawn)
    knob = data.draw(st.sampled_from([name for name in mappable_knobs() if name != "adaptive_target"]))
    found = intervals(WORLD, run, [knob])[knob]
    assert_holds(WORLD, run, found)
    axis = Axis.handy(knob, getattr(drawn, knob))
    value = axis.value(data.draw(st.integers(axis.ordinal(found.low), axis.ordinal(found.high))))
    if axis.knob.smallest is None or not 0 < value < axis.knob.smallest:
        assert tokens_at(WORLD, run, knob, value) == run.tokens


#: Runs in which a knob moves that does nothing by default, or in which XTC takes numbers or none as the value is.
LIVELY: dict[str, dict[str, Any]] = {
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.05, "top_k": 6, "top_p": 0.5},
    "xtc_early": {"xtc_probability": 0.5, "samplers": ("top_p", "xtc", "top_k", "temperature"), "top_p": 0.4},
    "dry": {"dry_multiplier": 0.8, "dry_allowed_length": 1},
    "dynatemp": {"dynatemp_range": 0.4, "dynatemp_exponent": 1.5},
    "cuts": {"typical_p": 0.9, "tfs_z": 0.95, "top_n_sigma": 2.0, "min_keep": 2},
    "everything": {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0},
    "greedy": {"temperature": 0.0},
}
#: The knobs that move logits before typical-p, whose entropy is bounded too loosely over their values.
LOOSE = {"cuts": ("repeat_penalty", "frequency_penalty", "presence_penalty", "dry_multiplier")}


@pytest.mark.parametrize("name", LIVELY)
@pytest.mark.parametrize("seed", range(2))
def test_every_knob_of_a_lively_run_ends_where_generation_says(name: str, seed: int) -> None:
    run = WORLD.run(PROMPT, seed=seed, max_tokens=8, **LIVELY[name])
    loose = LOOSE.get(name, ())[: 1 - seed]  # each takes longer than all others together
    knobs = [knob for knob in mappable_knobs() if knob not in LOOSE.get(name, ()) or knob in loose]
    for found in intervals(WORLD, run, [knob for knob in knobs if knob != "adaptive_target"]).values():
        assert_holds(WORLD, run, found)
        assert found.certain or found.knob in LOOSE.get(name, ()), found


def test_values_for_which_xtc_took_another_number_of_numbers_are_told_apart() -> None:
    """With one candidate XTC takes no number, so all its later rolls are others: the values that leave the text are not
    those whose own token stays at each step, had the run's rolls been theirs.
    """
    split = 0
    for seed in range(12):
        run = WORLD.run(PROMPT, seed=seed, max_tokens=10, **LIVELY["xtc_early"])
        found = intervals(WORLD, run, ["top_p"])["top_p"]
        assert_holds(WORLD, run, found)
        for value in np.linspace(found.low, found.high, 8)[1:-1].tolist():
            assert tokens_at(WORLD, run, "top_p", value) == run.tokens
        axis = Axis.handy("top_p", 0.4)
        search = IntervalSearch(run.settings, "top_p")
        assert search.axis == axis
        for chunk in chunks(WORLD, run):
            search.look(chunk)
        split += any(len(side.regions) > 1 for side in (search.below, search.above))
    assert split


def test_an_idle_knob_says_so_and_leaves_the_text_everywhere() -> None:
    run = WORLD.run(PROMPT, seed=1, max_tokens=8)
    found = intervals(WORLD, run)
    assert {name for name, one in found.items() if one.idle} == set(run.settings.idle_knobs()) & set(mappable_knobs())
    assert (found["dry_base"].low, found["dry_base"].high) == (1.0, 4.0)


def test_a_beginning_that_was_given_does_not_give_way() -> None:
    prompt = Prompt(PROMPT, tuple(WORLD.tokenize(PROMPT)), begun=(97, 98, 99))
    run = WORLD.run(prompt, seed=3, max_tokens=8, temperature=2.5)
    assert run.tokens[:3] == prompt.begun
    found = intervals(WORLD, run, ["top_k", "temperature", "top_p"]).values()
    bends = [(one.knob, bend) for one in found for bend in (one.below, one.above) if bend is not None]
    assert len(bends) > 2
    for knob, bend in bends:
        assert bend.step >= 3
        other = WORLD.run(prompt, run.settings.replace(**{knob: bend.value})).tokens
        assert (other[: bend.step], other[bend.step]) == (run.tokens[: bend.step], bend.token)


@pytest.mark.parametrize("knobs", [{"penalty_alpha": 0.5}])
def test_a_way_to_choose_without_intervals_says_so(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run(STORY, seed=0, max_tokens=2, **knobs)
    with pytest.raises(SettingsError, match="are not known"):
        intervals(model, run)


def test_an_edited_run_is_refused() -> None:
    run = WORLD.run(PROMPT, seed=1, max_tokens=4, top_k=1)
    steps = (*run.steps[:2], replace(run.steps[2], id=run.steps[2].id ^ 1), *run.steps[3:])
    with pytest.raises(RunFileError, match="token 2"):
        intervals(WORLD, replace(run, steps=steps))


def test_what_has_no_interval_is_refused() -> None:
    run = WORLD.run(PROMPT, seed=1, max_tokens=2)
    with pytest.raises(SettingsError, match="seed cannot be mapped"):
        intervals(WORLD, run, ["seed"])


# --- a real model ---

MAIN = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "frequency_penalty")


def texts(model: tsumami.Model, run: Run, settings_of: list[tsumami.Settings]) -> list[tuple[int, ...]]:
    """The tokens of the run's prompt under each settings, generated together."""
    prompt = model.as_prompt(run.receipt.prompt)
    tickets = [
        model.engine.submit(Generation(model, prompt, made, ledgers=False, emit=_ignore).program())
        for made in settings_of
    ]
    return [ticket.result().tokens for ticket in tickets]


def _ignore(_: object) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def story(model: tsumami.Model) -> tuple[Run, dict[str, Interval]]:
    run = model.run(STORY, seed=0, max_tokens=128)
    return run, intervals(model, run)


@pytest.mark.slow
def test_on_a_real_run_of_128_tokens_one_value_beyond_is_where_generation_parts(
    model: tsumami.Model, story: tuple[Run, dict[str, Interval]]
) -> None:
    run, found = story
    assert all(one.certain for one in found.values())
    asked: list[tuple[Interval, Bend, tsumami.Settings]] = []
    for name, one in found.items():
        if one.idle:
            continue
        bends = filter(None, (one.below, one.above))
        asked += [(one, b, run.settings.replace(**{name: b.value, "max_tokens": b.step + 1})) for b in bends]
    for (one, bend, _), tokens in zip(asked, texts(model, run, [made for *_, made in asked]), strict=True):
        assert tokens[: bend.step] == run.tokens[: bend.step], one
        assert tokens[bend.step] == bend.token, one


@pytest.mark.parametrize("knob", MAIN)
def test_both_ends_and_random_values_between_choose_the_very_tokens(
    model: tsumami.Model, story: tuple[Run, dict[str, Interval]], knob: str
) -> None:
    """Each value's own chain on the run's logits, which are those that it would generate from as long as it agrees."""
    run, found = story
    axis = Axis.handy(knob, getattr(run.settings, knob))
    logits = list(rows(model, run))
    low, high = axis.ordinal(found[knob].low), axis.ordinal(found[knob].high)
    for place in {low, high, *np.random.default_rng(0).integers(low, high + 1, 12).tolist()}:
        settings_there = run.settings.replace(**{knob: axis.value(place)})
        chain = make_chain(model, run.receipt.to_prompt(), settings_there, run.receipt.seed)
        for row, token in zip(logits, run.tokens, strict=True):
            assert chain.choose(row).pick.token == token, axis.value(place)
            chain.accept(token)


def test_what_nobody_wants_any_more_is_given_up() -> None:
    answers = iter([True, True, False])
    run = WORLD.run(PROMPT, seed=0, max_tokens=3)
    with pytest.raises(CancelledError):
        intervals(WORLD, run, wanted=lambda: next(answers))


@pytest.mark.parametrize("mode", [1, 2])
def test_under_mirostat_tau_and_eta_hold_and_the_others_say_why_not(model: tsumami.Model, mode: int) -> None:
    run = model.run(STORY, seed=2, mirostat_mode=mode, mirostat_tau=1.0, max_tokens=24)
    found = intervals(model, run)
    for knob in ("mirostat_tau", "mirostat_eta"):
        assert found[knob].certain
        assert found[knob].below or found[knob].above
        assert_holds(model, run, found[knob])
    assert found["top_k"].idle
    assert "temperature" not in found
    with pytest.raises(SettingsError, match="temperature under mirostat"):
        intervals(model, run, ["temperature"])
