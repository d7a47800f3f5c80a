"""Entries: what the history says of one result without reading the whole of it."""

from __future__ import annotations

import datetime
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Final

from tsumami.settings import Settings

__all__ = ["RESULT", "ChatTurn", "Entry", "SaidBefore", "language_of"]

_RARE: Final = ("own", "chosen", "before")
RESULT: Final = "done"
"""What stands for the stop reason of a result that is no run: a map, a grid, a comparison."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One result. `key` is its id, which cannot be guessed; `parent` the id of what it goes on from or was branched
    off; `made` in seconds since 1970 (UTC); `tokens` how many were generated; `stop` why it stopped, None where it was
    being written when its process ended; `asked` and `said` the first line of prompt and reply.
    """

    key: str
    parent: str | None
    kind: str
    made: float
    title: str
    starred: bool
    tags: tuple[str, ...]
    model: str
    fingerprint: str
    seed: int
    tokens: int
    stop: str | None
    language: str
    settings: Settings
    asked: str
    said: str

    @property
    def finished(self) -> bool:
        """Whether it was written to its end."""
        return self.stop is not None

    @property
    def is_run(self) -> bool:
        """Whether it is one run, and no map, grid or comparison."""
        return self.stop != RESULT

    @property
    def when(self) -> datetime.datetime:
        """When it was made, in local time."""
        return datetime.datetime.fromtimestamp(self.made, datetime.UTC).astimezone()

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"tags": list(self.tags), "settings": self.settings.to_dict(), "finished": self.finished}


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """An exchange before a reply: `kept`, the id of its reply, or the texts of one that the history does not have, and
    how many characters at the beginning of `reply` are a reader's own words.
    """

    kept: str = ""
    user: str = ""
    reply: str = ""
    own: int = 0


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """What a reply of a chat answers, so that the chat can go on from it. user: the whole message; system: the system
    prompt, None for the format's own; memory: past exchanges that the prompt holds, None for the format's own; begun:
    how the reply begins before the run's own text; again: whether it goes on with its parent's reply and stands in the
    place of that; own: how many characters at the beginning of the reply are a reader's own words; chosen: which of its
    tokens, from 1, a reader chose, 0 for none; before: what was said before, where something was taken out or written
    by a reader, None where it is what the parents say.
    """

    user: str
    system: str | None = None
    memory: int | None = None
    begun: str = ""
    again: bool = False
    own: int = 0
    chosen: int = 0
    before: tuple[SaidBefore, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The turn as plain values; what only some have is there where they have it."""
        form = asdict(self)
        return {name: value for name, value in form.items() if name not in _RARE or value not in (0, None)}

    @classmethod
    def from_dict(cls, form: dict[str, Any]) -> ChatTurn:
        """What `to_dict` gave.

        Raises:
            TypeError: it is something else.
        """
        before = form.get("before")
        made = cls(**{**form, "before": None if before is None else tuple(SaidBefore(**one) for one in before)})
        kinds = [(made.user, str), (made.system, str | None), (made.memory, int | None), (made.begun, str)]
        kinds += [(made.own, int), (made.chosen, int)]
        for one in made.before or ():
            kinds += [(one.kept, str), (one.user, str), (one.reply, str), (one.own, int)]
        if not all(isinstance(value, kind) for value, kind in kinds):
            raise TypeError(f"{form!r} is no turn of a chat")
        return made


def language_of(text: str) -> str:
    """The language that the letters of a text speak for: ja, ko, zh, ru, ar, or en where they are Latin; "" for none.

    Kana decide for Japanese, since it shares its other characters with Chinese.
    """
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in set(text[:2000]) if letter.isalpha()}
    for script, language in (
        ("HIRAGANA", "ja"),
        ("KATAKANA", "ja"),
        ("HANGUL", "ko"),
        ("CJK", "zh"),
        ("CYRILLIC", "ru"),
        ("ARABIC", "ar"),
        ("LATIN", "en"),
    ):
        if script in scripts:
            return language
    return ""
