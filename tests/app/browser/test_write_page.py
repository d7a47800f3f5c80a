"""The writing tab, as its user sees it: a text that anybody may edit, and in it what the model wrote."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Pages, ready
from .desk import Desk
from .looking import open_tab

BEGUN = "Once upon a time, there was a"


def text(desk: Desk) -> str:
    return desk.page.locator("#write .write-text").input_value()


def marked(desk: Desk) -> str:
    """What is coloured, and lies where the same words stand in the box."""
    return "".join(desk.page.locator("#write .write-token").all_text_contents())


def press(desk: Desk, name: str) -> None:
    desk.page.locator(f"#write .write-{name}").click()
    desk.quiet()


@pytest.fixture
def desk(page_of: Pages) -> Desk:
    desk = Desk(page_of("en-US")).turn(max_tokens=8, seed=7)
    open_tab(desk, "write")
    desk.page.locator("#write .write-text").fill(BEGUN)
    return desk


def test_a_text_goes_on_at_the_cursor_and_back_and_outlives_a_reload(desk: Desk) -> None:
    press(desk, "go")
    first = text(desk)
    assert first.startswith(BEGUN)
    assert marked(desk) == first.removeprefix(BEGUN)
    assert "seed 7" in desk.page.locator("#write .write-said").inner_text()
    area = desk.page.locator("#write .write-text")
    area.evaluate("box => box.setSelectionRange(4, 4)")
    area.press("Control+Enter")
    desk.quiet()
    middle = text(desk)
    assert middle.startswith("Once")
    assert middle.endswith(first[4:])
    assert len(middle) > len(first)
    press(desk, "undo")
    assert text(desk) == first
    press(desk, "redo")
    assert text(desk) == middle
    before = marked(desk)
    desk.page.reload()
    desk.page.locator("#write .write-text").wait_for()
    assert (desk.quiet() and text(desk), marked(desk)) == (middle, before)
    desk.page.locator("#language").click()
    desk.page.wait_for_url("**/ja/write")
    desk.page.locator("#write .write-text").wait_for()
    assert text(desk) == middle
    desk.page.locator("#write .write-text").press("End")
    desk.page.keyboard.type("!")
    assert desk.page.locator("#write .write-go").inner_text() == "続きを書く"


def test_an_edit_takes_its_colour_and_an_alternative_goes_on_from_there(desk: Desk) -> None:
    press(desk, "go")
    first, tokens = text(desk), desk.page.locator("#write .write-token").all_text_contents()
    area = desk.page.locator("#write .write-text")
    box = desk.page.locator("#write .write-token").nth(2).bounding_box()
    assert box is not None
    desk.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desk.until(lambda: tokens[2].strip() in (area.get_attribute("title") or ""), seconds=5)
    assert "%" in (area.get_attribute("title") or "")
    place = len(BEGUN) + len("".join(tokens[:2]))
    area.evaluate("(box, at) => box.setSelectionRange(at, at)", place)
    area.press("ArrowRight")
    area.press("ArrowLeft")
    choice = desk.page.locator("#write .choice").first
    choice.wait_for()
    choice.focus()
    choice.press("Enter")
    desk.quiet()
    other = text(desk)
    assert other != first
    assert other.startswith(first[:place])
    assert marked(desk) == other.removeprefix(BEGUN)
    press(desk, "undo")
    assert text(desk) == first
    area.focus()
    area.evaluate("(box, at) => box.setSelectionRange(at, at)", len(BEGUN) + 1)
    desk.page.keyboard.type("x")
    desk.page.wait_for_timeout(100)
    assert len(desk.page.locator("#write .write-token").all()) == len(tokens) - 1
    assert text(desk) == first[: len(BEGUN) + 1] + "x" + first[len(BEGUN) + 1 :]


def test_the_box_and_the_colours_below_it_lie_in_the_same_place(page_of: Pages) -> None:
    desk = Desk(page_of("ja", width=390)).turn(max_tokens=30, seed=7)
    open_tab(desk, "write")
    desk.page.locator("#write .write-text").fill("むかしむかし、\n\n" + "あるところに " * 30 + "\n")
    press(desk, "go")
    sizes: dict[str, Any] = desk.page.evaluate(
        """() => {
          const [box, mirror] = ['text', 'mirror'].map(one => document.querySelector(`#write .write-${one}`));
          const look = one => { const {font, lineHeight, letterSpacing, padding} = getComputedStyle(one);
            return [font, lineHeight, letterSpacing, padding, one.clientWidth, one.clientHeight]; };
          return {box: look(box), mirror: look(mirror), hidden: box.scrollHeight - box.clientHeight}; }"""
    )
    assert sizes["box"] == sizes["mirror"]
    assert sizes["hidden"] <= 0, "no line of the text is out of sight"


def test_stop_ends_it_and_what_there_is_stays(desk: Desk) -> None:
    open_tab(desk, "chat")
    desk.endless()
    open_tab(desk, "write")
    desk.page.locator("#write .write-go").click()
    desk.until(lambda: len(text(desk)) > len(BEGUN) + 20)
    desk.page.locator("#write .write-text").press("Escape")
    desk.quiet()
    there = text(desk)
    assert "stopped" in desk.page.locator("#write .write-said").inner_text()
    desk.page.wait_for_timeout(300)
    assert text(desk) == there
    desk.page.locator("#write .write-text").press("End")
    desk.page.keyboard.type(" and")
    assert text(desk) == f"{there} and"
    open_tab(desk, "chat")
    ready(desk.page)


def test_what_cannot_be_gone_on_with_is_said_and_the_text_can_be_edited_again(page_of: Pages) -> None:
    desk = Desk(page_of("en-US"))
    open_tab(desk, "write")
    desk.page.locator("#write .write-text").fill("word " * 20_000)
    desk.page.locator("#write .write-go").click()
    assert "context" in desk.notice()
    desk.until(lambda: desk.page.locator("#write .write-go").is_enabled(), seconds=10)
    assert desk.page.locator("#write .write-undo").is_disabled(), "nothing came"
    desk.page.locator("#write .write-text").fill(BEGUN)
    assert text(desk) == BEGUN
    desk.quiet()
