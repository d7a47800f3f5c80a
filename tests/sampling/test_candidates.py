"""Candidates: sorting them is exact, whatever bits the logits have."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tsumami.sampling import Candidates

LOGITS = st.lists(st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1.5, -np.inf]), min_size=1)


@given(logits=LOGITS)
def test_sorting_brings_the_largest_first_and_names_the_first_of_equal_ones(logits: list[float]) -> None:
    row = np.array(logits, np.float32)
    candidates = Candidates.from_row(row)
    first_equal = candidates.sort()
    found, ids = candidates.logits, candidates.ids
    assert sorted(ids.tolist()) == list(range(len(row)))
    assert found.tobytes() == row[ids].tobytes(), "to the bit, the sign of zero too"
    assert all(a >= b for a, b in itertools.pairwise(found))
    equal = [i for i in range(len(row) - 1) if found[i] == found[i + 1]]
    assert first_equal == (equal[0] if equal else len(row))
    assert candidates.sorted


def test_of_the_same_logit_the_smaller_id_comes_first() -> None:
    candidates = Candidates.from_logits([1.0, 2.0, 1.0, 2.0, 1.0])
    assert candidates.sort() == 0
    assert candidates.ids.tolist() == [1, 3, 0, 2, 4]


def test_ids_and_logits_are_copies_of_one_candidate_as_well() -> None:
    one = Candidates.from_logits([2.0])
    ids, logits = one.ids, one.logits
    one.data["id"], one.data["logit"] = 9, 1.0
    assert (ids.tolist(), logits.tolist()) == ([0], [2.0])
