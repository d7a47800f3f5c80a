"""Which writing a character is of, against the names that Unicode gives characters."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.speech.writing import HAN, KANA, has_hangul, has_japanese, has_kana

#: By the beginning of their names: of letters, for marks of length and sound belong to no script.
OF_KANA = re.compile(r"(HALFWIDTH )?(HIRAGANA|KATAKANA|HENTAIGANA) (LETTER|ITERATION|VOICED ITERATION|DIGRAPH)")
OF_HAN = re.compile(
    r"CJK (UNIFIED|COMPATIBILITY) IDEOGRAPH-|CJK RADICAL|KANGXI RADICAL|IDEOGRAPHIC (ITERATION|CLOSING)"
)
OF_HANGUL = re.compile(r"(HALFWIDTH )?HANGUL (SYLLABLE|LETTER|CHOSEONG|JUNGSEONG|JONGSEONG) ")


def all_of(names: re.Pattern[str]) -> list[str]:
    """Every character whose name begins so."""
    every = map(chr, range(sys.maxunicode + 1))
    return [one for one in every if names.match(unicodedata.name(one, ""))]


def test_every_code_point_counts_as_what_its_name_says() -> None:
    kana, han, hangul = all_of(OF_KANA), all_of(OF_HAN), all_of(OF_HANGUL)
    assert len(kana) > 500
    assert len(han) > 90_000
    assert len(hangul) > 11_000
    assert [one for one in kana if not has_kana(one)] == []
    assert [one for one in han if not re.fullmatch(f"[{HAN}]", one)] == []
    assert [one for one in hangul if not has_hangul(one)] == []
    assert [one for one in hangul if has_japanese(one)] == [], "Korean is not Japanese"
    named = re.compile(r"HIRAGANA|KATAKANA|HENTAIGANA|CJK|KANGXI|IDEOGRA|HANGZHOU|SQUARE |OLD CHINESE|VIETNAMESE")
    letters = re.compile(f"[{KANA}{HAN}]")
    every = (chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) != "Cn")
    assert [
        f"{ord(one):x}" for one in every if letters.match(one) and not named.search(unicodedata.name(one, ""))
    ] == []


@given(st.text(), st.sampled_from(["NFC", "NFD"]))
def test_composing_a_text_does_not_change_whose_it_is(text: str, form: Any) -> None:
    assert has_japanese(unicodedata.normalize(form, text)) is has_japanese(text)


def test_no_source_of_the_rules_holds_a_character_that_normalising_changes() -> None:
    source = sys.modules["tsumami.speech.writing"].__file__
    assert source is not None
    assert Path(source).read_text("utf-8").isascii()


@pytest.mark.parametrize("text", ["東京", "\u8c48", "\uf900", "\u3005", "\u30f7", "ｱ", "한국의 ひらがな"])
def test_kana_and_kanji_are_japanese(text: str) -> None:
    assert has_japanese(text)


@pytest.mark.parametrize("text", ["안녕하세요", "大韓民國 만세", "Hello", "Привет", "", "。"])
def test_korean_and_what_has_neither_is_not(text: str) -> None:
    assert not has_japanese(text)
