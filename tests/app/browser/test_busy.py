"""Work is seen going on: whatever is pressed, the page says at once that it works, and has a way to stop.

Nothing is timed here: requests are held back before they reach the server, so what is seen then is seen before any
answer can have come.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tsumami.app.words.texts import Language, Texts

from .conftest import Pages
from .desk import Desk
from .looking import open_tab, token

_ASKS: Final = ("**/queue/join**", "**/gradio_api/run/**")


class Held:
    """Lets nothing that the page asks for reach the server, until it is let go."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._routes: list[Route] = []
        for address in _ASKS:
            page.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        self._routes.append(route)

    def let_go(self) -> None:
        for route in self._routes:
            route.continue_()
        for address in _ASKS:
            self._page.unroute(address)


def line(page: Page) -> Locator:
    return page.locator("#busy .busy-line")


def press(where: str) -> Callable[[Page], None]:
    return lambda page: page.locator(where).first.click()


def say(page: Page) -> None:
    page.locator("#message textarea").fill("And the sky?")
    page.locator("#message textarea").press("Enter")


def type_prompt(page: Page) -> None:
    page.locator("#next-prompt textarea").fill("The sky is")


@dataclass(frozen=True)
class Act:
    """Something that somebody does in a tab, and what it changes, which is busy meanwhile."""

    tab: str
    do: Callable[[Page], None]
    changes: str


#: Everything that computes, in an order in which each has what it needs; the microscope is open with a run.
ACTS: Final = {
    "send": Act("chat", say, "chat"),
    "same seed": Act("chat", press("#again"), "chat"),
    "new seed": Act("chat", press("#new-seed"), "chat"),
    "continue": Act("chat", press("#go-on"), "chat"),
    "why two replies differ": Act("chat", press("#chat .log-why:visible"), "chat"),
    "look inside": Act("chat", press("#chat a[href*='#inside-']:visible"), ""),
    "the last reply": Act("microscope", press("#microscope-last"), "microscope-strip"),
    "a token": Act("microscope", lambda page: token(page, 2).click(), "microscope-inside"),
    "a candidate": Act("microscope", press("#microscope-inside tr[data-candidate]:not(.chosen)"), "microscope-answer"),
    "why not": Act("microscope", press("#microscope-why"), "microscope-answer"),
    "branch": Act("microscope", press("#microscope-branch"), "microscope-answer"),
    "two branches beside each other": Act("microscope", press("#microscope-tree [data-beside]"), "microscope-beside"),
    "what each knob did": Act("microscope", press("#microscope-audit"), "microscope-audited"),
    "how far each knob goes": Act("microscope", press("#microscope-far"), "microscope-audited"),
    "compare": Act("compare", press("#compare-go"), "compare-lanes-view"),
    "another reference": Act("compare", press("#compare-why [data-to='1']"), "compare-why"),
    "map": Act("map", press("#map-go"), "map-view"),
    "a deeper map": Act("map", press("#map-deeper"), "map-view"),
    "more texts": Act("map", press("#map-wider"), "map-view"),
    "grid": Act("grid", press("#grid-go"), "grid-view"),
    "next token": Act("next", type_prompt, "next-view"),
    "a thousand rolls": Act("next", press("#next-roll"), "next-histogram"),
    "a step of the course": Act("learn", press("#learn-loop-go"), "learn-loop-view"),
    "another model": Act("chat", press("#model-load"), "model-state"),
}


def ready_for(page: Page) -> Desk:
    """A page on which every one of them can be done, at little cost."""
    desk = Desk(page).turn(max_tokens=5, seed=1)
    desk.say("Name a colour.")
    desk.turn(temperature=1.5)
    desk.press("again")
    desk.unfolded()
    for tab, boxes in {"compare": ("most",), "map": ("tokens", "leaves"), "grid": ("tokens",)}.items():
        open_tab(desk, tab)
        for box in boxes:
            page.locator(f"#{tab}-{box} input").fill("2")
            page.keyboard.press("Tab")
    open_tab(desk, "compare")
    page.locator("#compare-lanes textarea").fill("temperature=0\ntemperature=3\nseed=4")
    open_tab(desk, "grid")
    page.locator("#grid-values-1 :is(input, textarea)").fill("0, 1")
    page.locator("#grid-values-2 :is(input, textarea)").fill("0.9")
    open_tab(desk, "chat")
    page.locator("#model-bar button").first.click()
    return desk.quiet()


def test_everything_that_computes_is_seen_before_it_is_answered_and_can_be_stopped(page_of: Pages) -> None:
    page = page_of("en")
    desk, silent = ready_for(page), {}
    for name, act in ACTS.items():
        open_tab(desk, act.tab)
        held = Held(page)
        act.do(page)
        desk.until(lambda: line(page).is_visible(), 30)
        busy = page.locator("[aria-busy=true]").evaluate_all("all => all.map(one => one.id)")
        if act.changes and act.changes not in busy:
            silent[name] = busy
        assert line(page).locator("button").is_enabled()
        held.let_go()
        desk.quiet()
        desk.until(lambda: not line(page).is_visible(), 30)
        assert page.locator("[data-under-way]").count() == 0
    assert silent == {}


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_line_says_so_in_the_page_s_language_to_screen_readers_too(page_of: Pages, locale: Language) -> None:
    page, texts = page_of(locale), Texts(locale)
    desk = Desk(page).turn(max_tokens=3)
    held = Held(page)
    say(page)
    expect(page.locator("#busy [role=status] .busy-said")).to_have_text(texts("busy.waiting"))
    expect(line(page).locator("button")).to_have_text(texts("chat.stop"))
    held.let_go()
    desk.quiet()
    expect(line(page)).to_be_hidden()


def test_stop_ends_what_is_under_way_in_any_tab(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    begin_long_map(desk)
    expect(page.locator("#busy .busy-said")).to_have_text(Texts("en")("busy.working"))
    expect(page.locator("#busy .busy-time")).to_have_text(re.compile(r"^\d+ s$"))
    open_tab_at_once(page, "Chat")
    line(page).locator("button").click()
    desk.quiet()
    expect(line(page)).to_be_hidden()


def begin_long_map(desk: Desk) -> None:
    """Ask for a map that takes minutes, and do not wait for it."""
    open_tab(desk, "map")
    for name, value in {"tokens": 4000, "leaves": 64}.items():
        desk.page.locator(f"#map-{name} input").fill(f"{value}")
        desk.page.keyboard.press("Tab")
    desk.page.locator("#map-go").click()


def open_tab_at_once(page: Page, name: str) -> None:
    """Without waiting for what is under way."""
    page.get_by_role("tab", name=name, exact=True).first.click()
