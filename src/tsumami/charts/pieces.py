"""Tokens as a reader sees them: characters whole, what is invisible made visible.

Guarantee: the texts of all groups of a reply, joined, are its bytes decoded as UTF-8 (U+FFFD for what is none); a group
is as short as can be, so a character made of several tokens is one group, and every other token is one alone.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

from tsumami.runs.signs import SPACE, signed


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens start .. stop (as in a slice) that make whole characters, and their text."""

    start: int
    stop: int
    text: str


def groups(pieces: Iterable[bytes]) -> list[Group]:
    """The tokens of a reply, those that share a character together."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found: list[Group] = []
    start, text, at = 0, "", 0
    for at, piece in enumerate(pieces, 1):
        text += decoder.decode(piece)
        if not decoder.getstate()[0]:
            found.append(Group(start, at, text))
            start, text = at, ""
    if start < at:
        found.append(Group(start, at, text + decoder.decode(b"", final=True)))
    return found


def visible(piece: bytes) -> str:
    r"""One token's bytes as a label: spaces at its ends as ␣, line breaks as ⏎, bytes that are no character as \xNN."""
    text = signed(piece)
    if text.startswith(" ") or text.endswith(" "):
        text = text.replace(" ", SPACE)
    return text or "∅"


def in_hex(piece: bytes) -> str:
    """The bytes in hexadecimal, such as `e3 81 82`."""
    return piece.hex(" ")
