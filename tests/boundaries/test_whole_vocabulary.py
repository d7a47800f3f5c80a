"""What is said of a box over the whole vocabulary is what the real chain chooses at each value; most boxes settle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.intervals import assert_holds
from tests.support.worlds import PROMPT, world

import tsumami
from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.trial import Trial
from tsumami.boundaries.whole_vocabulary import WholeVocabulary
from tsumami.explore.intervals.every_knob import chunks, intervals
from tsumami.runs import Run

WORLD = world()
PURE: dict[str, Any] = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0, "repeat_penalty": 1.2}
KNOBS: dict[str, tuple[float, dict[str, Any]]] = {
    "temperature": (0.7, {}),
    "repeat_penalty": (1.3, {"temperature": 0.8}),
    "frequency_penalty": (0.5, {"temperature": 1.7, "presence_penalty": 0.3}),
    "presence_penalty": (-0.4, {"frequency_penalty": 0.2}),
    "repeat_last_n": (4, {"repeat_penalty": 1.4}),
    "dry_multiplier": (0.5, {"dry_allowed_length": 1}),
}


def trials(run: Run, knob: str) -> list[Trial]:
    axis = Axis.handy(knob, getattr(run.settings, knob))
    (chunk,) = chunks(WORLD, run)
    return [Trial(chain, axis, row) for chain, row in zip(chunk.chains, chunk.rows, strict=True)]


@pytest.mark.parametrize("knob", KNOBS)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_settled_is_what_the_chain_chooses(knob: str, seed: int) -> None:
    value, others = KNOBS[knob]
    run = WORLD.run(PROMPT, seed=seed, max_tokens=8, **{**PURE, knob: value, **others})
    tokens = trials(run, knob)
    axis = tokens[0].axis
    home = axis.ordinal(value)
    wanted = [trial.run(home) for trial in tokens]
    assert WholeVocabulary.fits(tokens, wanted)
    together = WholeVocabulary(tokens, wanted)
    rng = np.random.default_rng(seed)
    settled = 0
    for size in (1, 30, 3000, 300_000):
        span = Span(home, home + size - 1)
        found = together.settle(range(len(tokens)), [span] * len(tokens))
        for trial, outcome in zip(tokens, found, strict=True):
            if outcome is not None:
                settled += 1
                places = {span.first, span.last, *rng.integers(span.first, span.last + 1, 5).tolist()}
                assert {trial.run(place) for place in places} == {outcome}
    assert settled > len(tokens), "more than the single values"


@pytest.mark.parametrize("others", [{"top_k": 5}, {"min_p": 0.1}, {"dynatemp_range": 0.3}, {"temperature": 0.0}])
def test_chains_that_cut_or_sort_are_not_settled_over_the_whole_vocabulary(others: dict[str, Any]) -> None:
    run = WORLD.run(PROMPT, seed=1, max_tokens=2, **{**PURE, **others})
    tokens = trials(run, "frequency_penalty")
    assert not WholeVocabulary.fits(tokens, [trial.run(0) for trial in tokens])


@pytest.mark.parametrize("knob", ["temperature", "presence_penalty", "min_p"])
def test_the_intervals_of_pure_sampling_over_a_real_vocabulary_are_certain(model: tsumami.Model, knob: str) -> None:
    pure = {**PURE, "repeat_penalty": 1.0, "seed": 1, "max_tokens": 6}
    run = model.run("Once upon a time, in the town of lights,", **pure)
    found = intervals(model, run, [knob])[knob]
    assert found.certain
    assert_holds(model, run, found)
