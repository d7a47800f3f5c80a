"""Folding: what a search compares, which is not what a text looks like to a computer.

Guarantee: a text is folded character by character, so what is a part of a text is a part of it folded. Compatible forms
are one (full and half width, ligatures, accents as marks of their own), and so are large and small letters. A search
for e finds é, one for ガ finds ｶﾞ, and none of them minds capitals.

Source: Unicode's compatibility decomposition (NFKD) and case folding, of one character at a time.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

__all__ = ["END", "folded"]

#: Stands twice at the end of a text that is looked through, so that each of its characters begins three; no folded text
#: has it.
END: Final = "\1"

#: What SQLite's tokeniser or UTF-8 cannot hold.
_STAND_IN: Final = "\N{REPLACEMENT CHARACTER}"


def folded(text: str) -> str:
    """The text as it is compared."""
    plain = text.isascii() and "\0" not in text and END not in text
    return text.lower() if plain else "".join(map(_folded, text))


@functools.lru_cache(maxsize=1 << 16)
def _folded(character: str) -> str:
    if character in ("\0", END) or "\ud800" <= character <= "\udfff":
        return _STAND_IN
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
