"""What is a part of a text is a part of it folded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.history.folding import folded

TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)


@given(TEXTS, TEXTS)
def test_folding_goes_character_by_character(a: str, b: str) -> None:
    assert folded(a + b) == folded(a) + folded(b)
    assert folded(a).encode().decode() == folded(a)
    assert "\0" not in folded(a)


@pytest.mark.parametrize(
    ("a", "b"), [("ＡＢＣ", "abc"), ("ｶﾞｷﾞ", "ガギ"), ("Straße", "STRASSE"), ("ﬁ", "FI"), ("が", "か\u3099"), ("①", "1")]
)
def test_forms_of_the_same_are_the_same(a: str, b: str) -> None:
    assert folded(a) == folded(b)


def test_an_accent_is_a_mark_of_its_own() -> None:
    assert folded("e") in folded("Café")
