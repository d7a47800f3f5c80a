"""The next token, live, in a real page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

import tsumami
from tsumami.charts import visible
from tsumami.explain.tokens.lookahead import look, next_token
from tsumami.settings import Settings

from .conftest import Pages
from .desk import Desk
from .looking import open_tab, text

PROMPT = "The sea is"


def watching(page: Page) -> Desk:
    """The tab, open on the prompt."""
    desk = Desk(page)
    open_tab(desk, "next")
    page.locator("#next-prompt textarea").fill(PROMPT)
    page.locator("#next-view .tsu-bar").first.wait_for()
    return desk.quiet()


def turn(desk: Desk, knob: str, value: float) -> None:
    """Move a knob of the board."""
    desk.page.locator(f"#next-board [data-knob={knob}] input[type=number]").fill(f"{value}")
    desk.quiet()


def pick(page: Page) -> str:
    """The token that the roll picks."""
    return text(page, "#next-view .next-pick button")


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_it_moves_with_every_knob_and_is_what_the_library_says(
    page_of: Pages, model: tsumami.Model, locale: str
) -> None:
    page = page_of(locale)
    desk = watching(page)
    at = look(model, model.as_prompt(PROMPT))
    for knob, value in (("temperature", 2.5), ("top_k", 3), ("seed", 7), ("min_p", 0.3), ("temperature", 0)):
        before = text(page, "#next-view")
        turn(desk, knob, value)
        assert text(page, "#next-view") != before
    found = next_token(model, at, Settings(temperature=0, top_k=3, seed=7, min_p=0.3))
    assert pick(page) == visible(model.tokenizer.piece(found.ledger.token))


def test_a_token_is_appended_and_the_next_roll_taken(page_of: Pages) -> None:
    page = page_of("en")
    desk = watching(page)
    first = pick(page)
    page.locator("#next-view .next-pick button").click()
    desk.quiet()
    assert page.locator("#next-prompt textarea").input_value() == PROMPT + first.replace("␣", " ")
    assert text(page, "#next-view .next-pick").startswith("u(0, 1) = ")


def test_a_thousand_rolls_stand_beside_the_exact_probabilities(page_of: Pages) -> None:
    page = page_of("ja")
    desk = watching(page)
    desk.press("next-roll")
    drawn = page.locator("#next-histogram svg").first
    drawn.wait_for()
    assert drawn.bounding_box() is not None


def test_the_chats_knobs_are_copied(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    desk.turn(temperature=1.7, top_k=11)
    watching(page)
    desk.press("next-take")
    assert page.locator("#next-board [data-knob=temperature] input[type=number]").input_value() == "1.7"
    assert page.locator("#next-board [data-knob=top_k] input[type=range]").input_value() == "11"


def test_what_cannot_work_is_said_in_place_of_the_picture(page_of: Pages) -> None:
    page = page_of("en")
    desk = watching(page)
    page.locator("#next-prompt textarea").fill("")
    desk.quiet()
    assert "prompt is empty" in text(page, "#next-view")
    page.locator("#next-prompt textarea").fill(PROMPT)
    desk.quiet()
    turn(desk, "temperature", -1)
    assert "temperature" in text(page, "#next-view .problem")


def test_nothing_widens_a_phones_page(page_of: Pages) -> None:
    page = page_of("en", width=390, height=844, dark=True)
    watching(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
