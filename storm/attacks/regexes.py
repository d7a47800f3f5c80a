"""Regular expressions: any that can be written, damaged ones, and those that explode.

Must hold: an expression is accepted or refused with a reason; a reply that ended by itself matches. What matches is
asked of Python's `re`, for the expressions that mean the same there.
"""

from __future__ import annotations

import contextlib
import re
import string
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

from storm import hostile
from storm.judge import LostError
from storm.options import Options
from storm.walking import Walker, walker
from tsumami.settings import Settings

TITLE: Final = "regular expressions; replies that ended match"
DOOR: Final = "library"

_HARD: Final = (
    "(a+)+b", "(a|a)*b", "(" * 500 + "a" + ")" * 500, "a{1000}{1000}", "(?:a?){400}a{400}", "(x+x+)+y",
    "[a-z]{1,99999}", "(?=a)b",
    r"(a)\1", r"\p{Greek}+", r"[\p{L}--[a]]", "(?i)straße", "(?P<n>a)(?P=n)", "^$", "$^", "a^b", "\\", "[", "(?", "*",
    "[z-a]", r"\x{110000}", "",
)  # fmt: skip
_LITERALS: Final = st.sampled_from(string.ascii_lowercase + string.digits + "あん é")
_CLASSES: Final = st.sampled_from(("[a-c]", "[^a-z]", "[0-9]", "[あ-ん]", "(?:ab|c)", "x"))


def inputs() -> st.SearchStrategy[tuple[bool, str]]:
    """Whether it means the same in Python, and the expression."""
    same = st.recursive(_LITERALS | _CLASSES, _larger, max_leaves=10)
    hurt = hostile.damaged([rb"\d{3}-\d{4}", rb"(yes|no)[.!]?", rb"[A-Z][a-z]+( [a-z]+)*", b"^(?:a|b){2,5}$"])
    wild = st.one_of(
        hurt.map(lambda data: data.decode("utf-8", "replace")),
        st.lists(st.sampled_from((*"()[]{}*+?|\\^$.-ab09,:=<!Pp&~", "(?:", "\\d", "\\b", "[^")), max_size=20).map(
            "".join
        ),
        st.sampled_from(_HARD),
        hostile.texts(),
    )
    return st.tuples(st.just(True), same) | st.tuples(st.just(False), wild)


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(("*", "+", "?", "{2}", "{0,3}", "{1,}"))
    return st.one_of(
        st.builds("{}{}".format, part, part),
        st.builds("(?:{}|{})".format, part, part),
        st.builds("(?:{}){}".format, part, repeats),
    )


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Walk along what the expression allows."""
    with walker(options) as walk:

        def go(given: tuple[bool, str]) -> None:
            same, text = given
            _walk(walk, text, same=same)

        yield go


def _walk(walk: Walker, text: str, *, same: bool) -> None:
    reply = walk(Settings(regex=text))
    if reply is not None and same and re.fullmatch(text, reply) is None:
        raise LostError(f"the reply {reply!r} was complete and does not match {text!r}")
