"""A chain opened at a stage goes on with another value as a whole chain with that value does, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.strategies import knob_values, settings_strategy

from tsumami.errors import DeadEndError
from tsumami.knobs import KNOBS
from tsumami.native import Float32Array
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.resume import OpenedChain, stage_with
from tsumami.sampling.samplers import Samplers
from tsumami.sampling.stages import BUILDERS
from tsumami.settings import Settings

N_VOCAB = 120
HISTORY = (5, 9, 3, 5, 9, 3, 8, 5, 9, 5, 9, 3, 5)
REPLY = (7, 5, 9)
#: Knobs with values between values whose stage is one of the `samplers` order, and settings under which they all act.
MOVED = sorted(name for name, knob in KNOBS.items() if knob.kind in ("int", "float") and knob.stage in BUILDERS)
LIVELY = Settings(
    xtc_probability=0.6,
    dry_multiplier=0.7,
    dynatemp_range=0.2,
    typical_p=0.9,
    tfs_z=0.9,
    top_n_sigma=2.5,
    no_repeat_ngram_size=4,
    epsilon_cutoff=0.001,
    eta_cutoff=0.001,
    top_a=0.05,
    top_h=0.9,
    smoothing_factor=0.3,
    smoothing_curve=1.5,
)


def some_row(seed: int) -> Float32Array:
    row = np.random.default_rng(seed).normal(0, 3, N_VOCAB).astype(np.float32)
    row[list(HISTORY)] += np.float32(3)
    return row


def chain_of(made: Settings) -> Chain:
    chain = Chain.from_settings(made, seed=3, n_vocab=N_VOCAB)
    chain.accept_prompt(HISTORY)
    for step, token in enumerate(REPLY):
        try:
            chain.choose(some_row(100 + step))
        except DeadEndError:  # of a cut and a ban after it nothing may be left
            assume(False)
        chain.accept(token)
    return chain


def same(one: Candidates, other: Candidates) -> bool:
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.logits, other.logits)


def left_whole(made: Settings, row: Float32Array) -> Candidates:
    """What a chain of these settings leaves, every stage after the other on the whole vocabulary."""
    candidates = Candidates.from_row(row)
    chain_of(made).apply(candidates)
    return candidates


@settings(max_examples=150, deadline=None)
@given(
    settings_strategy(mirostat_mode=0, adaptive_target=-1, logit_bias=(), xtc_probability=0.0).filter(
        lambda made: made.temperature > 0
    ),
    st.sampled_from([name for name in MOVED if KNOBS[name].stage != "xtc"]),
    st.data(),
    st.integers(0, 9),
)
def test_going_on_with_a_value_leaves_what_a_whole_chain_leaves(
    made: Settings, name: str, data: st.DataObject, seed: int
) -> None:
    other, row = made.replace(**{name: data.draw(knob_values(name))}), some_row(seed)
    assume(other.temperature > 0)
    chain = chain_of(made)
    if all(stage.name != KNOBS[name].stage for stage in chain.stages):
        chain = chain_of(other)  # what nobody turns is not there
    own = stage_with(chain, KNOBS[name].stage, other)
    opened = OpenedChain(chain, row, (KNOBS[name].stage or "",), own=own)
    assume(not opened.idle)
    found = opened.finish(opened.with_value(name, getattr(other, name))).candidates
    whole = left_whole(other, row)
    assert np.array_equal(np.sort(found.ids), np.sort(whole.ids))
    assert np.array_equal(np.sort(found.logits), np.sort(whole.logits))
    assert opened.pick(found) == chain_of(other).choose(row).pick.token


@pytest.mark.parametrize("name", MOVED)
def test_the_chain_that_was_opened_stays_as_it_was(name: str) -> None:
    chain, untouched, value = chain_of(LIVELY), chain_of(LIVELY), getattr(LIVELY, name)
    opened = OpenedChain(chain, some_row(1), (KNOBS[name].stage or "",))
    for _ in range(2):
        left = opened.finish(opened.with_value(name, value))
        assert opened.pick(left.candidates) == untouched.clone().choose(some_row(1)).pick.token
        opened.finish_from(opened.left_by(opened.own_with(name, value)))
    for step in range(4):
        mine, theirs = chain.choose(some_row(step)), untouched.choose(some_row(step))
        assert mine.pick == theirs.pick
        chain.accept(mine.pick.token)
        untouched.accept(mine.pick.token)


@pytest.mark.parametrize("order", [("xtc", "top_k", "top_p"), ("top_p", "xtc", "top_k"), ("top_k", "top_p", "xtc")])
def test_whether_xtc_took_a_number_is_known_wherever_it_stands(order: tuple[str, ...]) -> None:
    made = Settings(samplers=order, xtc_probability=0.5, xtc_threshold=0.1, top_p=0.9)
    for acting in ("top_p", "top_k"):
        opened = OpenedChain(chain_of(made), some_row(2), (acting,))
        assert opened.before.drew == (order.index("xtc") < order.index(acting))
        name, value = ("top_p", 0.5) if acting == "top_p" else ("top_k", 20)
        assert opened.finish(opened.with_value(name, value)).drew
    alone = OpenedChain(chain_of(made), some_row(2), ("top_k",))
    assert alone.finish(alone.with_value("top_k", 1)).drew == (order.index("xtc") < order.index("top_k"))


def test_a_generator_can_stand_elsewhere_than_the_chains() -> None:
    """`taken`: as if XTC had given so many numbers, which a fresh stage has to skip."""
    made = Settings(samplers=("xtc",), xtc_probability=0.5, xtc_threshold=0.01)
    chain, samplers, row = chain_of(made), Samplers(), some_row(3)
    for taken in (7, 2, 0, 30, 7):
        opened = OpenedChain(chain, row, ("xtc",), taken=taken, samplers=samplers)
        fresh = Chain.from_settings(made, seed=3, n_vocab=N_VOCAB)
        (stage,) = fresh.stages
        for _ in range(taken):
            stage.apply(Candidates.from_row(np.zeros(2, np.float32)))
        left = Candidates.from_row(row)
        stage.apply(left)
        assert same(opened.finish(opened.with_value("xtc_probability", 0.5)).candidates, left)
        assert opened.fires == (len(left) < N_VOCAB)


def test_where_nothing_acts_it_is_opened_at_the_end() -> None:
    opened = OpenedChain(chain_of(Settings(top_k=0)), some_row(1), ("top_k",))
    assert opened.idle
    assert same(opened.finish(()).candidates, opened.before.candidates)
    assert opened.after == ()


def test_history_is_what_a_stage_with_that_window_has_seen() -> None:
    for window in (0, 1, 3, 5, 100):
        seen = (*HISTORY, *REPLY)
        opened = OpenedChain(chain_of(Settings()), some_row(1), ("penalties",))
        assert opened.history(window) == (seen[-window:] if window else ())
        opened = OpenedChain(chain_of(Settings(penalize_prompt=False)), some_row(1), ("penalties",))
        assert opened.history(window) == (REPLY[-window:] if window else ())


@pytest.mark.parametrize(("name", "value"), [("temperature", 1.25), ("top_k", 7), ("stop", ("a",))])
def test_unchecked_settings_read_as_checked_ones_do(name: str, value: Any) -> None:
    made = Settings(top_p=0.4, seed=9)
    assert made.unchecked(name, value) == made.replace(**{name: value})
    assert made == Settings(top_p=0.4, seed=9), "those it was made of stay"
    assert made.unchecked("top_k", -3).top_k == -3


def test_a_banned_row_is_no_error_here() -> None:
    made = Settings(logit_bias={token: float("-inf") for token in range(N_VOCAB)}, temperature=0.7)
    row, chain = some_row(0), Chain.from_settings(made, seed=3, n_vocab=N_VOCAB)
    with pytest.raises(DeadEndError):
        chain.clone().choose(row)
    opened = OpenedChain(chain, row, ("temperature",))
    assert opened.finish(opened.with_value("temperature", 0.5)).candidates.logits.max(initial=-np.inf) == -np.inf
