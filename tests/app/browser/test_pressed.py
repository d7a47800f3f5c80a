"""That a button was pressed is seen at once, and Esc presses the Stop of the open tab."""

from __future__ import annotations

from playwright.sync_api import expect

from .conftest import Pages
from .desk import Desk
from .test_busy import Held, begin_long_map, line


def test_a_pressed_button_looks_so_in_the_next_frame_until_it_is_answered(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page).turn(max_tokens=3)
    desk.say("Name a colour.")
    held = Held(page)
    seen = page.evaluate(
        """() => new Promise(done => {
          const button = document.querySelector('#again');
          button.click();
          requestAnimationFrame(() => done(Number(getComputedStyle(button).opacity)));
        })"""
    )
    assert seen < 1
    held.let_go()
    desk.quiet()
    expect(page.locator("[data-pressed]")).to_have_count(0)


def test_a_button_that_asks_for_nothing_is_released(page_of: Pages) -> None:
    page = page_of("en")
    Desk(page).say("Name a colour.")
    page.locator("#chat .log-edit").first.click()
    expect(page.locator("[data-pressed]")).to_have_count(0)


def test_escape_presses_the_stop_of_the_open_tab(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    begin_long_map(desk)
    expect(page.locator("#busy .busy-time")).to_have_text("1 s")
    page.keyboard.press("Escape")
    desk.quiet()
    expect(line(page)).to_be_hidden()
