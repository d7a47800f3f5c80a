"""System prompts to choose from, and a reader's own, by name."""

from __future__ import annotations

from .conftest import Pages
from .desk import Desk


def test_a_system_prompt_is_chosen_and_an_own_one_is_kept_by_its_name(page_of: Pages) -> None:
    desk = Desk(page_of("en-US")).turn(max_tokens=4, seed=7).unfold("Conversation settings")
    page = desk.page
    pick, system = page.locator(".prompts-pick"), page.locator("#system textarea")
    pick.select_option(label="Storyteller")
    desk.until(lambda: "writer of stories" in system.input_value())
    system.fill("You are <b>terse</b> & kind.")
    page.locator(".prompts-save").click()
    page.locator(".prompts-name").fill("<i>Mine</i>")
    page.keyboard.press("Enter")
    assert "saved" in page.locator(".prompts-said").inner_text()
    pick.select_option(label="Brief")
    desk.until(lambda: "one or two sentences" in system.input_value())
    desk.reload().unfold("Conversation settings")
    pick.select_option(label="<i>Mine</i>")
    desk.until(lambda: system.input_value() == "You are <b>terse</b> & kind.")
    desk.quiet().say("Hello.")
    assert "You are <b>terse</b> & kind." in desk.account()["prompt"]
    page.locator(".prompts-forget").click()
    assert "<i>Mine</i>" not in pick.inner_text()
    assert system.input_value() == "You are <b>terse</b> & kind.", "what is in the box stays"
    desk.reload().unfold("Conversation settings")
    assert "<i>Mine</i>" not in pick.inner_text()
