"""The page's words, in Japanese and English.

Guarantee: both languages have the same keys (a test compares them), and a key that does not exist is an error of ours,
never an empty label. What knobs mean is not here but in the knob table.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources

from tsumami.errors import TsumamiError, japanese
from tsumami.knobs import Knob
from tsumami.wording import LANGUAGES as LANGUAGES
from tsumami.wording import Language as Language
from tsumami.wording import filled
from tsumami.wording import preferred as preferred


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language: `texts("key", name=value)`."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`, its {places} filled in."""
        return filled(_table(self.language)[key], **values) if values else _table(self.language)[key]

    def pick(self, ja: str, en: str) -> str:
        """One of two texts that come in both languages, such as a knob's."""
        return ja if self.language == "ja" else en

    def error(self, error: TsumamiError) -> str:
        """What went wrong: a sentence in this language, then the details that the error names."""
        if isinstance(error, PageProblem):
            return self(error.key, **{name: self._shown(value) for name, value in error.values.items()})
        for kind in type(error).__mro__:
            if f"error.{kind.__name__}" in _table(self.language):
                return self(f"error.{kind.__name__}", detail=self._detail(error))
        raise AssertionError("every error is a TsumamiError, which has a text")

    def allowed(self, knob: Knob) -> str:
        """A knob's valid range in words."""
        return self.pick(knob.allowed_ja, knob.allowed)

    def _shown(self, value: object) -> object:
        """What stands in a problem's text, in this language."""
        if isinstance(value, Knob):
            return self.allowed(value)
        return value(self) if callable(value) else value

    def _detail(self, error: TsumamiError) -> str:
        """What an error names."""
        return self.pick(japanese(error), str(error))


@dataclass(frozen=True, slots=True)
class Word:
    """A text of the page by its key, to stand in another one: the label of a box, say."""

    key: str

    def __call__(self, texts: Texts) -> str:
        """The text."""
        return texts(self.key)


class PageProblem(TsumamiError):
    """Something that the page cannot do as it was asked. It is words only where it is told, by `Texts.error`.

    key: of the text that says what, and what would be right.
    values: what stands in the text; a `Word`, or another function of the `Texts`, stands for what it gives, and a
    `Knob` for what it allows.
    """

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


@functools.cache
def _table(language: Language) -> dict[str, str]:
    source = resources.files("tsumami.app.words") / "locales" / f"{language}.json"
    table: dict[str, str] = json.loads(source.read_text("utf-8"))
    return table
