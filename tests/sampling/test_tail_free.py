"""Tail-free sampling: ours, because llama.cpp removed it (PR #10071); so it is held against its definition (two ways of
writing it) and against the test that llama.cpp published with it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tsumami.sampling import Candidates, apply
from tsumami.settings import Settings


def tail_free(z: float, min_keep: int = 1) -> Settings:
    return Settings(tfs_z=z, min_keep=min_keep)


def of_probs(*probs: float) -> Candidates:
    with np.errstate(divide="ignore"):
        return Candidates.from_logits(np.log(np.asarray(probs, np.float32)))


@pytest.mark.parametrize(("z", "expected"), [(0.25, [0.3]), (0.75, [0.3, 0.25]), (0.99, [0.3, 0.25])])
def test_llama_cpps_own_test_of_it_passes(z: float, expected: list[float]) -> None:
    """tests/test-sampling.cpp, test_tfs, from May 2023 until its removal: five probabilities without curvature."""
    probs = (0.1, 0.15, 0.2, 0.25, 0.3)
    after = apply("tfs_z", tail_free(z), of_probs(*probs))
    assert np.allclose([probs[token] for token in after.ids], expected, atol=1e-3)
    assert len(after) == len(expected)


#: 0.5 0.25 0.15 0.07 0.03: first differences 0.25 0.1 0.08 0.04, second 0.15 0.02 0.04 (sum 0.21),
#: weights 0.714 0.095 0.190, running sums 0.714 0.810 1.
STEEP = (0.5, 0.25, 0.15, 0.07, 0.03)


@pytest.mark.parametrize(
    ("z", "min_keep", "kept"),
    [
        (0.0, 1, 1),
        (0.70, 1, 1),  # passed at index 0 already, but 1 must stay: index 1 is the first that may cut
        (0.80, 1, 1),
        (0.82, 1, 2),
        (0.99, 1, 2),
        (1.0, 1, 5),
        (0.0, 0, 1),  # llama.cpp emptied the list here; nobody can choose from none
        (0.0, 2, 2),
        (0.0, 3, 5),  # index 3 lies beyond the weights: nothing is cut
        (0.99, 4, 5),
        (0.99, 99, 5),
    ],
)
def test_it_keeps_what_the_definition_gives_by_hand(z: float, min_keep: int, kept: int) -> None:
    after = apply("tfs_z", tail_free(z, min_keep), of_probs(*STEEP[::-1]))
    assert after.ids.tolist() == [4, 3, 2, 1, 0][:kept] if z < 1 else [0, 1, 2, 3, 4]


@pytest.mark.parametrize("probs", [(1.0,), (0.9, 0.1), (0.1, 0.9)])
def test_one_and_two_candidates_have_no_tail(probs: tuple[float, ...]) -> None:
    before = of_probs(*probs)
    assert apply("tfs_z", tail_free(0.0), before).data.tobytes() == before.data.tobytes()


def plainly(logits: list[float], z: float, min_keep: int) -> int:
    """How many stay, in float32 and loops, word for word as samplers are defined: sorted, softmax, d1, d2, cut."""
    f = np.float32
    ordered = sorted((f(value) for value in logits), reverse=True)
    weights = [np.exp(value - ordered[0], dtype=f) for value in ordered]
    total = f(0)
    for weight in weights:
        total = f(total + weight)
    p = [f(weight / total) for weight in weights]
    first = [f(a - b) for a, b in pairwise(p)]
    second = [abs(f(a - b)) for a, b in pairwise(first)]
    curvature = f(0)
    for value in second:
        curvature = f(curvature + value)
    assume(abs(curvature - 1e-6) > 2e-7)  # the guard itself
    even = f(1) / f(len(second)) if second else f(0)
    running = f(0)
    for i, value in enumerate(second):
        running = f(running + (f(value / curvature) if curvature > 1e-6 else even))
        assume(abs(running - f(z)) > 1e-5)  # libm's expf and NumPy's may differ in the last bit
        if running > f(z) and i >= max(1, min_keep):
            return i
    return len(logits)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    logits=st.lists(st.integers(-500, 500).map(lambda n: n / 50), min_size=1, max_size=60),
    z=st.integers(0, 99).map(lambda n: n / 100),
    min_keep=st.integers(0, 8),
    is_sorted=st.booleans(),
)
def test_it_equals_its_definition_in_loops(logits: list[float], z: float, min_keep: int, is_sorted: bool) -> None:
    expected = plainly(logits, z, min_keep) if len(logits) > 2 else len(logits)
    before = Candidates.from_logits(sorted(logits, reverse=True) if is_sorted else logits)
    before.array.sorted = is_sorted
    after = apply("tfs_z", tail_free(z, min_keep), before)
    assert len(after) == expected
    if len(logits) > 2:
        assert after.logits.tolist() == np.sort(before.logits)[::-1][:expected].tolist()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(logits=st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=200), z=st.floats(0, 1))
def test_it_always_leaves_someone_and_never_moves_a_logit(logits: list[float], z: float) -> None:
    before = Candidates.from_logits(logits)
    after = apply("tfs_z", Settings(tfs_z=z), before)
    assert 1 <= len(after) <= len(before)
    assert np.array_equal(after.logits, before.logits[after.ids])
    assert float(after.logits.max()) == float(before.logits.max())


def test_it_may_cut_more_but_never_less_as_z_falls() -> None:
    logits = np.random.default_rng(3).normal(0, 3, 5000)
    sizes = [len(apply("tfs_z", tail_free(z / 100), Candidates.from_logits(logits))) for z in range(101)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (1, 5000)


def test_a_vocabulary_of_262144_is_cut_where_double_precision_cuts_it() -> None:
    logits = np.random.default_rng(11).normal(0, 4, 262_144).astype(np.float32)
    after = apply("tfs_z", tail_free(0.95), Candidates.from_logits(logits))
    p = np.sort(np.exp(logits.astype(np.float64) - logits.max()))[::-1]
    second = np.abs(np.diff(p / p.sum(), 2))
    expected = int((np.cumsum(second / second.sum()) > 0.95).argmax())
    assert abs(len(after) - expected) <= 1
