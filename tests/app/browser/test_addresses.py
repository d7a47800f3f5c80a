"""Every tab has an address, and the browser's own ways lead there."""

from __future__ import annotations

from playwright.sync_api import Page

from .conftest import Pages
from .desk import Desk
from .looking import open_tab


def in_sight(page: Page, part: str) -> None:
    """Wait until a part of a tab is seen."""
    page.locator(part).wait_for(state="visible")


def test_a_tab_has_an_address_to_which_back_forward_reload_and_the_other_language_keep(page_of: Pages) -> None:
    page = page_of("ja")
    desk = Desk(page)
    for tab in ("map", "compare"):
        open_tab(desk, tab)
        assert page.url.endswith(f"/ja/{tab}")
    page.go_back()
    in_sight(page, "#map-go")
    assert page.url.endswith("/ja/map")
    page.go_forward()
    in_sight(page, "#compare-go")
    page.reload()
    in_sight(page, "#compare-go")
    desk.quiet()
    assert page.url.endswith("/ja/compare"), "and no further step of the history was made"
    page.go_back()
    in_sight(page, "#map-go")
    page.locator("#language").click()
    page.wait_for_url("**/en/map")
    in_sight(page, "#map-go")
    desk.quiet()
    page.get_by_role("tab", name="Chat", exact=True).click()
    in_sight(page, "#message textarea")
    assert page.url.endswith("/en/")


def test_an_address_opens_its_tab_also_where_a_narrow_page_keeps_it_in_a_menu(page_of: Pages) -> None:
    page = page_of("en", width=390, height=844)
    page.goto(f"{page.url}reference")
    in_sight(page, "#reference")
    assert "reference" in page.url
