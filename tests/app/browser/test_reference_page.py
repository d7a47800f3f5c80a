"""The reference in a real page: mathematics is drawn, and the search answers while one types."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tsumami.knobs import KNOBS

from .desk import Desk
from .looking import open_tab


def opened(page: Page) -> Page:
    open_tab(Desk(page), "reference")
    expect(page.locator("#reference .entry math").first).to_be_visible()
    return page


def found(page: Page) -> list[str]:
    """The knobs that are shown, in the order in which they stand."""
    names: list[str] = page.eval_on_selector_all(
        "#reference .entry:not([hidden])",
        "rows => rows.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
        ".map(row => row.id.replace('reference-', ''))",
    )
    return names


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_knob_has_its_formula_drawn_and_nothing_is_cut_off(page_of: Any, language: str) -> None:
    page = opened(page_of(language))
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert found(page) == list(KNOBS)
        drawn = page.locator("#reference .entry math")
        expect(drawn).to_have_count(sum(bool(knob.formula) for knob in KNOBS.values()))
        assert not page.evaluate(
            "() => [...document.querySelectorAll('link, script')].some(one => /katex/i.test(one.href || one.src))"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("language", "searches"),
    [
        ("ja", {"nucleus": ("top_p", 0), "num_predict": ("max_tokens", 0), "ＴＯＰ－Ｋ": ("top_k", 1),
                "繰り返し ペナルティ": ("repeat_penalty", 1)}),
        ("en", {"シード": ("seed", 0), "penalty dry": ("dry_penalty_last_n", 1)}),
    ],
)  # fmt: skip
def test_the_search_finds_names_words_and_other_engines(
    page_of: Any, language: str, searches: dict[str, tuple[str, int]]
) -> None:
    page = opened(page_of(language))
    for typed, (first, others) in searches.items():
        page.locator("#reference-search textarea, #reference-search input").first.focus()
        page.keyboard.insert_text(typed)  # as an input method does: no key is pressed
        expect(page.locator("#reference .found")).not_to_contain_text(str(len(KNOBS)))
        names = found(page)
        assert names[0] == first
        assert len(names) > others
        page.keyboard.press("Control+a")
        page.keyboard.press("Backspace")
        expect(page.locator("#reference .found")).to_contain_text(str(len(KNOBS)))
        assert found(page) == list(KNOBS)


def test_a_click_unfolds_the_paragraph(page_of: Any) -> None:
    page = opened(page_of("en"))
    words = page.locator("#reference-tfs_z").get_by_text(KNOBS["tfs_z"].paragraph_en[:40])
    expect(words).to_be_hidden()
    page.locator("#reference-tfs_z summary").click()
    expect(words).to_be_visible()
