"""The largest fall, on numbers that can be checked by hand."""

from __future__ import annotations

import math

from tsumami.explain.tokens.falls import Fall, largest_fall


def logs(*shares: float | None) -> list[float | None]:
    return [None if share is None else math.log(share) for share in shares]


def test_the_stage_that_halves_most_often_is_found() -> None:
    found = largest_fall(logs(0.8, 0.4, 0.5, 0.0625, 0.03125))
    assert found == Fall(3, 3.0)


def test_of_equals_it_is_the_first() -> None:
    assert largest_fall(logs(0.5, 0.25, 0.125)) == Fall(1, 1.0)


def test_being_cut_is_no_fall_and_nothing_behind_it_counts() -> None:
    assert largest_fall(logs(0.8, 0.4, None, None)) == Fall(1, 1.0)
    assert largest_fall(logs(0.4, None)) is None
    assert largest_fall(logs(None, None)) is None


def test_rising_and_rounding_take_nothing() -> None:
    assert largest_fall(logs(0.4, 0.5, 0.5 - 1e-16, 0.9)) is None


def test_what_is_too_small_for_a_float_still_falls() -> None:
    assert largest_fall([-10.0, -2000.0]) == Fall(1, 1990.0 / math.log(2))
