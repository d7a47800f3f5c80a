"""Samplers that are asked with other values do what a sampler that is built with them does, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tsumami
from tsumami.sampling import Candidates, apply
from tsumami.sampling.samplers import DryAt, Samplers
from tsumami.sampling.stages import BUILDERS, Surroundings, XtcStage
from tsumami.settings import Settings

N_VOCAB = 40
AROUND = Surroundings(seed=7, n_vocab=N_VOCAB)
TOKENS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


def noise(seed: int) -> Candidates:
    return Candidates.from_row(np.random.default_rng(seed).normal(0, 3, N_VOCAB).astype(np.float32))


def bits(candidates: Candidates) -> dict[int, bytes]:
    return {int(one["id"]): one["logit"].tobytes() for one in candidates.data}


def dry_as_built(made: Settings, history: list[int], candidates: Candidates) -> Candidates:
    stage, left = BUILDERS["dry"](made, AROUND), candidates.copy()
    for token in history:
        stage.accept(token)
    stage.apply(left)
    return left


@settings(max_examples=200, deadline=None)
@given(
    TOKENS, st.floats(0.125, 5, width=32), st.floats(1, 4, width=32), st.integers(0, 4), st.integers(1, 80),
    st.integers(0, 9),
)  # fmt: skip
def test_dry_takes_what_llama_cpp_takes(
    history: list[int], multiplier: float, base: float, allowed: int, window: int, seed: int
) -> None:
    made = Settings(dry_multiplier=multiplier, dry_base=base, dry_allowed_length=allowed, dry_penalty_last_n=window)
    found = Samplers().repetitions(made, AROUND, history)
    mine, theirs = noise(seed), dry_as_built(made, history, noise(seed))
    DryAt(found, multiplier, base).apply(mine)
    assert bits(mine) == bits(theirs)


def test_one_sampler_serves_every_multiplier_and_base() -> None:
    samplers, history = Samplers(), [1, 2, 3, 1, 2, 3, 1, 2]
    for multiplier in (0.1, 1.0, 4.5):
        for base in (1.0, 1.75, 3.9):
            made = Settings(dry_multiplier=multiplier, dry_base=base, dry_allowed_length=1)
            mine = noise(1)
            DryAt(samplers.repetitions(made, AROUND, history), multiplier, base).apply(mine)
            assert bits(mine) == bits(dry_as_built(made, history, noise(1)))
    assert len(samplers._dry) == 1


def test_sequence_breakers_are_heard_too(model: tsumami.Model) -> None:
    """They are texts, so a vocabulary is needed."""
    tokens = model.tokenize("one two three\none two three\none two")
    around = Surroundings(0, model.engine.n_vocab, model.vocab)
    for breakers in ((), ("\n",), (" two",)):
        made = Settings(dry_multiplier=1.0, dry_allowed_length=1, dry_sequence_breakers=breakers)
        row = Candidates.from_row(np.zeros(model.engine.n_vocab, np.float32))
        theirs = apply("dry", made, row, tokens, vocab=model.vocab)
        DryAt(Samplers().repetitions(made, around, tokens), 1.0, made.dry_base).apply(row)
        assert bits(row) == bits(theirs)


def test_nothing_seen_is_nothing_taken() -> None:
    for history in ([], [1, 2, 3]):
        found = Samplers().repetitions(Settings(dry_multiplier=1.0), AROUND, history)
        left = noise(0)
        DryAt(found, 1.0, 1.75).apply(left)
        assert bits(left) == bits(noise(0))


@pytest.mark.parametrize("taken", [[0, 3, 1, 9, 9, 2], [40, 0, 41]])
def test_xtc_goes_on_from_any_place_of_its_generator(taken: list[int]) -> None:
    made, samplers = Settings(xtc_probability=0.5, xtc_threshold=0.01), Samplers()
    for count in taken:
        fresh = BUILDERS["xtc"](made, AROUND)
        assert isinstance(fresh, XtcStage)
        fresh.skip(count)
        for seed in range(3):
            mine, theirs = noise(seed), noise(seed)
            samplers.xtc(made, AROUND, count).apply(mine)
            fresh.clone().apply(theirs)
            assert bits(mine) == bits(theirs)


def test_an_idle_xtc_is_just_built() -> None:
    stage = Samplers().xtc(Settings(xtc_probability=0.0), AROUND, 5)
    assert stage.idle == "neutral"
