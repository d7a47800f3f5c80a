r"""Regular expressions: the whole reply has to match.

Guarantee: what is accepted means what it means in Rust's `regex` crate, with `\d`, `\w` and `\s` for all of Unicode,
anchored at both ends whether it is written with `^…$` or not. Look-around and back-references, which no automaton can
follow, are refused by name.
"""

from __future__ import annotations

import re

from tsumami.constraints.llg import HEADER, complaint, refuse_long
from tsumami.errors import GrammarError
from tsumami.quoting import theirs

__all__ = ["check", "to_lark"]


def to_lark(text: str) -> str:
    """The expression as a grammar of one terminal.

    Raises:
        GrammarError: it is too long, or ends inside an escape.
    """
    from llguidance import regex_to_lark

    refuse_long("regular expression", text)
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise GrammarError(
            "regex: it ends in a backslash, which escapes nothing; write \\\\ for a backslash"
        ).in_japanese("regex: 終わりの \\ が何も打ち消していません。\\ そのものは \\\\ と書いてください")
    return f"{HEADER}start: /{regex_to_lark(_bare(text), '')}/\n"


def check(text: str) -> None:
    """Refuse what is no regular expression, or one that llguidance cannot follow.

    Raises:
        GrammarError: with its reason.
    """
    said = complaint(to_lark(text))
    if said:
        raise GrammarError(f"regex: {_reason(said)}").in_japanese(f"regex: {theirs(_reason(said))}")


def _bare(text: str) -> str:
    """Without the anchors that stand for the ends of the reply."""
    text = text.removeprefix("^")
    backslashes = len(text) - len(text[:-1].rstrip("\\")) - 1 if text.endswith("$") else 1
    return text[:-1] if text.endswith("$") and backslashes % 2 == 0 else text


def _reason(said: str) -> str:
    """The library's own reason, without the grammar around it."""
    if "lookarounds not supported" in said:
        return "a word boundary (\\b, \\B) or an anchor inside of it is look-around, which no automaton can follow"
    found = re.search(r"^error: (.+)$", said, re.MULTILINE)
    return found[1] if found else " ".join(re.sub(r"^at \d+\(\d+\): ", "", said).split("\n", 1)[0].split())[:200]
