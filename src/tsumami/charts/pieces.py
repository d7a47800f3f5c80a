"""Tokens as a reader sees them: characters whole, what is invisible made visible.

Guarantee: the texts of all groups of a reply, joined, are its bytes decoded as UTF-8 (U+FFFD for what is none); a group
is as short as can be, so a character made of several tokens is one group, and every other token is one alone. Nothing
is drawn here, so strings and Altair both build on it.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tsumami.runs import Step

#: The bytes of a token: `model.tokenizer.piece`.
Piece = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Characters:
    """Tokens start .. stop (as in a slice) that make whole characters, and their text."""

    start: int
    stop: int
    text: str


def groups(pieces: Iterable[bytes]) -> list[Characters]:
    """The tokens of a reply, those that share a character together."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found: list[Characters] = []
    start, text, at = 0, "", 0
    for at, piece in enumerate(pieces, 1):
        text += decoder.decode(piece)
        if not decoder.getstate()[0]:
            found.append(Characters(start, at, text))
            start, text = at, ""
    if start < at:
        found.append(Characters(start, at, text + decoder.decode(b"", final=True)))
    return found


def in_hex(piece: bytes) -> str:
    """The bytes in hexadecimal, such as `e3 81 82`."""
    return piece.hex(" ")


def surprise(step: Step) -> float:
    """-log2 of the raw probability, in bits: how little the model expected the token."""
    return -math.log2(max(step.p_raw, 1e-30))
