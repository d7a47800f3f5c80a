"""The reference says what the knob table says, all of it, in both languages."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tsumami.app.tabs.reference import tab as reference_tab
from tsumami.app.words.texts import LANGUAGES, Language, Texts
from tsumami.knobs import KNOBS, Knob

ALL = [pytest.param(knob, id=name) for name, knob in KNOBS.items()]


def shown(language: Language) -> str:
    """All that the tab holds, without its tags."""
    texts = Texts(language)
    return unescape(re.sub(r"<[^>]*>", " ", reference_tab.notes(texts) + reference_tab.table(texts)))


@pytest.fixture(scope="module")
def pages() -> dict[Language, str]:
    """The tab in each language."""
    return {language: shown(language) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("knob", ALL)
def test_every_knob_is_there_with_all_that_the_table_knows(
    knob: Knob, language: Language, pages: dict[Language, str]
) -> None:
    texts, page = Texts(language), pages[language]
    said = [knob.name, *knob.aliases, *knob.aliases.values(), reference_tab.default(texts, knob)]
    said += [texts.pick(knob.label_ja, knob.label_en), texts.pick(knob.line_ja, knob.line_en)]
    said += [texts.pick(knob.paragraph_ja, knob.paragraph_en), texts.allowed(knob)]
    said += [reference_tab.source(knob.paper).title] if knob.paper else []
    assert [text for text in said if text not in page] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_newcomer_is_told_what_to_do_first(language: Language, pages: dict[Language, str]) -> None:
    texts = Texts(language)
    for name in ("seed", "history", "open", "context"):
        assert texts(f"reference.note.{name}.title") in pages[language]
        assert texts(f"reference.note.{name}.text") in pages[language]


@pytest.mark.parametrize("knob", ALL)
def test_the_range_in_words_is_the_range_of_the_table(knob: Knob) -> None:
    assert Texts("en").allowed(knob) == knob.allowed
    numbers = re.compile(r"-?\d[\d.e+-]*")
    assert numbers.findall(Texts("ja").allowed(knob)) == numbers.findall(knob.allowed)


@pytest.mark.parametrize(
    ("name", "japanese"),
    [
        ("top_p", "0 以上 1 以下"),
        ("repeat_penalty", "1e-10 以上"),
        ("temperature", "0、または 1e-15 以上"),
        ("mirostat_mode", "0, 1, 2 のどれか"),
        ("penalize_prompt", "true または false"),
    ],
)
def test_a_range_reads_naturally_in_japanese(name: str, japanese: str) -> None:
    assert Texts("ja").allowed(KNOBS[name]) == japanese


@pytest.mark.parametrize("knob", [knob for knob in KNOBS.values() if knob.paper])
def test_a_paper_is_a_title_and_an_address(knob: Knob) -> None:
    found = reference_tab.source(knob.paper or "")
    assert found.title
    assert re.fullmatch(r"https://[^\s()]+", found.address)
    assert " ".join(filter(None, found)) == knob.paper


def test_html_ends_neither_the_table_nor_itself() -> None:
    table = reference_tab.table(Texts("en"))
    assert table.count("<div") == table.count("</div>")
