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


@dataclass(frozen=True, slots=True)
class Released:
    """Text that may be shown now, and the stop string that ended everything, if one did."""

    text: str
    stop: str | None = None


class TextStream:
    """Feed bytes, get text. Bytes that are no character come out as U+FFFD. Stop strings that are complete with the
    first `unheeded` tokens do not count.
    """

    def __init__(self, stop: Sequence[str] = (), unheeded: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(stop)
        self._unheeded = unheeded
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> Released:
        """Take the bytes of one more token; `final`: nothing follows, so let go of what was held back."""
        self._held += self._decoder.decode(data, final)
        self._unheeded -= 1
        found = self._complete_stop() if self._unheeded < 0 else None
        if found is not None:
            shown, self._held = self._held[: found[0]], ""
            return Released(shown, found[1])
        keep = 0 if final else self._possible_stop()
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return Released(shown)

    def _complete_stop(self) -> tuple[int, str] | None:
        """Where in the held text a stop string begins, and which."""
        return min(
            ((at, text) for text in self._stop if (at := self._held.find(text)) >= 0),
            default=None,
            key=lambda hit: (hit[0] + len(hit[1]), hit[0]),
        )

    def _possible_stop(self) -> int:
        """Length of the longest end of the held text that a stop string may begin with."""
        longest = 0
        for text in self._stop:
            for length in range(min(len(text) - 1, len(self._held)), longest, -1):
                if self._held.endswith(text[:length]):
                    longest = length
                    break
        return longest
