"""Cells: every one is free, used or dead; they are taken in order; and dead ones come back only together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.engine.cells import CellPool


def test_cells_are_taken_from_the_lowest_on() -> None:
    pool = CellPool(8)
    assert (pool.free, pool.dead, pool.frontier) == (8, 0, 0)
    assert pool.take(3) == [0, 1, 2]
    assert pool.frontier == 3
    assert pool.take(5) == [3, 4, 5, 6, 7]
    assert (pool.free, pool.frontier) == (0, 8)


def test_a_dropped_cell_is_dead_until_the_collection() -> None:
    pool = CellPool(8)
    pool.take(6)
    pool.drop([1, 2])
    assert (pool.free, pool.dead, pool.frontier, pool.lowest_dead) == (2, 2, 6, 1)
    assert pool.take(1) == [6]
    pool.collect()
    assert (pool.free, pool.dead, pool.frontier) == (3, 0, 1)
    assert pool.take(3) == [1, 2, 7]


def test_a_shared_cell_dies_with_its_last_user() -> None:
    pool = CellPool(4)
    cells = pool.take(2)
    pool.share(cells)
    pool.drop(cells)
    assert pool.dead == 0
    pool.drop(cells)
    assert pool.dead == 2


def test_more_cells_than_there_are_cannot_be_taken_nor_lost() -> None:
    pool = CellPool(4)
    with pytest.raises(AssertionError):
        pool.take(5)
    assert pool.take(4) == [0, 1, 2, 3]


@given(st.lists(st.tuples(st.sampled_from(["take", "share", "drop", "collect"]), st.integers(0, 12)), max_size=60))
def test_every_cell_is_free_used_or_dead(steps: list[tuple[str, int]]) -> None:
    pool, held = CellPool(12), list[list[int]]()
    for name, n in steps:
        if name == "take" and n <= pool.free:
            frontier, taken = pool.frontier, pool.take(n)
            assert taken == sorted(taken)
            assert not n or taken[0] == frontier
            held.append(taken)
        elif name == "share" and held:
            pool.share(held[n % len(held)])
            held.append(held[n % len(held)])
        elif name == "drop" and held:
            pool.drop(held.pop(n % len(held)))
        elif name == "collect":
            lowest = pool.lowest_dead
            pool.collect()
            assert pool.frontier == lowest
        used = {cell for cells in held for cell in cells}
        assert pool.free + pool.dead + len(used) == pool.size
        assert used.isdisjoint(pool._free)
        assert used.isdisjoint(pool._dead)
        assert list(pool._free) == sorted(pool._free)
