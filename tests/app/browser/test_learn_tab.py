"""The Learn tab in a browser: what a learner moves changes what is shown, in both languages and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tsumami.course import PROMPT, Words
from tsumami.model import Model

from .conftest import Pages
from .desk import Desk

TAB = {"ja": "学ぶ", "en": "Learn"}


def opened(page: Page, language: str, part: str | None = None) -> Desk:
    """The tab, and one of its parts."""
    desk = Desk(page)
    pick(page, "#tabs", TAB[language])
    expect(page.locator("#learn-loop-view .tsu-strip")).to_be_visible()
    if part is not None:
        pick(page, "#learn", Words(language)(f"{part}.title"))  # type: ignore[arg-type]
    return desk.quiet()


def pick(page: Page, tabs: str, name: str) -> None:
    """Open a tab, from the menu where there is no room for it."""
    tab = page.locator(tabs).get_by_role("tab", name=name, exact=True).first
    if tab.is_visible():
        tab.click()
        return
    page.locator(f"{tabs} .overflow-menu:visible > button").first.click()
    page.locator(".overflow-dropdown button:visible", has_text=name).first.click()


def box(page: Page, name: str):  # type: ignore[no-untyped-def]  # a locator of a box of the loop
    return page.locator("#learn-loop-view small", has_text=name).locator("xpath=following-sibling::div").first


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_step_further_shows_other_boxes(page_of: Pages, model: Model, language: str) -> None:
    page = page_of(language)
    desk = opened(page, language)
    words = Words(language)  # type: ignore[arg-type]
    run = model.run(PROMPT, seed=0, max_tokens=20)
    for index in (0, 1):
        step = run.steps[index]
        expect(box(page, words("loop.box.choose"))).to_contain_text(f"{step.u:.4f}")
        expect(page.locator("#learn-loop-view tr.on")).to_contain_text(str(step.id))
        expect(page.locator("#learn-loop-view .tsu-token")).to_have_count(index + 1)
        desk.press("learn-onward")


def test_another_prompt_begins_at_its_first_step(page_of: Pages) -> None:
    page = page_of("en")
    desk = opened(page, "en")
    desk.press("learn-onward")
    page.locator("#learn-loop-prompt textarea").fill("Once upon a time")
    desk.press("learn-loop-go")
    expect(box(page, "Prompt")).to_have_text("Once upon a time")
    expect(page.locator("#learn-step input[type=number]")).to_have_value("1")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_stopped_measurement_keeps_what_it_has(page_of: Pages, language: str) -> None:
    page = page_of(language)
    desk = opened(page, language, "time")
    page.locator("#learn-time-counts textarea, #learn-time-counts input").first.fill("4, 8")
    page.locator("#learn-time-go").click()
    rows = page.locator("#learn-time-view tbody tr")
    expect(rows.nth(1)).to_be_visible()
    desk.press("learn-time-stop")
    page.wait_for_timeout(1500)
    kept = rows.count()
    assert 2 <= kept < 12
    expect(page.locator("#learn-time-view svg").first).to_be_visible()
    page.wait_for_timeout(1500)
    assert rows.count() == kept


def test_numbers_that_are_none_are_a_message(page_of: Pages) -> None:
    page = page_of("en")
    desk = opened(page, "en", "time")
    page.locator("#learn-time-counts textarea, #learn-time-counts input").first.fill("ten")
    desk.press("learn-time-go")
    expect(page.locator("#learn-time-view .problem")).to_contain_text("'ten'")


def test_each_strategy_shows_its_reply_and_a_search_its_terms(page_of: Pages, model: Model) -> None:
    page = page_of("en")
    desk = opened(page, "en", "strategies")
    greedy = page.locator("#learn-strategies-view .tsu-strip").text_content()
    page.locator("#learn-strategy").get_by_text("Sampling (1.1)").click()
    desk.quiet()
    assert page.locator("#learn-strategies-view .tsu-strip").text_content() != greedy
    expect(page.locator("#learn-terms table")).to_have_count(0)
    page.locator("#learn-strategy").get_by_text("Contrastive search").click()
    expect(page.locator("#learn-terms tr.on")).to_be_visible(timeout=120_000)
    first = page.locator("#learn-terms tbody").text_content()
    page.locator("#learn-token input[type=number]").fill("2")
    page.locator("#learn-token input[type=number]").press("Tab")
    desk.quiet()
    assert page.locator("#learn-terms tbody").text_content() != first


def test_a_new_wish_ends_the_search_before_it(page_of: Pages) -> None:
    page = page_of("en")
    desk = opened(page, "en", "strategies")
    page.locator("#learn-strategy").get_by_text("Contrastive search").click()
    expect(page.locator("#learn-strategies-view .context")).to_be_visible()
    page.locator("#learn-strategy").get_by_text("Greedy").click()
    desk.quiet()
    expect(page.locator("#learn-strategies-view")).to_contain_text("Always the most likely token")
    expect(page.locator("#learn-strategies-view .tsu-token")).to_have_count(40)


def test_models_read_the_same_text_in_other_pieces(page_of: Pages, gemma: Model) -> None:
    page = page_of("en")
    desk = opened(page, "en", "tokens")
    page.locator("#learn-tokens-text textarea").fill("夢を見る")
    desk.quiet()
    page.locator("#learn-tokens-models").get_by_text("gemma").click()
    expect(page.locator("#learn-tokens-view section")).to_have_count(2)
    heads = page.locator("#learn-tokens-view h3").all_text_contents()
    counts = [int(re.findall(r"(\d+) tokens", head)[0]) for head in heads]
    assert counts[1] == len(gemma.tokenize("夢を見る")) < counts[0]


@pytest.mark.parametrize("part", ["loop", "strategies", "prompts", "inside"])
def test_a_prompt_that_cannot_be_used_is_a_message(page_of: Pages, part: str) -> None:
    page = page_of("en")
    desk = opened(page, "en", part)
    for text in ("", "lamp " * 5000):
        page.locator(f"#learn-{part}-prompt textarea").fill(text)
        desk.press(f"learn-{part}-go")
        expect(page.locator(f"#learn-{part}-view .problem")).to_be_visible()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_part_opens_on_a_phone_and_nothing_is_cut_off(page_of: Pages, language: str) -> None:
    page = page_of(language, dark=True, width=390, height=844)
    desk = opened(page, language)
    for part in ("tokens", "lengths", "strategies", "prompts", "time", "inside"):
        page.locator(".lesson > button.on:visible").first.click()
        desk.quiet()
        expect(page.locator(f"#learn-{part}-view")).not_to_be_empty()
        expect(page.locator(f"#learn-{part}-view .problem")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if part == "lengths":
            numbers = page.locator("#learn-lengths-view tbody tr").first.locator("td").nth(3)
            place = numbers.bounding_box()
            assert place is not None
            assert place["x"] + place["width"] <= 390, "the count of tokens is what the table is about"
    page.locator(".lesson > button.on:visible").first.click()
    expect(page.locator(".lesson details:visible")).to_have_count(5)
