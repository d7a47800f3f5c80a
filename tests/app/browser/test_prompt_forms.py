"""What was said in the chat is where every other tab starts from."""

from __future__ import annotations

from playwright.sync_api import Page

from .conftest import Pages
from .desk import Desk
from .looking import open_tab

TABS = ("compare", "map", "grid", "next")


def prompt(page: Page, tab: str) -> str:
    """What a tab's box holds."""
    return page.locator(f"#{tab}-prompt textarea").input_value()


def test_the_chats_last_message_is_the_prompt_until_something_else_is_typed(page_of: Pages) -> None:
    page = page_of("ja")
    desk = Desk(page)
    for tab in TABS:
        open_tab(desk, tab)
        assert prompt(page, tab)[0] in "WO", "an example in the language that the bundled model knows"
        assert "モデル: smollm2 · 13" in page.locator("#model-bar").inner_text(), (
            "which model it is stands above every tab"
        )
    page.locator("[data-tab-id=chat]").click()
    desk.turn(max_tokens=4).say("Name a colour.")
    for tab in TABS:
        open_tab(desk, tab)
        assert prompt(page, tab) == "Name a colour."
        assert page.locator(f"#{tab}-template input").input_value().endswith("チャットと同じ")
    page.locator("#next-prompt textarea").fill("My own words")
    page.locator("[data-tab-id=chat]").click()
    open_tab(desk, "next")
    assert prompt(page, "next") == "My own words"
    desk.press("next-take-message")
    assert prompt(page, "next") == "Name a colour."


def test_sent_as_in_the_chat_it_is_the_chats_own_reply(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page).unfold("Conversation settings")
    page.locator("#system textarea").fill("Answer with one word.")
    reply = desk.turn(max_tokens=12, seed=0).say("Name a colour.")
    open_tab(desk, "compare")
    page.locator("#compare-most input").fill("12")
    page.keyboard.press("Tab")
    page.locator("#compare-lanes textarea").fill("temperature=0.8\ntemperature=0.7999")
    desk.press("compare-go")
    assert reply.strip() in (page.locator("#compare-view .tsu-lane").first.text_content() or "")


def test_a_japanese_page_offers_a_model_that_knows_japanese_and_loads_it(page_of: Pages) -> None:
    page = page_of("ja")
    desk = Desk(page)
    offer = page.locator("#model-offer")
    assert "日本語をほとんど知らない" in offer.inner_text()
    offer.locator("[data-do=load]").click()
    desk.quiet()
    assert page.locator("#model-bar").inner_text().startswith("モデル: gemma · 268 M · 日本語と英語")
    assert not offer.is_visible()
    open_tab(desk, "compare")
    assert prompt(page, "compare").startswith("ランプ"), "examples follow the model"
    assert Desk(page_of("en")).page.locator("#model-offer").is_hidden()
