"""What a row says about a token, against double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.bare import Row
from tests.support.rows import KINDS, an_odd_row

from tsumami.sampling import Candidates, Draw
from tsumami.sampling.measure import RawMeasure, Summit, final_probabilities, likeliest, measure_raw, summit

ROWS = st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=60)


def precisely(row: Row) -> tuple[np.ndarray, float]:
    """Probabilities and entropy in bits, in double precision; 0 · log 0 = 0."""
    p = np.exp(row.astype(np.float64) - row.max())
    p /= p.sum()
    known = p[p > 0]
    return p, float(-(known * np.log2(known)).sum())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    size=st.sampled_from([1, 9, 63, 64, 65, 127, 640, 5000]),
    count=st.integers(1, 80),
    levels=st.sampled_from([1, 2, 9, 10_000]),
    banned=st.sampled_from([0.0, 0.5, 0.99]),
    seed=st.integers(0, 99),
)
def test_the_likeliest_are_a_full_sorts_first(size: int, count: int, levels: int, banned: float, seed: int) -> None:
    dice = np.random.default_rng(seed)
    row = dice.integers(0, levels, size).astype(np.float32)
    row[dice.random(size) < banned] = -np.inf
    assert likeliest(row, count).tolist() == np.lexsort((np.arange(size), -row))[:count].tolist()


def plainly(row: Row, token: int, n_top: int) -> RawMeasure:
    """The same numbers from passes over the whole row, each with an array of its own."""
    top = np.lexsort((np.arange(len(row)), -row))[:n_top]
    shifted = row - row[top[0]]
    weights = np.exp(shifted)
    total = float(weights.sum(dtype=np.float64))
    with np.errstate(invalid="ignore"):
        expected = float(np.dot(weights, shifted))
    if np.isnan(expected):
        expected = float(np.dot(weights, np.maximum(shifted, np.float32(-200))))
    return RawMeasure(
        p=float(weights[token]) / total,
        rank=1 + int(np.count_nonzero(row > row[token])),
        entropy=max(0.0, float((np.log(total) - expected / total) / np.log(2))),
        top_ids=tuple(top.tolist()),
        top_p=tuple((weights[top].astype(np.float64) / total).tolist()),
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    size=st.sampled_from([1, 40, 2047, 2048, 5000, 9216, 49_152]),
    wanted=st.sampled_from([1, 10, 105, 512]),
    likely=st.booleans(),
    seed=st.integers(0, 999),
)
def test_its_numbers_are_those_of_plain_passes_to_the_last_bit(
    kind: str, size: int, wanted: int, likely: bool, seed: int
) -> None:
    """With a summit at hand, whatever it was looked for, and without; of one row after another."""
    dice = np.random.default_rng(seed)
    for _ in range(2):
        row = an_odd_row(kind, size, dice)
        token = int(dice.choice(np.argsort(-row)[:50]) if likely else dice.integers(size))
        expected = plainly(row, token, 10)
        assert measure_raw(row, token, 10) == expected
        assert measure_raw(row, token, 10, summit(row, wanted)) == expected
        assert measure_raw(row, token, 10, Summit(np.arange(size), np.float32(-np.inf))) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 10, 105, 512])
def test_a_summit_has_all_that_reach_its_floor_and_not_many_more_than_wanted(kind: str, count: int) -> None:
    row = an_odd_row(kind, 49_152, np.random.default_rng(count))
    found = summit(row, count)
    assert np.array_equal(np.sort(found.ids), np.flatnonzero(row >= found.floor))
    assert len(found.ids) >= count
    if kind in ("usual", "spike", "huge", "rising"):  # without equals
        assert len(found.ids) <= 2 * count + 64


@settings(max_examples=300, deadline=None, derandomize=True)
@given(values=ROWS, data=st.data())
def test_it_equals_double_precision(values: list[float], data: st.DataObject) -> None:
    row = np.array(values, np.float32)
    token = data.draw(st.integers(0, len(row) - 1))
    n_top = data.draw(st.integers(1, 70))
    p, entropy = precisely(row)
    made = measure_raw(row, token, n_top)
    assert made.p == pytest.approx(p[token], rel=1e-5, abs=1e-12)
    assert made.entropy == pytest.approx(entropy, rel=1e-4, abs=1e-5)
    assert made.rank == 1 + sum(value > row[token] for value in row)
    best = np.lexsort((np.arange(len(row)), -row))[:n_top]
    assert np.array_equal(row[list(made.top_ids)], row[best])
    assert made.top_p == pytest.approx(p[list(made.top_ids)].tolist(), rel=1e-5, abs=1e-12)
    assert list(made.top_p) == sorted(made.top_p, reverse=True)
    assert len(set(made.top_ids)) == min(n_top, len(row))


def test_it_equals_double_precision_on_real_rows(rows: list[Row]) -> None:
    for row in rows:
        p, entropy = precisely(row)
        made = measure_raw(row, 260, 10)
        assert made.p == pytest.approx(p[260], rel=1e-5)
        assert made.entropy == pytest.approx(entropy, rel=1e-5)
        assert made.top_ids == tuple(np.argsort(-row, kind="stable")[:10].tolist())


def test_equal_logits_are_named_by_rising_id_and_share_the_rank() -> None:
    row = np.zeros(8, np.float32)
    made = measure_raw(row, 5, 8)
    assert (made.rank, made.p, made.entropy) == (1, 1 / 8, 3.0)
    assert made.top_ids == (0, 1, 2, 3, 4, 5, 6, 7)


def test_a_certain_row_has_no_entropy() -> None:
    made = measure_raw(np.array([-np.inf, 200.0, -300.0], np.float32), 1, 3)
    assert (made.p, made.rank, made.entropy) == (1.0, 1, 0.0)
    assert made.top_ids == (1, 2, 0)


def test_a_vocabulary_of_262144_keeps_its_precision() -> None:
    row = np.random.default_rng(0).normal(0, 3, 262_144).astype(np.float32)
    p, entropy = precisely(row)
    made = measure_raw(row, 77, 10)
    assert made.p == pytest.approx(p[77], rel=1e-5)
    assert made.entropy == pytest.approx(entropy, rel=1e-5)


def test_measuring_leaves_the_row_as_it_was(rows: list[Row]) -> None:
    was = rows[0].tobytes()
    measure_raw(rows[0], 3, 10)
    assert rows[0].tobytes() == was


@pytest.mark.parametrize("size", [5, 512, 513, 4000])
def test_final_probabilities_are_those_that_the_choice_left(size: int) -> None:
    """Cut tokens have 0; the way to look them up changes at 512 candidates, the answer does not."""
    candidates = Candidates.from_logits(np.random.default_rng(size).normal(0, 1, size))
    order = np.random.default_rng(1).permutation(size)
    candidates.keep(order[: size - 2], is_sorted=False)
    Draw(0).pick(candidates)
    known = dict(zip(candidates.ids.tolist(), candidates.data["p"].tolist(), strict=True))
    asked = (*range(5), int(order[-1]), 10_000)
    assert final_probabilities(candidates, asked) == tuple(known.get(token, 0.0) for token in asked)
    assert sum(final_probabilities(candidates, tuple(range(size)))) == pytest.approx(1, abs=1e-5)
