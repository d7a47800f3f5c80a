"""The lesson's words, in Japanese and English: one structure, two languages.

Guarantee: both languages have the same keys and the same places to fill in (a test compares them), and a key that does
not exist is an error of ours, never an empty label.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final

from tsumami.wording import Language, filled

#: The parts of the lesson, in order; each has `title`, `question`, `try`, `notice` and `why`.
PARTS: Final = ("loop", "tokens", "lengths", "strategies", "prompts", "time", "inside")
#: How many questions stand at the end.
N_QUESTIONS: Final = 5

#: The text that everything begins with.
PROMPT: Final = "The sky above the city looked calm, but"
#: The texts whose lengths are compared.
PROMPTS: Final = (
    PROMPT,
    "Elixir is pleasant for interactive experiments because",
    "A robot entered the library and asked",
    "Write a short poem about rain and memory.",
    "雨と記憶について短い詩を書いてください。",
)
#: The words that are put before a prompt to see what they change; keys `prompts.variant.*` and `prompts.label.*`.
VARIANTS: Final = ("plain", "mystery", "cheerful")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language: `words("loop.title")`, `words("loop.ids", n=3, ids="…")`."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`, its {places} filled in."""
        return filled(table(self.language)[key], **values) if values else table(self.language)[key]

    def columns(self, part: str, names: list[str]) -> dict[str, str]:
        """The headings of a table's columns, by their names in the code."""
        return {name: self(f"{part}.column.{name}") for name in names}


@functools.cache
def table(language: Language) -> MappingProxyType[str, str]:
    """All texts of a language by key."""
    source = resources.files("tsumami.course") / "texts" / f"{language}.json"
    found: dict[str, str] = json.loads(source.read_text("utf-8"))
    return MappingProxyType(found)


def variants(words: Words, prompt: str) -> dict[str, str]:
    """The variants of a prompt by name, in the order of `VARIANTS`."""
    return {name: words(f"prompts.variant.{name}", prompt=prompt) for name in VARIANTS}
