"""A choice from a row that was not told whole is called certain only where no completion of the row changes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tsumami.native import Float32Array
from tsumami.sampling import Chain
from tsumami.sampling.unseen import SeenRow, is_certain
from tsumami.settings import Settings

N_VOCAB = 64
N_SEEN = 16
KNOBS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 0.5},
    {"top_k": 0, "top_p": 0.9, "min_p": 0.0},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.1},
    {"top_k": 12, "top_p": 0.8, "temperature": 1.7},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.5},
    {"top_k": 0, "typical_p": 0.7},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "logit_bias": ((40, 9.0),)},
    {"top_k": 4, "logit_bias": ((40, 9.0), (3, -2.0))},
    {"top_k": 0, "presence_penalty": -1.0},
    {"mirostat_mode": 2},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "xtc_probability": 1.0},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "dynatemp_range": 0.5},
]


def told(rng: np.random.Generator, spread: float) -> tuple[Float32Array, SeenRow]:
    """A whole row, and what was told of it."""
    whole = np.sort((rng.standard_normal(N_VOCAB) * spread).astype(np.float32))[::-1].copy()
    p = np.exp(whole.astype(np.float64) - whole.max())
    unseen = float(p[N_SEEN:].sum() / p.sum())
    ids = rng.permutation(N_VOCAB)
    row, seen = np.empty(N_VOCAB, np.float32), np.full(N_VOCAB, -np.inf, np.float32)
    row[ids], seen[ids[:N_SEEN]] = whole, whole[:N_SEEN]
    return row, SeenRow.of(seen, unseen, unseen + 1e-6)


def completed(rng: np.random.Generator, row: Float32Array, seen: SeenRow) -> Float32Array:
    """The row with other logits in place of the unseen ones, as large together and none larger than may be."""
    made, hidden = np.array(row), np.flatnonzero(~np.isfinite(seen))
    weights = rng.random(len(hidden)) ** rng.integers(1, 9)
    total = np.exp(row[hidden].astype(np.float64)).sum()
    for _ in range(50):
        weights = np.minimum(weights * total / weights.sum(), np.exp(np.float64(seen.largest)))
    made[hidden] = np.log(np.maximum(weights * min(1.0, total / weights.sum()), 1e-30)).astype(np.float32)
    return made


def chain(knobs: dict[str, Any], seed: int) -> Chain:
    made = Chain.from_settings(Settings.from_mapping(knobs), seed=seed, n_vocab=N_VOCAB)
    made.accept_prompt([1, 2, 3, 40])
    return made


@given(st.sampled_from(KNOBS), st.integers(0, 10**6), st.sampled_from([0.5, 2.0, 5.0]))
@example(KNOBS[2], 3, 5.0)
def test_what_is_certain_holds_whatever_was_not_told(knobs: dict[str, Any], seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    whole, seen = told(rng, spread)
    choice = chain(knobs, seed).choose(seen)
    if is_certain(chain(knobs, seed), seen, choice):
        for row in (whole, *(completed(rng, whole, seen) for _ in range(6))):
            assert chain(knobs, seed).choose(row).pick.token == choice.pick.token


@pytest.mark.parametrize(
    ("knobs", "certain"),
    [
        ({"top_k": 8}, True),
        ({"temperature": 0.0}, True),
        ({"top_k": 0, "top_p": 1.0, "min_p": 0.2}, True),
        ({"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 3.0}, False),
        ({"top_k": 0, "typical_p": 0.7}, False),
        ({"top_k": 4, "logit_bias": ((40, 30.0),)}, False),
        ({"mirostat_mode": 2}, False),
    ],
    ids=str,
)
def test_cuts_make_certain_and_what_needs_the_whole_row_does_not(knobs: dict[str, Any], certain: bool) -> None:
    logits = np.full(N_VOCAB, -np.inf, np.float32)
    logits[:N_SEEN] = np.linspace(6, 0, N_SEEN)
    row = SeenRow.of(logits, 0.01, 0.012)
    made = chain(knobs, 5)
    assert is_certain(chain(knobs, 5), row, made.choose(row)) == certain


def test_a_row_that_was_told_whole_is_always_certain() -> None:
    row = SeenRow.of(np.linspace(0, 1, N_VOCAB, dtype=np.float32), 0.0, 0.0)
    made = chain({"mirostat_mode": 2}, 1)
    assert is_certain(chain({"mirostat_mode": 2}, 1), row, made.choose(row))


def test_looking_takes_no_roll_and_changes_nothing() -> None:
    _, row = told(np.random.default_rng(2), 3.0)
    before, other = chain({}, 9), chain({}, 9)
    is_certain(before, row, other.clone().choose(row))
    assert before.choose(row).pick == other.choose(row).pick
