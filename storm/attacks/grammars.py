"""Grammars in GBNF: whole, damaged, deep, long, ambiguous, endless.

Must hold: a text is a grammar, or it is refused with its line; and a grammar that was accepted gives a reply, or an
error of its run in words. Nothing takes long, whatever it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

from storm import hostile
from storm.models import loaded
from storm.options import Options
from tsumami.settings import Settings

TITLE: Final = "grammars, whole, damaged, deep and endless; the good ones are run"
DOOR: Final = "library"

_GOOD: Final = (
    'root ::= "yes" | "no"',
    'root ::= object\nobject ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}"\n'
    'value ::= object | string | [0-9]+\nstring ::= "\\"" [^"\\\\]* "\\"" ws\nws ::= [ \\t\\n]{0,4}',
    'root ::= expr "=" [0-9]+\nexpr ::= term ([-+*/] term)*\nterm ::= [0-9]+ | "(" expr ")"',
    'root ::= (item ", "){1,5} item\nitem ::= [a-z]{2,8} # a word',
    "root ::= [ぁ-ん]+ [。！？]",
    'root ::= "a"? root2\nroot2 ::= "b" root | "c"',
    "root ::= <[0]> | !<[1]> .",
)
_HARD: Final = (
    "root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000,
    "root ::= " + "(" * 300 + '"a"' + ")*" * 300,
    'root ::= ("a" | "a" | "a" | "a")* "b"',
    "root ::= ((((" + '"a"*' + ")*)*)*)* ",
    "root ::= root",
    "root ::= a\na ::= b\nb ::= a",
    'root ::= "a"{1000000}',
    'root ::= ("a"{1000}){1000}',
    "root ::= " + " ".join('"x"?' for _ in range(400)),
    "\n".join(f"r{n} ::= r{n + 1} r{n + 1}" for n in range(60)) + '\nr60 ::= "a"\nroot ::= r0',
    'root ::= "' + "a" * 250_000 + '"',
    "root ::= [^\\x00-\\U0010FFFF]",
    "root ::=",
    "",
)
_PIECES: Final = (
    "root", "::=", "|", "(", ")", "*", "+", "?", "{2,3}", "{0,}", "{,4}", "{9999999999}", "[a-z]", "[^\\n]", "[", "]",
    "[\\x41-", ".",
    '"a"', '"', '"\\u3042"', '"\\UFFFFFFFF"', '"\\q"', "<[7]>", "!<[7]>", "<think>", "\n", "\r\n", "# note\n", "a",
    "b ::= ", "あ", "-", " ",
)  # fmt: skip


def inputs() -> st.SearchStrategy[str]:
    """Grammars, nearly grammars, and pieces of grammars in any order."""
    pieces = st.lists(st.sampled_from(_PIECES), max_size=30).map(" ".join)
    rooted = pieces.map("root ::= {}".format)
    hurt = hostile.damaged([one.encode() for one in _GOOD]).map(lambda data: data.decode("utf-8", "replace"))
    made = st.recursive(st.sampled_from(('"a"', "[b-d]", '"あ"', "x", ".")), _larger, max_leaves=12).map(
        lambda body: f'root ::= {body}\nx ::= "x" | "(" x ")" | ""'
    )
    return st.one_of(made, made, rooted, pieces, hurt, hurt, st.sampled_from((*_GOOD, *_HARD)), hostile.texts())


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(("*", "+", "?", "{2}", "{0,3}", "{2,}", "{0}"))
    return st.one_of(
        st.builds("{} {}".format, part, part),
        st.builds("({} | {})".format, part, part),
        st.builds("({}){}".format, part, repeats),
    )


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Read, and run a few tokens."""
    with loaded(options) as model:

        def go(given: str) -> None:
            model.run("The", Settings(grammar=given, max_tokens=3, seed=0))

        yield go
