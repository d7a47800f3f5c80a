"""Bisection and exponential search against asking every number."""

from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from tsumami.bisection import bisect, exponential_search

NUMBERS = st.integers(-1000, 1000)


@given(NUMBERS, NUMBERS, st.data())
def test_the_one_place_is_found_in_either_direction(kept: int, other: int, data: st.DataObject) -> None:
    assume(kept != other)
    way = 1 if other > kept else -1
    last = data.draw(st.integers(min(kept, other - way), max(kept, other - way)), "the last number that holds")
    asked: list[int] = []

    def keeps(number: int) -> bool:
        asked.append(number)
        return (last - number) * way >= 0

    assert bisect(keeps, kept, other) == (last, last + way)
    assert not {kept, other} & set(asked)
    assert len(asked) <= math.ceil(math.log2(abs(other - kept)))


@given(st.lists(st.booleans(), max_size=60))
def test_of_several_changes_one_is_found(held: list[bool]) -> None:
    values = [True, *held, False]
    edge = bisect(values.__getitem__, 0, len(values) - 1)
    assert edge.other == edge.kept + 1
    assert (values[edge.kept], values[edge.other]) == (True, False)


def test_nothing_is_asked_where_there_is_nothing_between() -> None:
    def never(_: int) -> bool:
        raise AssertionError

    assert bisect(never, 3, 4) == (3, 4)
    assert bisect(never, 4, 3) == (4, 3)
    assert bisect(never, 0, 0).kept == 0
    assert exponential_search(never, 7, 7) is None


@given(NUMBERS, st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([1, -1]))
def test_exponential_search_finds_what_is_near_at_a_price_of_the_nearness(
    kept: int, holding: int, distance: int, way: int
) -> None:
    last, end = kept + way * holding, kept + way * distance
    asked: list[int] = []

    def keeps(number: int) -> bool:
        asked.append(number)
        return (last - number) * way >= 0

    found = exponential_search(keeps, kept, end)
    assert found == (None if holding >= distance else (last, last + way))
    assert kept not in asked
    assert all(0 < (number - kept) * way <= distance for number in asked)
    assert len(asked) <= 2 * math.log2(min(holding, distance) + 2) + 2
