"""Patterns are written so that no control character brings a quotation mark with it."""

from __future__ import annotations

import re

import pytest

from tsumami.constraints.patterns import kept_to
from tsumami.errors import GrammarError


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ('^[^"]*$', r'^[^\x00"]*$'),
        ("[^-a]", r"[^\x00\-a]"),
        ("[^]a]", r"[^\x00\]a]"),
        (r"\[^a]", r"\[^a]"),
        (r"\\[^a]", r"\\[^\x00a]"),
        (r"[a-z]+|\d{3}", r"[a-z]+|\d{3}"),
        (r"\\0\\P", r"\\0\\P"),
        (r"\p{Han}\p{Cyrillic}\p{sc=Latin}", r"\p{Han}\p{Cyrillic}\p{sc=Latin}"),
    ],
)
def test_a_negated_class_leaves_null_out_and_all_else_stays(pattern: str, written: str) -> None:
    assert kept_to(pattern) == written


@pytest.mark.parametrize(
    "named", [r"\0", r"\x00", r"\x{000}", r"\u0000", r"\u{0}", r"\U00000000", "\0", r"\P", "[:cntrl:]", "[:^word:]",
              r"\p{Cc}", r"\p{ c }", r"\pC", r"\p{gc=Control}", r"\p{Script=Common}"],
)  # fmt: skip
def test_what_holds_control_characters_otherwise_is_named(named: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(named)):
        kept_to(f"^[a{named}]$")
