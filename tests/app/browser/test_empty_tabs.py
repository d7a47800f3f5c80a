"""A tab in which nothing is yet says what it is for, and one press does it with the chat's message."""

from __future__ import annotations

from typing import Final

from .conftest import Pages
from .desk import Desk
from .looking import open_tab

#: Of each tab: the boxes that keep it short, and what is there when it is done.
TABS: Final = {
    "microscope": ((), "#microscope-strip .tsu-token"),
    "compare": (("compare-most",), "#compare-view .why"),
    "map": (("map-tokens", "map-leaves"), "#map-view .tsu-icicle-table tbody tr"),
    "grid": (("grid-tokens",), "#grid-view .grid-picture"),
}


def test_an_empty_tab_says_what_it_is_for_and_one_press_does_it(page_of: Pages) -> None:
    page = page_of("ja")
    desk = Desk(page).turn(max_tokens=6)
    desk.say("Name a colour.")
    for tab, (boxes, result) in TABS.items():
        open_tab(desk, tab)
        empty = page.locator(f"#{tab}-empty")
        assert empty.locator("svg").is_visible()
        assert len(empty.locator("p").inner_text()) > 20
        for box in boxes:
            page.locator(f"#{box} input").fill("3")
            page.keyboard.press("Tab")
        if boxes:
            page.locator(f"#{tab}-prompt textarea").fill("Something else")
        empty.locator("button").click()
        page.locator(result).first.wait_for()
        desk.quiet()
        assert not empty.is_visible()
        if boxes:
            assert page.locator(f"#{tab}-prompt textarea").input_value() == "Name a colour."
