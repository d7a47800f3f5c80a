"""What is said of a box of values is what the real chain chooses at each of them, whatever else is in the chain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.support.strategies import orders, settings_strategy
from tests.support.worlds import FIXED

from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.boxes import Moves
from tsumami.boundaries.trial import Trial
from tsumami.native import Float32Array
from tsumami.sampling import Chain
from tsumami.settings import Settings

N_VOCAB = 200
#: The knobs that move logits, and min_keep; with what lets them act.
MOVERS: dict[str, dict[str, Any]] = {
    "temperature": {},
    "dynatemp_range": {},
    "dynatemp_exponent": {"dynatemp_range": 0.6},
    "smoothing_factor": {"smoothing_curve": 1.5},
    "smoothing_curve": {"smoothing_factor": 0.4},
    "repeat_penalty": {},
    "no_repeat_ngram_size": {},
    "frequency_penalty": {},
    "presence_penalty": {},
    "repeat_last_n": {"repeat_penalty": 1.4, "frequency_penalty": 0.3},
    "dry_multiplier": {"dry_allowed_length": 1},
    "dry_base": {"dry_multiplier": 1.1, "dry_allowed_length": 1},
    "dry_allowed_length": {"dry_multiplier": 1.1},
    "dry_penalty_last_n": {"dry_multiplier": 1.1, "dry_allowed_length": 1},
    "min_keep": {"top_p": 0.3, "typical_p": 0.8},
}


def chains(knob: str, **others: Any) -> st.SearchStrategy[Settings]:
    """Settings of any chain in which the knob acts: any order, any stages, biased tokens."""
    biases = st.dictionaries(st.integers(0, N_VOCAB - 1), st.floats(-20, 20, width=32) | st.just(float("-inf")))
    fixed = {**FIXED, "penalty_alpha": 0.0, "mirostat_mode": 0, "adaptive_target": -1.0, **others}
    drawn = settings_strategy(**{name: value for name, value in fixed.items() if name != "logit_bias"}, logit_bias=())
    return st.builds(
        lambda made, bias, order: made.replace(logit_bias=bias, samplers=order), drawn, biases, orders()
    ).filter(lambda made: knob != "temperature" or made.mode == "sample")


@st.composite
def rows(draw: st.DrawFn) -> Float32Array:
    dice = np.random.default_rng(draw(st.integers(0, 10_000)))
    made = dice.gumbel(draw(st.sampled_from([0, -8, 15])), draw(st.sampled_from([0.05, 1.0, 3.0])), N_VOCAB)
    return np.asarray(np.round(made, 1) if draw(st.booleans()) else made, np.float32)


def trial_of(made: Settings, axis: Axis, span: Span, row: Float32Array, history: list[int], seed: int) -> Trial:
    chain = Chain.from_settings(made.replace(**{axis.knob.name: axis.value(span.first)}), seed=seed, n_vocab=N_VOCAB)
    chain.accept_prompt(tuple(history))
    return Trial(chain, axis, row)


@pytest.mark.parametrize("knob", MOVERS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_settled_is_what_the_chain_chooses(knob: str, data: st.DataObject) -> None:
    made, row = data.draw(chains(knob, **MOVERS[knob])), data.draw(rows())
    axis = Axis.handy(knob, getattr(made, knob))
    whole = data.draw(st.sampled_from([span for span in axis.spans() if len(span) > 1]))
    history = data.draw(st.lists(st.integers(0, 8), max_size=20))
    trial = trial_of(made, axis, whole, row, history, data.draw(st.integers(0, 1000)))
    assume(not trial.idle)
    dice = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    boxes = []
    for size in (1, 40, 2000, 200_000, 10_000_000):
        first = int(dice.integers(whole.first, whole.last + 1))
        boxes.append(Span(first, min(whole.last, first + size - 1)))
    for box, outcome in zip(boxes, Moves([trial]).settle([0] * len(boxes), boxes), strict=True):
        if outcome is None:
            assert len(box) > 1
            continue
        event("a box was settled" if len(box) > 1 else "a value was run")
        for place in {box.first, box.last, *dice.integers(box.first, box.last + 1, 6).tolist()}:
            assert trial.run(place) == outcome, (axis.value(place), box)


@pytest.mark.parametrize("knob", ["dry_allowed_length", "dry_penalty_last_n"])
def test_values_that_change_nothing_but_whether_equals_are_sorted_anew_are_told_apart(knob: str) -> None:
    """DRY that finds nothing leaves all logits, but it may or may not have looked, and then what was sorted is not."""
    made = Settings(samplers=("top_k", "dry", "top_p", "temperature"), top_k=150, dry_multiplier=1.0, top_p=0.99)
    axis, span = Axis.of(knob, 0, 40), Span(1, 40)
    for seed in range(40):
        row = np.round(np.random.default_rng(seed).normal(0, 1, N_VOCAB)).astype(np.float32)
        trial = trial_of(made, axis, span, row, [1, 2, 3, 4], seed)
        boxes = [span, *(Span(place, place) for place in range(1, 41))]
        for box, outcome in zip(boxes, Moves([trial]).settle([0] * len(boxes), boxes), strict=True):
            assert outcome is None or {trial.run(place) for place in range(box.first, box.last + 1)} == {outcome}
