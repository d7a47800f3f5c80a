r"""A knob's value as it is typed: in the terminal, in a chat's `/set`, in a form of the page.

Guarantee: every text ends in `Knob.validate`, so all places accept the same and refuse with the same words. Numbers may
be typed as a Japanese keyboard gives them (０．５); texts stay as they are. No file is read here: a page must not name
files of the machine that serves it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.knobs.knob import Knob

__all__ = ["plain", "typed", "unescape"]

_TRUE: Final = ("true", "on", "yes", "1")
_FALSE: Final = ("false", "off", "no", "0")
_ESCAPE: Final = re.compile(r"\\(n|r|t|\\|u[0-9a-fA-F]{4})")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def typed(knob: Knob, text: str | list[str]) -> Any:
    """The value that a text (or the texts of a repeated option) stands for, checked.

    Raises:
        SettingsError: the knob cannot have it.
    """
    if isinstance(text, list):
        entries = text
    elif knob.kind == "bias":
        entries = [entry for entry in text.split(",") if entry.strip()]
    else:
        entries = [text] if text else []
    match knob.kind:
        case "texts":
            return knob.validate([unescape(entry) for entry in entries])
        case "bias":
            return knob.validate([_bias(knob, entry) for entry in entries])
    one = entries[-1] if entries else ""
    return knob.validate(_READERS.get(knob.kind, str)(one))


def unescape(text: str) -> str:
    r"""`\n`, `\r`, `\t`, `\\` and `\uXXXX` as the characters that they mean; anything else as it stands."""
    return _ESCAPE.sub(lambda m: _ESCAPED.get(m[1]) or chr(int(m[1][1:], 16)), text)


def plain(text: str) -> str:
    """Full-width letters, digits and signs, and the minus sign, as ASCII; for numbers and words of our own, no texts.

    Source: NFKC, Unicode Standard Annex 15; U+2212 is no compatibility character, so NFKC leaves it.
    """
    return unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(plain(text))
        except ValueError:
            continue
    return text  # the knob's own check says what it needs instead


def _truth(text: str) -> bool | str:
    word = plain(text).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else text


def _bias(knob: Knob, entry: str) -> tuple[str, float | int | str]:
    token, equals, bias = entry.partition("=")
    if not equals:
        raise SettingsError(f"{knob.name} = {entry!r}: needs TOKEN=BIAS, such as 12=-5, or 12=-inf to ban the token")
    return token.strip(), _number(bias.strip())


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "int": _number,
    "float": _number,
    "choice": _number,
    "bool": _truth,
}
