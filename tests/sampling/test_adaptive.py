"""Adaptive-p is llama.cpp's own, wherever it is cloned; and it does what its formula says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsumami import native
from tsumami.errors import SettingsError
from tsumami.sampling import Candidates, Chain, LedgerWriter
from tsumami.settings import Settings

N = 40
PLAIN = {"temperature": 1.0, "samplers": ("min_p",), "min_p": 0.02}


def row(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).gumbel(0, 2.5, n).astype(np.float32)


def chain_of(target: float, decay: float = 0.9, seed: int = 3, **knobs: object) -> Chain:
    made = Settings.from_mapping({**PLAIN, "adaptive_target": target, "adaptive_decay": decay, **knobs})
    return Chain.from_settings(made, seed=seed, n_vocab=N)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0, 1, width=32), st.floats(0, 0.99), st.integers(0, 2**32 - 2), st.integers(0, 10_000), st.integers(1, N)
)
def test_its_choices_are_those_of_llama_cpps_sampler(target: float, decay: float, seed: int, rows: int, n: int) -> None:
    ours = chain_of(target, decay, seed, samplers=())
    theirs = native.adaptive(target, decay, seed)
    for step in range(8):
        candidates = Candidates.from_row(row(rows + step, n))
        theirs.apply(candidates.array)
        token = int(candidates.data["id"][candidates.selected])
        choice = ours.choose(row(rows + step, n))
        assert choice.pick.token == token
        assert choice.candidates.data.tobytes() == candidates.data.tobytes()
        assert (choice.pick.u is None) == (n == 1)
        theirs.accept(token)
        ours.accept(token)


@given(st.integers(0, 1000), st.integers(0, 6), st.booleans(), st.sampled_from([0.02, 0.9]))
def test_a_clone_goes_on_as_the_original_wherever_it_is_taken(
    rows: int, steps: int, before_accepting: bool, min_p: float
) -> None:
    chain, other = chain_of(0.4, 0.7, min_p=min_p), chain_of(0.4, 0.7, min_p=min_p)
    for step in range(steps):
        token = chain.choose(row(rows + step)).pick.token
        other.choose(row(rows + step))
        if before_accepting:
            chain = chain.clone().clone()
        chain.accept(token)
        other.accept(token)
        if not before_accepting:
            chain = chain.clone()
    for step in range(4):
        mine, theirs = chain.choose(row(step)), other.choose(row(step))
        assert mine.pick == theirs.pick
        assert mine.candidates.data.tobytes() == theirs.candidates.data.tobytes()
        chain.accept(mine.pick.token)
        other.accept(mine.pick.token)


@given(st.floats(0, 1), st.floats(0, 0.99), st.integers(0, 500))
def test_it_weighs_candidates_as_its_formula_says(target: float, decay: float, rows: int) -> None:
    chain = chain_of(target, decay)
    sums, weights = target / (1 - decay), 1 / (1 - decay)
    for step in range(6):
        writer = LedgerWriter()
        choice = chain.choose(row(rows + step), writer.watch)
        *_, before, after = writer.close(step, choice.pick).records
        assert after.name == "adaptive"
        aim = min(max(2 * target - sums / weights, 0), 1)
        d = np.abs(before.probs - aim) / 0.3
        expected = np.exp(-10 * d**2 / (1 + d))
        assert np.allclose(after.probs, expected / expected.sum(), atol=2e-4)
        sums, weights = float(before.prob_of(choice.pick.token) or 0) + decay * sums, 1 + decay * weights
        chain.accept(choice.pick.token)


def test_a_token_that_was_given_instead_does_not_count() -> None:
    given_one, same = chain_of(0.4), chain_of(0.4)
    for chain in (given_one, same):
        chain.choose(row(1))
    other = next(token for token in range(N) if token != same.clone().choose(row(1)).pick.token)
    given_one.accept(other)
    theirs = native.adaptive(0.4, 0.9, 3)
    candidates = Candidates.from_row(row(1))
    native.min_p(0.02, 0).apply(candidates.array)
    theirs.apply(candidates.array)
    theirs.accept(-2)
    candidates = Candidates.from_row(row(2))
    native.min_p(0.02, 0).apply(candidates.array)
    theirs.apply(candidates.array)
    assert given_one.choose(row(2)).pick.token == int(candidates.data["id"][candidates.selected])


def test_it_cannot_begin_in_the_middle() -> None:
    chain = Chain.from_settings(Settings.from_mapping(PLAIN), seed=3, n_vocab=N)
    chain.accept(1)
    with pytest.raises(SettingsError, match="run it from the prompt"):
        chain.variant(chain.origin.settings.replace(adaptive_target=0.5))
    assert chain_of(0.5).remembers_rows


def test_it_keeps_the_mean_near_the_target() -> None:
    """What it is for: over many tokens the chosen ones have about the probability that was asked for."""
    found = {}
    for target in (0.2, 0.6):
        chain, chosen = chain_of(target), []
        for step in range(300):
            logits = row(step)
            p = np.exp(logits - logits.max())
            token = chain.choose(logits).pick.token
            chosen.append(float(p[token] / p.sum()))
            chain.accept(token)
        found[target] = float(np.mean(chosen))
    assert found[0.2] < found[0.6]
