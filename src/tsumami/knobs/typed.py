r"""A knob's value as it is typed and shown: in the terminal, in a chat's `/set`, in a form of the page.

Guarantee: every text ends in `Knob.validate`, so all places accept the same and refuse with the same words; and what is
shown can be typed: `typed(knob, shown(knob, value)) == value`, and so do `from_item` and `as_item`. Numbers may be
typed as a Japanese keyboard gives them (０．５); of texts only the escapes are read. No file is read here: a page must
not name files of the machine that serves it.

    knob        shown                      as_item, one of several after each other, such as top_k=40, stop=["."]
    0.5         0.5                        0.5
    True        on                         on
    ("a", "\n") a  and  \n, two entries    ["a", "\n"]
    ((7, -inf),) 7=-inf, one entry         {"7": "-inf"}
    (("a", 2.0),) a=2, one entry           [["a", 2.0]]
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.knobs.knob import Knob

__all__ = ["as_item", "from_item", "plain", "shown", "typed", "unescape"]

_TRUE: Final = ("true", "on", "yes", "1")
_FALSE: Final = ("false", "off", "no", "0")
_ESCAPE: Final = re.compile(r"\\(n|r|t|\\|u[0-9a-fA-F]{4})")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
_ESCAPES: Final = {sign: f"\\{letter}" for letter, sign in _ESCAPED.items()}
_UNSEEN: Final = ("Cc", "Zl", "Zp")  # control characters, and what ends a line


# --- as it is typed ---


def typed(knob: Knob, text: str | list[str]) -> Any:
    """The value that a text (or the texts of a repeated option) stands for, checked.

    Raises:
        SettingsError: the knob cannot have it.
    """
    entries = text if isinstance(text, list) else [text] if text else []
    match knob.kind:
        case "texts" | "tokens":
            return knob.validate([unescape(entry) for entry in entries])
        case "text_bias":
            return knob.validate([_text_bias(knob, entry) for entry in entries])
        case "bias":
            pairs = [pair for entry in entries for pair in plain(entry).split(",") if pair.strip()]
            return knob.validate([_bias(knob, pair) for pair in pairs])
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


def _bias(knob: Knob, entry: str) -> tuple[int | str, float | int | str]:
    """`12=-5`, or `12:-5`."""
    token, equals, bias = entry.replace(":", "=", 1).partition("=")
    if not equals:
        needs = "needs TOKEN=BIAS, such as 12=-5, or 12=-inf to ban the token"
        raise SettingsError(f"{knob.name} = {entry!r}: {needs}", knob=knob.name, value=entry).in_japanese(
            f"{knob.name} = {entry!r}: TOKEN=BIAS の形にしてください（12=-5 や、禁じるなら 12=-inf）"
        )
    try:
        return int(token), _number(bias.strip())
    except ValueError:
        return token.strip(), _number(bias.strip())


def _text_bias(knob: Knob, entry: str) -> tuple[str, float | int | str]:
    """`word=-5`; the last `=` is the one."""
    text, equals, bias = entry.rpartition("=")
    if not equals:
        needs = "needs TEXT=BIAS, such as word=-5, or word=-inf to ban its tokens"
        raise SettingsError(f"{knob.name} = {entry!r}: {needs}", knob=knob.name, value=entry).in_japanese(
            f"{knob.name} = {entry!r}: TEXT=BIAS の形にしてください（word=-5 や、トークンを禁じるなら word=-inf）"
        )
    return unescape(text), _number(plain(bias).strip())


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "int": _number,
    "float": _number,
    "choice": _number,
    "bool": _truth,
}


# --- as it is shown ---


def shown(knob: Knob, value: Any) -> str | list[str]:
    """A value as it can be typed; of texts and biases one text for each."""
    match knob.kind:
        case "texts" | "tokens":
            return [_escape(text) for text in value]
        case "text_bias":
            return [f"{_escape(text)}={_digits(bias)}" for text, bias in knob.validate(value)]
        case "bias":
            return [f"{token}={_digits(bias)}" for token, bias in knob.validate(value)]
        case "bool":
            return "on" if value else "off"
        case "order":
            return value if isinstance(value, str) else ";".join(value) or "none"
        case "grammar" | "schema" | "object" | "regex" | "text":
            return knob.validate(value) or ""
        case "word":
            return str(value)
        case _:
            return _digits(value)


def _escape(text: str) -> str:
    return _without_unseen("".join(_ESCAPES.get(c, c) for c in text))


def _without_unseen(text: str) -> str:
    r"""In one line, whatever is in it; `\uXXXX` is also JSON's own way."""
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _UNSEEN else c for c in text)


def _digits(number: float) -> str:
    """A number in few digits, and in as many as it needs to be read back."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


# --- one of several, after each other in a line ---


def as_item(knob: Knob, value: Any) -> str:
    """A value as it stands in `knob=value, knob=value`: as it is shown, or as JSON where it may hold a comma."""
    match knob.kind:
        case "texts" | "tokens":
            return _json(list(value))
        case "text_bias":
            return _json([[text, _json_bias(bias)] for text, bias in knob.validate(value)])
        case "bias":
            return _json({str(token): _json_bias(bias) for token, bias in knob.validate(value)})
        case "grammar" | "regex" | "text":
            return _json(knob.validate(value))
        case _:
            text = shown(knob, value)
            assert isinstance(text, str)
            return _without_unseen(text) or "null"


def _json_bias(bias: float) -> float | str:
    return "-inf" if bias == -math.inf else bias


def _json(value: object) -> str:
    return _without_unseen(json.dumps(value, ensure_ascii=False))


def from_item(knob: Knob, text: str) -> Any:
    """The value of such an item: JSON, or as it is typed.

    Raises:
        SettingsError: the knob cannot have it.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return typed(knob, text)
    if isinstance(value, bool | int | float):
        return typed(knob, text)
    knob.validate(value)
    return value
