"""Typical-p leaves what llama.cpp's leaves, also where its entropy is no number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rows import KINDS, an_odd_row

from tsumami import native
from tsumami.sampling import Candidates
from tsumami.sampling.stages import BUILDERS, Surroundings
from tsumami.settings import Settings


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    size=st.sampled_from([1, 2, 17, 1023, 1024, 1025, 3000, 20_000]),
    banned=st.sampled_from([0, 1, 50]),
    p=st.sampled_from([0.01, 0.5, 0.95, 0.999]),
    min_keep=st.sampled_from([0, 1, 5, 2000]),
    is_sorted=st.booleans(),
    seed=st.integers(0, 999),
)
def test_it_leaves_what_the_sampler_leaves(
    kind: str, size: int, banned: int, p: float, min_keep: int, is_sorted: bool, seed: int
) -> None:
    row = an_odd_row(kind, size, np.random.default_rng(seed))
    row[: min(banned, size - 1)] = -np.inf
    if is_sorted:
        row = np.sort(row)[::-1]
    knobs = Settings.from_mapping({"typical_p": p, "min_keep": min_keep})
    ours, theirs = Candidates.from_row(row), Candidates.from_row(row)
    ours.array.sorted = theirs.array.sorted = is_sorted
    BUILDERS["typ_p"](knobs, Surroundings(seed, size)).apply(ours)
    native.typical(p, min_keep).apply(theirs.array)
    assert ours.data.tobytes() == theirs.data.tobytes()
    assert ours.sorted == theirs.sorted


@pytest.mark.parametrize("size", [1024, 49_152])
def test_of_candidates_that_are_all_alike_to_it_the_first_is_not_the_first_any_more(size: int) -> None:
    """So with a single banned token the likeliest may be cut, as llama.cpp cuts it."""
    row = np.linspace(9, -9, size, dtype=np.float32)
    row[-1] = -np.inf
    candidates = Candidates.from_row(row)
    candidates.array.sorted = True
    BUILDERS["typ_p"](Settings(typical_p=0.5), Surroundings(0, size)).apply(candidates)
    assert len(candidates) < size
    assert candidates.ids[0] != 0
