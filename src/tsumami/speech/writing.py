"""Which writing a text is in, as far as voices and sentences need to know.

Guarantee: a character counts by its code point. The ranges are written as escapes: a literal ideograph of the
compatibility block (U+F900) becomes another one wherever a text is normalised, and once made Korean count as Japanese.

Source: Unicode Character Database, Scripts.txt (Hiragana, Katakana, Han, Hangul), Unicode 15.
"""

from __future__ import annotations

import re
from typing import Final

#: The body of a character class: letters of hiragana and katakana, full and half width, small, circled and historical.
KANA: Final = (
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\u32d0-\u32fe\u3300-\u3357\uff66-\uff6f\uff71-\uff9d"
    "\U0001aff0-\U0001afff\U0001b000-\U0001b122\U0001b132\U0001b150-\U0001b152\U0001b155\U0001b164-\U0001b167\U0001f200"
)
#: Ideographs, which Chinese has too, with their radicals and the marks that stand for one (U+3005 repeats the one
#: before, U+3006 closes a letter).
HAN: Final = (
    "\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufa6d\ufa70-\ufad9\U00016ff0\U00016ff1\U00020000-\U0002a6df\U0002a700-\U0002ebe0\U0002ebf0-\U0002ee5d"
    "\U0002f800-\U0002fa1d\U00030000-\U000323af"
)
#: What stands in a Japanese word, with the marks of sound and length that belong to no script.
JAPANESE: Final = f"{KANA}{HAN}\u3099-\u309c\u30fb\u30fc\uff70\uff9e\uff9f"
_HANGUL: Final = (
    "\u1100-\u11ff\u302e\u302f\u3131-\u318e\u3200-\u321e\u3260-\u327e"
    "\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uffa0-\uffdc"
)
_OF_KANA: Final = re.compile(f"[{KANA}]")
_OF_HAN: Final = re.compile(f"[{HAN}]")
_OF_HANGUL: Final = re.compile(f"[{_HANGUL}]")


def has_kana(text: str) -> bool:
    """Whether `text` has hiragana or katakana, which only Japanese has."""
    return bool(_OF_KANA.search(text))


def has_hangul(text: str) -> bool:
    """Whether `text` has letters or syllables of Korean."""
    return bool(_OF_HANGUL.search(text))


def has_japanese(text: str) -> bool:
    """Whether `text` has kana, or kanji (which Chinese has too, and Korean, where hangul stand beside them)."""
    return has_kana(text) or (bool(_OF_HAN.search(text)) and not has_hangul(text))
