"""What became of a setting on its way from one program to another: one note a setting, with its words.

Guarantee: notes are values. Whatever a file holds, and whatever it leaves out that makes a difference, is in one of
them; whoever reads them all knows what was kept and what was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from tsumami.wording import Language

__all__ = ["FATES", "LOSSES", "Fate", "Note", "Phrase"]


class Phrase(NamedTuple):
    """One thing said in Japanese and in English."""

    ja: str = ""
    en: str = ""

    def told(self, language: Language) -> str:
        """In that language."""
        return self.ja if language == "ja" else self.en

    def filled(self, **values: object) -> Phrase:
        """With values in their places."""
        return Phrase(self.ja.format(**values), self.en.format(**values))


Fate = Literal[
    "taken", "converted", "assumed", "order", "limited", "ignored", "lost", "refused", "elsewhere", "unknown"
]
"""What can become of a setting; `FATES` says it in words."""

FATES: Final[dict[Fate, Phrase]] = {
    "taken": Phrase("そのまま", "taken"),
    "converted": Phrase("換算", "converted"),
    "assumed": Phrase("ファイルにないので補った", "not in the file: filled in"),
    "order": Phrase("サンプラーの順序", "order of samplers"),
    "limited": Phrase("範囲に収めた", "limited"),
    "ignored": Phrase("相手のプログラムも使わない", "ignored by that program itself"),
    "lost": Phrase("表せない", "not expressible"),
    "refused": Phrase("使えない値", "a value that cannot be used"),
    "elsewhere": Phrase("サンプリングの設定ではない", "no sampling setting"),
    "unknown": Phrase("知らない名前", "unknown name"),
}
"""The fates, in the order in which a report shows them."""

LOSSES: Final[tuple[Fate, ...]] = ("limited", "ignored", "lost", "refused", "unknown")
"""Those that change the text, as against what was taken or filled in as that program has it."""


@dataclass(frozen=True, slots=True)
class Note:
    """One setting. `foreign` and `value`: its name and value there ("" and None if it has none); `knob` and `ours`: the
    same here.
    """

    fate: Fate
    foreign: str
    value: Any
    knob: str | None
    ours: Any
    words: Phrase

    def told(self, language: Language) -> str:
        """The note as one line: `top_p 0.9 -> top_p 0.9: words`."""
        there = f"{self.foreign} {_short(self.value)}" if self.foreign else ""
        here = "" if self.knob is None else f"{self.knob} {_short(self.ours)}"
        pair = " → ".join(part for part in (there, here) if part)
        words = self.words.told(language)
        return f"{pair}: {words}" if pair and words else pair or words

    def to_dict(self) -> dict[str, Any]:
        """The note as plain values."""
        plain = {name: getattr(self, name) for name in ("fate", "foreign", "value", "knob", "ours")}
        return {**plain, "ja": self.words.ja, "en": self.words.en}


_WIDTH: Final = 60


def _short(value: Any) -> str:
    text = "" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
