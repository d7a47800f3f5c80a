"""The lesson says the same in both languages."""

from __future__ import annotations

import re
import string

import pytest

from tsumami.course import LANGUAGES, N_QUESTIONS, PARTS, STRATEGIES, VARIANTS, Words, table, variants


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(table("ja")) == list(table("en"))


@pytest.mark.parametrize("key", table("ja"))
def test_both_languages_fill_in_the_same_places(key: str) -> None:
    ja, en = table("ja")[key], table("en")[key]
    assert ja.strip()
    assert en.strip()
    assert places(ja) == places(en)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_part_asks_shows_and_explains(language: str) -> None:
    words = Words(language)  # type: ignore[arg-type]
    for part in PARTS:
        assert all(words(f"{part}.{what}") for what in ("title", "question", "try", "notice", "why"))
    for number in range(1, N_QUESTIONS + 1):
        assert words(f"quiz.{number}.question")
        assert words(f"quiz.{number}.answer")
    for name in STRATEGIES:
        assert words(f"strategies.name.{name}")
        assert words(f"strategies.about.{name}")


def test_japanese_is_japanese_and_english_is_english() -> None:
    kana = re.compile("[ぁ-んァ-ヶ一-龠]")
    names = {f"strategies.name.{name}" for name in ("mirostat", "top_k", "nucleus", "min_p")}
    exempt = {key for key in table("ja") if key.startswith("prompts.variant.")} | names | {"loop.grown", "loop.top"}
    assert [key for key, text in table("ja").items() if not kana.search(text) and key not in exempt] == []
    assert [key for key, text in table("en").items() if kana.search(text)] == []


def test_variants_hold_the_prompt_once() -> None:
    made = variants(Words("ja"), "夢を")
    assert list(made) == list(VARIANTS)
    assert all(text.count("夢を") == 1 for text in made.values())
    assert made["plain"] == "夢を"
