"""At any zoom everything can be reached: nothing lies over anything, nothing hangs out to the side."""

from __future__ import annotations

import itertools

import pytest

from .conftest import Pages
from .desk import Desk
from .looking import TABS, open_tab


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize(("width", "height"), [(640, 400), (320, 256)], ids=["200 %", "400 %"])
def test_every_tab_reflows(page_of: Pages, width: int, height: int, locale: str) -> None:
    page = page_of(locale, width=width, height=height)
    desk = Desk(page)
    assert page.evaluate("window.scrollY") == 0, "the page begins at its top"
    parts = [page.locator(part).bounding_box() for part in ("#chat", "#message", "#actions", "#voice", "#knobs")]
    tops = [(box["y"], box["y"] + box["height"]) for box in parts if box is not None]
    assert len(tops) == len(parts)
    assert all(before[1] <= after[0] + 1 for before, after in itertools.pairwise(tops)), tops
    wide = {}
    for tab in (None, *TABS):
        if tab is not None:
            open_tab(desk, tab)
        wide[tab] = page.evaluate("document.documentElement.scrollWidth")
    assert all(found <= width for found in wide.values()), wide


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_the_order_of_the_stages_is_there_in_a_fresh_session(page_of: Pages, locale: str) -> None:
    page = page_of(locale)
    desk = Desk(page)
    desk.unfold("ステージの順序" if locale == "ja" else "Order of the stages")
    names = desk.chain()
    assert {"penalties", "top_k", "temperature"} <= set(names)
    assert page.locator("#chain .chip.idle").count() > 0, "and what does nothing is greyed"
