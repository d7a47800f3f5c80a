"""The tabs that look inside, as their user sees them."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Locator, Page

from .desk import Desk

TABS: Final = {
    "chat": ("チャット", "Chat"),
    "write": ("書く", "Write"),
    "microscope": ("顕微鏡", "Microscope"),
    "compare": ("比べる", "Compare"),
    "map": ("つまみの地図", "Knob map"),
    "grid": ("グリッド", "Grid"),
    "history": ("履歴", "History"),
    "next": ("次のトークン", "Next token"),
    "reference": ("つまみ事典", "Knob reference"),
    "learn": ("学ぶ", "Learn"),
}


def open_tab(desk: Desk, name: str) -> None:
    """Press a tab, also where a narrow page keeps it in a menu."""
    page = desk.page
    labels = TABS[name]
    for label in labels:
        tab = page.get_by_role("tab", name=label, exact=True)
        if tab.count() and tab.first.is_visible():
            tab.first.click()
            desk.quiet()
            return
    page.locator(".overflow-menu > button").first.click()
    page.locator(".overflow-dropdown button").filter(has_text=labels[0]).or_(
        page.locator(".overflow-dropdown button").filter(has_text=labels[1])
    ).first.click()
    desk.quiet()


def text(page: Page, where: str) -> str:
    """What a place shows."""
    return page.locator(where).inner_text()


def token(page: Page, number: int) -> Locator:
    """A token of the strip."""
    return page.locator(f"#microscope-strip [data-token='{number}']")
