"""Signs: whatever a token holds, what is shown of it can be seen, and different texts stay different."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.runs.signs import signed, spaced, visible


@given(st.binary(max_size=12))
def test_whatever_the_bytes_every_character_can_be_seen(piece: bytes) -> None:
    assert signed(piece).isprintable()


@given(st.text(st.sampled_from("ab 夢\n\t\r\u3000\u00a0\x07"), max_size=8), st.text("ab\n\t\u3000", max_size=8))
def test_different_texts_stay_different(one: str, other: str) -> None:
    assert (signed(one) == signed(other)) == (one == other)


def test_japanese_and_bytes_that_are_no_character() -> None:
    assert signed("夢\n".encode()) == "夢⏎"
    assert signed(b"\xe5\xa4") == r"\xe5\xa4"
    assert signed("\u200b") == r"\u200b"


@pytest.mark.parametrize(
    ("piece", "label"),
    [
        (b" the", "␣the"),
        (b"\n", "⏎"),
        (b"\xe3\x81", r"\xe3\x81"),
        ("夢".encode(), "夢"),
        (b"", "∅"),
        (b"a b", "a b"),
        (" ", "␣"),
        ("a b ", "a␣b␣"),
    ],
)
def test_what_cannot_be_seen_gets_a_sign(piece: bytes | str, label: str) -> None:
    assert visible(piece) == label


@given(st.text(st.sampled_from("ab 夢\n\t\r\u3000\u00a0\u2003"), max_size=8), st.text("ab \n", max_size=8))
def test_no_space_is_overlooked(one: str, other: str) -> None:
    assert (spaced(one) == spaced(other)) == (one == other)
    assert " ".join(spaced(one).split()) == spaced(one)  # a page or a terminal that drops spaces drops none of them


def test_a_single_space_within_a_text_stays_one() -> None:
    assert spaced(" a b  c ") == "␣a b␣␣c␣"
    assert spaced(" a b ", at_start=False) == " a b␣"
    assert spaced(" ", at_start=False) == " "
