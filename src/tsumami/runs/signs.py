"""Signs for what cannot be seen: line ends, tabs, wide blanks, control characters.

Guarantee: the same sign wherever a token is shown; every character of the text that comes out can be seen or is a plain
space.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\N{IDEOGRAPHIC SPACE}": "□", "\N{NO-BREAK SPACE}": "⍽"}
#: A plain space, where whoever shows a text wants it to be seen as well.
SPACE: Final = "␣"
#: Several spaces, or one at the end of something.
_OVERLOOKED: Final = re.compile(r" {2,}|(?<=[^ ]) $")


def visible(piece: bytes | str) -> str:
    """One token as a label: `signed`, with spaces as ␣ where one stands at an end, and ∅ for nothing."""
    text = signed(piece)
    if text.startswith(" ") or text.endswith(" "):
        text = text.replace(" ", SPACE)
    return text or "∅"


def spaced(text: str, *, at_start: bool = True) -> str:
    """`signed`, with every space as ␣ that could be overlooked: at an end, and beside another one. at_start: also a
    single one at the beginning, where no quotation mark shows it.
    """
    shown = _OVERLOOKED.sub(lambda found: SPACE * len(found[0]), signed(text))
    return SPACE + shown[1:] if at_start and shown.startswith(" ") else shown


def signed(piece: bytes | str) -> str:
    r"""A text, or a token's bytes, with signs; other control characters, and bytes that are no character, as `\x..`."""
    text = piece if isinstance(piece, str) else piece.decode("utf-8", "backslashreplace")
    return "".join(_SIGNS.get(c) or (c if c.isprintable() else c.encode("unicode_escape").decode()) for c in text)
