"""Shares as people read them: three digits, the same everywhere, and never nothing or all where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.wording import LANGUAGES, counted, filled, percent


def test_there_are_two_languages() -> None:
    assert LANGUAGES == ("ja", "en")


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0%"),
        (None, "0%"),
        (1e-9, "<0.0001%"),
        (0.0000123, "0.00123%"),
        (0.0123, "1.23%"),
        (0.2, "20%"),
        (0.9994, "99.9%"),
        (0.9996, "99.9%"),
        (1 - 1e-9, "100%"),
        (1, "100%"),
    ],
)
def test_a_share_as_people_read_it(share: float | None, said: str) -> None:
    assert percent(share) == said


@given(st.floats(0, 1))
def test_what_is_said_is_near_and_has_no_exponent(share: float) -> None:
    said = percent(share)
    assert "e" not in said
    assert (said == "0%") == (share == 0)
    if not said.startswith("<"):
        assert float(said.rstrip("%")) / 100 == pytest.approx(share, rel=0.006)


@given(st.integers(0, 10**7))
def test_one_of_a_thing_is_never_called_several(number: int) -> None:
    assert counted(number, "token") == f"{number:,} token{'' if number == 1 else 's'}"
    for given_as in (number, f"{number:,}"):
        assert filled("{n} {n:row|rows}; {n:it is|{n} are}", n=given_as) == (
            "1 row; it is" if number == 1 else f"{given_as} rows; {given_as} are"
        )


def test_places_without_a_choice_are_filled_as_ever() -> None:
    assert filled("{a} of {b:>4}, {c:.1f}", a="x", b=7, c=0.25) == "x of    7, 0.2"
