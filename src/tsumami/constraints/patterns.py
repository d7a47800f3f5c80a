r"""Patterns of a JSON schema, written so that llguidance keeps to them.

Guarantee: a string that comes of what is written here fits the pattern as it was given. Inside of quotation marks
llguidance (1.9) takes a class that holds all of U+0000 to U+001F for one that holds `\"` and `\\`, too, so `^[^"]*$`
would let a quotation mark come. Such a class has U+0000 taken out, which no reply needs; where that cannot be done, the
pattern is refused.
"""

from __future__ import annotations

import re
from typing import Final

from tsumami.errors import GrammarError

__all__ = ["kept_to"]

#: An escaped character, a class's beginning with the `-` or `]` that means itself there, or any other character.
_PARTS: Final = re.compile(r"\\.|\[\^?[\]-]?|.", re.DOTALL)
#: What names U+0000 or holds all control characters without being a negated class.
_NAMES_ALL: Final = re.compile(
    r"\\0|\\x00|\\[xuU]\{0+\}|\\u0000|\\U0{8}|\0|\\P|\[:(?:\^\w+|cntrl):\]"
    r"|\\p(?:C|\{\s*\^?(?:[^}]*[=:]\s*)?(?i:C|Cc|Other|Control|Cntrl|Common|Zyyy)\s*\})"
)


def kept_to(pattern: str) -> str:
    """The pattern without U+0000 in its negated classes.

    Raises:
        GrammarError: it says something of control characters that cannot be kept to.
    """
    made: list[str] = []
    for part in _PARTS.finditer(pattern):
        named = _NAMES_ALL.match(pattern, part.start())
        if named is not None:
            raise GrammarError(f"{named[0]} in it cannot be kept to").in_japanese(f"その中の {named[0]} は守れません")
        made.append(_without_null(part[0]))
    return "".join(made)


def _without_null(part: str) -> str:
    return rf"[^\x00\{part[2:]}" if len(part) > 2 and part.startswith("[^") else part.replace("[^", r"[^\x00", 1)
