"""Lanes side by side in a real page, and why they part."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from .conftest import Pages
from .desk import Desk
from .looking import open_tab, text


def compare(page: Page, lanes: str, *, tokens: int = 24) -> Desk:
    """Open the tab and compare."""
    desk = Desk(page)
    open_tab(desk, "compare")
    page.locator("#compare-lanes textarea").fill(lanes)
    page.locator("#compare-most input").fill(f"{tokens}")
    page.keyboard.press("Tab")
    desk.quiet()
    desk.press("compare-go")
    return desk


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("ja", ("トークンから分かれます", "確かめました", "パープレキシティ")),
        ("en", ("They part", "Checked", "perplexity")),
    ],
)
def test_two_settings_and_the_sentence(page_of: Pages, locale: str, words: tuple[str, ...]) -> None:
    page = page_of(locale)
    desk = compare(page, "temperature=0.8\ntemperature=3")
    page.locator("#compare-view .why").wait_for()
    assert page.locator("#compare-view .tsu-lane").count() == 2
    said = text(page, "#compare-view")
    for word in ("temperature=3", *words):
        assert word.lower() in said.lower()
    assert page.locator("#compare-view .tsu-mark").count() == 1
    assert page.locator("#compare-view .tsu-line").count() == 2
    page.locator("#compare-measures svg").first.wait_for()
    desk.quiet()


def test_lanes_of_one_knob_are_made_and_may_agree(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    open_tab(desk, "compare")
    desk.press("compare-make")
    assert page.locator("#compare-lanes textarea").input_value() == "top_k=40\ntop_k=100"
    page.locator("#compare-most input").fill("3")
    page.keyboard.press("Tab")
    desk.press("compare-go")
    assert "All 3 tokens are the same." in text(page, "#compare-view")
    assert page.locator("#compare-view details").count() == 2


def test_seeds_and_prompts_are_lanes_too_and_any_lane_is_the_reference(page_of: Pages) -> None:
    page = page_of("en")
    desk = compare(page, "seed=1\nseed=2\nprompt=Name three rivers.", tokens=10)
    assert page.locator("#compare-view .tsu-lane").count() == 3
    heads = page.locator("#compare-view .why b")
    assert [head[0] for head in heads.all_inner_texts()] == ["A", "A"]
    for to, pairs in (("2", [("C", "A"), ("C", "B")]), ("neighbours", [("A", "B"), ("B", "C")])):
        page.locator(f"#compare-why [data-to='{to}']").click()
        desk.until(
            lambda pairs=pairs: (
                [tuple(one.split()[0] for one in head.split("↔")) for head in heads.all_inner_texts()] == pairs
            )
        )
    assert page.locator("#compare-why .tsu-call.first").count(), "what was chosen is named, however narrow its share is"


@pytest.mark.parametrize(
    "lanes", ["temperature=1", "\n".join(["temperature=1"] * 20), "no knob\ntop_k=1", "nothing=1\ntop_k=1"]
)
def test_what_cannot_be_compared_is_said(page_of: Pages, lanes: str) -> None:
    page = page_of("en")
    desk = compare(page, lanes)
    assert desk.notice()
    assert page.locator("#compare-view .tsu-lane").count() == 0


def test_nothing_widens_a_phones_page(page_of: Pages) -> None:
    page = page_of("ja", width=390, height=844, dark=True)
    compare(page, "temperature=0\ntemperature=3", tokens=12)
    page.locator("#compare-measures svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
