"""Bytes to text, as it streams: whole characters only, and never a part of a stop string.

Guarantee: the pieces that come out, joined, are the text; a character that is split over tokens comes out once, whole,
with its last byte; a stop string is found also across tokens, and nothing of it or after it ever comes out. All this
depends on the bytes alone, never on how tokens split them: of several stop strings, the one that is complete first
counts (of those complete with the same character, the longest).
"""

from __future__ import annotations

import codecs
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tsumami.runs.stops import stop_strings


def whole_characters(text: str, pieces: Sequence[bytes]) -> str:
    """The text of tokens with these bytes, without the U+FFFD that stands for a character which they only begin."""
    if not text.endswith("\ufffd"):
        return text
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(b"".join(pieces))
    return text[:-1] if decoder.getstate()[0] else text


@dataclass(frozen=True, slots=True)
class Released:
    """Text that may be shown now, and the stop string that ended everything, if one did. `read`: the characters that
    became whole, shown or not, up to (without) the one with which a stop string was complete; `open`: whether the bytes
    end within a character.
    """

    text: str
    stop: str | None = None
    read: str = field(default="", compare=False)
    open: bool = field(default=False, compare=False)


class TextStream:
    """Feed bytes, get text. Bytes that are no character come out as U+FFFD.

    `signs`: characters that stand for tokens which are no text, and the names by which stop strings call these; they
    count where a stop string is looked for, and are never shown. `unheeded`: stop strings that are complete with the
    first so many tokens do not count.
    """

    def __init__(
        self, stop: Sequence[str] = (), signs: Mapping[str, bytes] | None = None, *, unheeded: int = 0
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._signs = {sign: name.decode("utf-8", "replace") for sign, name in (signs or {}).items()}
        self._meant = {text: text for text in stop}
        for text in stop:
            self._meant[self._signed(text)] = text
        self._stop = stop_strings(tuple(self._meant))
        self._state = 0
        self._held = ""
        self._unheeded = unheeded

    def feed(self, data: bytes, *, sign: str = "", final: bool = False) -> Released:
        """Take the bytes of one more token, or its sign; `final`: nothing follows, so let go of what was held back."""
        self._unheeded -= 1
        read = self._decoder.decode(data, final)
        for place, character in enumerate(read + sign):
            self._held += character
            self._state = self._stop.after(self._state, character)
            length = self._stop.complete(self._state)
            if length and self._unheeded < 0:
                shown, found = self._held[:-length], self._held[-length:]
                self._held = ""
                return Released(self._shown(shown), self._meant[found], read[:place])
        keep = 0 if final else self._stop.begun(self._state)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return Released(self._shown(shown), None, read, bool(self._decoder.getstate()[0]))

    def copy(self) -> TextStream:
        """An independent stream in the same place."""
        made = copy.copy(self)
        made._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        made._decoder.setstate(self._decoder.getstate())
        return made

    def _signed(self, stop: str) -> str:
        """The stop string with signs for names; the longest name first, as one may begin with another."""
        for sign, name in sorted(self._signs.items(), key=lambda one: -len(one[1])):
            stop = stop.replace(name, sign)
        return stop

    def _shown(self, text: str) -> str:
        return "".join(letter for letter in text if letter not in self._signs) if self._signs else text
