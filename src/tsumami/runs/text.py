"""Bytes to text, as it streams: whole characters only, and never a part of a stop string.

Guarantee: the pieces that come out, joined, are the text; a character that is split over tokens comes out once, whole,
with its last byte; a stop string is found also across tokens, and nothing of it or after it ever comes out. All this
depends on the bytes alone, never on how tokens split them: of several stop strings, the one that is complete first
counts (of those complete with the same character, the longest).
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from tsumami.runs.stops import stop_strings


@dataclass(frozen=True, slots=True)
class Released:
    """Text that may be shown now, and the stop string that ended everything, if one did."""

    text: str
    stop: str | None = None


class TextStream:
    """Feed bytes, get text. Bytes that are no character come out as U+FFFD."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = stop_strings(tuple(stop))
        self._state = 0
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> Released:
        """Take the bytes of one more token; `final`: nothing follows, so let go of what was held back."""
        for character in self._decoder.decode(data, final):
            self._held += character
            self._state = self._stop.after(self._state, character)
            length = self._stop.complete(self._state)
            if length:
                shown, found = self._held[:-length], self._held[-length:]
                self._held = ""
                return Released(shown, found)
        keep = 0 if final else self._stop.begun(self._state)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return Released(shown)
