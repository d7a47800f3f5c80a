"""How far each knob could be turned: bars under the chat's sliders, and the microscope's list."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page

import tsumami
from tsumami.app.views import interval_view
from tsumami.app.words.texts import Texts
from tsumami.explore.intervals.every_knob import intervals

from .conftest import Pages
from .desk import Desk
from .looking import text

MESSAGE = "Write about the sea."


def bar(page: Page, knob: str) -> Locator:
    return page.locator(f".far-under[data-knob={knob}]")


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_bars_say_what_the_library_says(page_of: Pages, model: tsumami.Model, locale: str) -> None:
    page = page_of(locale)
    desk = Desk(page)
    desk.turn(seed=1, max_tokens=6)
    desk.say(MESSAGE)
    bar(page, "temperature").wait_for(state="attached")
    run = model.run(model.prompt(MESSAGE), seed=1, max_tokens=6)
    found = intervals(model, run, ["temperature"])["temperature"]
    said = interval_view.sentence(Texts("ja" if locale == "ja" else "en"), found, run, model.tokenizer.piece)
    assert bar(page, "temperature").get_attribute("title") == said
    assert bar(page, "temperature").get_attribute("aria-label") == said
    slider = page.locator("#knob-temperature input[type=range]").bounding_box()
    shown = bar(page, "temperature").locator("i").bounding_box()
    assert slider is not None
    assert shown is not None
    inside = slider["width"] - 16
    assert shown["x"] == pytest.approx(slider["x"] + 8 + inside * found.low / 3, abs=2)
    assert shown["width"] == pytest.approx(max(3, inside * (found.high - found.low) / 3), abs=2)
    bar(page, "temperature").click()
    assert "open" in (bar(page, "temperature").get_attribute("class") or "").split()


def test_bars_go_when_something_else_is_asked_and_come_back_for_the_next_reply(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    desk.turn(seed=1, max_tokens=6)
    desk.say(MESSAGE)
    first = bar(page, "temperature").get_attribute("title")
    desk.turn(max_tokens=300)
    desk.begin("Tell me a long story.")
    desk.until(lambda: bar(page, "temperature").count() == 0)
    desk.press("stop").turn(max_tokens=6)
    desk.say("What is a boat?")
    second = bar(page, "temperature").get_attribute("title")
    assert second
    assert second != first
    assert page.locator("#far-legend").is_visible()
    desk.press("undo")
    assert bar(page, "temperature").count() == 0
    assert not page.locator("#far-legend").is_visible()


def test_a_bar_is_there_when_its_group_is_opened_later(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    desk.turn(seed=1, max_tokens=6)
    desk.say(MESSAGE)
    assert bar(page, "dynatemp_range").count() == 0
    for number in range(page.locator("#knobs .knob-group > summary").count()):
        head = page.locator("#knobs .knob-group > summary").nth(number)
        if not head.evaluate("head => head.parentElement.open"):
            head.click()
    desk.quiet()
    bar(page, "dynatemp_range").wait_for(state="attached")
    assert "same text" in (bar(page, "dynatemp_range").get_attribute("title") or "")


def test_the_microscope_lists_every_knob_and_leads_to_what_gives_way(page_of: Pages) -> None:
    page = page_of("en", width=390, height=844)
    desk = Desk(page)
    desk.turn(seed=1, max_tokens=6)
    desk.say(MESSAGE)
    Desk(page).unfolded(0).locator('a[href*="#inside-"]').click()
    page.locator("#microscope-strip .tsu-token").first.wait_for()
    desk.quiet().press("microscope-far")
    row = page.locator("#microscope-audited tr", has_text="temperature=0.8")
    assert ": same text" in row.inner_text()
    assert page.locator("#microscope-audited .far-bar").count() > 20
    number = int(row.get_attribute("data-token") or "0")
    row.click()
    desk.quiet()
    assert text(page, "#microscope-inside .token-head").startswith(f"{number + 1} / ")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
