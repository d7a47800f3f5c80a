"""Values in sentences: what differs is seen to differ."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tsumami.explain.reasons.sentences import quoted, told_apart, value_text

INVISIBLE = st.text(st.sampled_from("ab \n\r\t\u3000\u00a0\u200b\u2003"), max_size=12)
LONG = st.text("ab ", min_size=50, max_size=200)


@given(INVISIBLE | LONG, INVISIBLE | LONG, st.sampled_from(["", "x" * 60]))
def test_two_values_that_differ_never_look_alike(one: str, other: str, before: str) -> None:
    assume(one != other)
    a, b = told_apart("prompt", before + one, before + other)
    assert a != b
    assert " ".join(a.split()) == a
    assert max(len(a), len(b)) <= 42


@pytest.mark.parametrize(
    ("one", "other"),
    [("a\r", "a\n"), ("a\u3000", "a "), ("a", "a "), (" a", "a"), ("a  b", "a b"), ("é", "e\u0301"), ("ｋ", "k")],
)
def test_what_looks_alike_is_told_apart(one: str, other: str) -> None:
    a, b = told_apart("prompt", one, other)
    assert a != b
    assert a.isprintable()


def test_a_line_end_a_return_and_a_wide_blank_have_signs_of_their_own() -> None:
    assert value_text("prompt", "a\r\n\u3000b ") == "a␍⏎□b␣"
    assert value_text("stop", ("\u3000", "x ")) == "□;x␣"
    assert value_text("top_k", 40) == "40"


def test_a_token_keeps_its_own_space_and_shows_what_could_be_overlooked() -> None:
    assert quoted(b" It")[1] == "“ It”"
    assert quoted(b"It ")[1] == "“It␣”"
    assert quoted(b"  ")[0] == "「␣␣」"
