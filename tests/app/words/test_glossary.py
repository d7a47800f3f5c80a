"""One thing, one name: the texts of the page against the glossary."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

import tsumami.app
from tsumami.charts.words import _WORDS
from tsumami.explain.measures import TEXT_MEASURES, TOKEN_MEASURES
from tsumami.knobs import GROUPS, KNOBS
from tsumami.presets import PRESETS

ROOT: Final = Path(__file__).parents[3]
LOCALES: Final = Path(tsumami.app.__file__).parent / "words" / "locales"
_ROW: Final = re.compile(r"^\| (?!thing|---)(.*) \|$", re.MULTILINE)


def glossary(language: str) -> dict[str, list[str]]:
    """The word of each thing, and words that it does not have."""
    rows = [
        [cell.strip() for cell in row.split("|")]
        for row in _ROW.findall((ROOT / "docs/glossary.md").read_text("utf-8"))
    ]
    word, others = (1, 3) if language == "ja" else (2, 4)
    return {row[word]: [one.strip() for one in re.split("[、,]", row[others]) if one.strip()] for row in rows}


def texts(language: str) -> dict[str, str]:
    """Everything that the page says, by where it stands."""
    at = ("ja", "en").index(language)
    said: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text("utf-8"))
    said |= {f"chart {key}": words[at] for key, words in _WORDS.items()}
    for name, knob in KNOBS.items():
        for part in ("label", "line", "paragraph"):
            said[f"{name} {part}"] = getattr(knob, f"{part}_{language}")
    said |= {f"group {name}": group[at] for name, group in GROUPS.items()}
    said |= {f"preset {name}": getattr(one, f"line_{language}") for name, one in PRESETS.items()}
    said |= {f"measure {one.name}": getattr(one, language) for one in (*TEXT_MEASURES, *TOKEN_MEASURES)}
    return said


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_thing_is_named_in_two_ways(language: str) -> None:
    others = {other: word for word, found in glossary(language).items() for other in found}
    assert len(others) > 5
    wrong = {
        where: f"{other} is called {word}"
        for where, text in texts(language).items()
        for other, word in others.items()
        if re.search(rf"\b{other}\b" if language == "en" else other, text, re.IGNORECASE)
    }
    assert wrong == {}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_glossary_s_words_are_those_that_are_used(language: str) -> None:
    said = "\n".join(texts(language).values()).lower()
    unused = [one for word in glossary(language) for one in re.split("[、,] ?", word) if one.lower() not in said]
    assert unused == []
