"""The weights that mirostat's arithmetic begins with are C's own expf, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsumami import native
from tsumami.boundaries.mirostat import weights
from tsumami.native import Float32Array


def one_by_one(falls: Float32Array) -> Float32Array:
    expf = native.c_math("expf")
    return np.array([expf(fall) for fall in falls.tolist()], np.float32)


def falls_of(seed: int, n: int, spread: float) -> Float32Array:
    logits = np.sort(np.random.default_rng(seed).gumbel(0, spread, n).astype(np.float32))[::-1]
    return np.asarray(logits - logits[0], np.float32)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 3000),
    st.sampled_from([0.0, 0.1, 1.0, 3.0, 30.0]),
    st.sampled_from([4, 2048]),
)
def test_they_are_what_c_gives_for_each(seed: int, n: int, spread: float, tail: int) -> None:
    falls = falls_of(seed, n, spread)
    assert np.array_equal(weights(falls, tail), one_by_one(falls))


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_they_are_so_over_a_whole_vocabulary(spread: float) -> None:
    falls = falls_of(0, 50_000, spread)
    assert np.array_equal(weights(falls), one_by_one(falls))


def test_the_smallest_weights_and_those_of_banned_tokens_are_so_as_well() -> None:
    falls = np.array([0, *np.linspace(-80, -106, 400), -200, -np.inf], np.float32)
    assert np.array_equal(weights(falls), one_by_one(falls))
