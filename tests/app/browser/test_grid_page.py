"""The grid in a real page: it grows, is read square by square, compared, opened elsewhere, stopped and taken away."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page

from tsumami.explore.grids.grid import Grid

from .conftest import Pages
from .desk import Desk
from .looking import open_tab, text


def fill(desk: Desk, **values: object) -> None:
    """Type into the form's boxes."""
    for name, value in values.items():
        desk.page.locator(f"#grid-{name.replace('_', '-')} :is(input, textarea)").last.fill(f"{value}")
        desk.page.keyboard.press("Tab")
    desk.quiet()


def made(page: Page, **values: object) -> Desk:
    """The tab with a small grid."""
    desk = Desk(page)
    open_tab(desk, "grid")
    fill(desk, tokens=8, **values)
    return desk.press("grid-go")


def show(page: Page, measure: str) -> None:
    page.locator("#grid-view .grid-measure").select_option(measure)


def squares(page: Page) -> list[str]:
    return page.locator("#grid-view .grid-square").all_inner_texts()


def square(page: Page, row: int, column: int) -> Locator:
    return page.locator("#grid-view .grid-picture tbody tr").nth(row).locator(".grid-square").nth(column)


def downloaded(page: Page, kind: str) -> bytes:
    with page.expect_download() as got:
        page.locator(f"#grid-view [data-file={kind}]").click()
    assert got.value.suggested_filename == f"grid.{kind}"
    return Path(got.value.path()).read_bytes()


def test_a_grid_is_read_compared_opened_and_taken_away(page_of: Pages) -> None:
    page = page_of("en")
    desk = made(page, values_1="0,0.7,2", values_2="0.5,0.95")
    assert re.match(r"6 of 6 runs · \d texts · \d+ tokens decoded, \d+ saved", text(page, "#grid-view .grid-facts"))
    found = Grid.from_json(downloaded(page, "json"))
    assert downloaded(page, "csv").decode() == found.to_csv()
    assert downloaded(page, "png").startswith(b"\x89PNG")

    # identical texts are alike: at temperature 0 the two squares have one number and one colour
    numbers = {(row["temperature"], row["top_p"]): str(row["text_number"]) for row in found.rows()}
    assert squares(page) == [numbers[t, p] for p in (0.5, 0.95) for t in (0.0, 0.7, 2.0)]
    colours = [square(page, row, 0).evaluate("one => getComputedStyle(one).backgroundColor") for row in (0, 1)]
    assert colours[0] == colours[1] != square(page, 0, 2).evaluate("one => getComputedStyle(one).backgroundColor")
    show(page, "perplexity")
    cell = found.at(temperature=2.0, top_p=0.95)
    assert squares(page)[-1] == f"{cell.measures['perplexity']:.3g}"

    # the keyboard goes from square to square; a square says its text and settings, and is compared with A
    square(page, 0, 1).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert text(page, "#grid-view .grid-head") == "temperature=2, top_p=0.95, seed=0"
    assert text(page, "#grid-view .grid-said").split() == cell.text.split()
    page.locator("#grid-view [data-do=compare]").click()
    desk.quiet()
    assert "A · temperature=0, top_p=0.5, seed=0 ↔ B · temperature=2, top_p=0.95, seed=0" in text(
        page, "#grid-view .grid-pair"
    )
    page.locator("#grid-view [data-do=choose]").click()
    desk.quiet()
    assert text(page, "#grid-view .grid-pair") == ""
    show(page, "shared")
    assert squares(page)[-1] == str(len(cell.tokens))

    page.locator("#grid-view .grid-rows tbody tr").nth(3).click()
    page.locator("#grid-view [data-do=inside]").click()
    desk.quiet()
    page.locator("#microscope-inside table").wait_for()
    strip = text(page, "#microscope-strip .tsu-strip").replace("⏎", "").split()
    assert strip == found.cells[3].text.split()
    open_tab(desk, "grid")
    page.locator("#grid-view [data-do=apply]").click()
    desk.quiet()
    page.locator("#box-top_p").first.wait_for()
    assert (desk.knob("temperature"), desk.knob("top_p"), desk.knob("seed")) == (0.7, 0.95, 0)


def test_seeds_are_averaged_and_a_knob_alone_has_them_as_rows_also_on_a_phone(page_of: Pages) -> None:
    page = page_of("ja", width=390, height=844, dark=True, has_touch=True)
    desk = made(page, values_1="0,2", values_2="0.5,0.95", seeds=3)
    show(page, "entropy")
    assert len(squares(page)) == 4
    assert page.locator("#grid-view .grid-seed").input_value() == "mean"
    held = page.locator("#grid-view .grid-held li").all_inner_texts()
    assert [re.sub(r"\d+ 組中 \d+ 組で大きい.*", "…", one) for one in held] == [
        "エントロピー（bit）: temperature 0 → 2: …",
        "エントロピー（bit）: top_p 0.5 → 0.95: …",
    ]
    square(page, 1, 1).tap()
    page.locator("#grid-view .grid-seeds button").last.tap()
    assert text(page, "#grid-view .grid-head") == "temperature=2, top_p=0.95, seed=2"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#grid-knob-2 input").click()
    page.locator("#grid-knob-2 li, ul[role=listbox] li").filter(has_text="(なし)").first.click()
    desk.quiet()
    assert "2 × 3 シード = 6 文章" in text(page, "#grid-outlook")
    desk.press("grid-go")
    assert page.locator("#grid-view .grid-picture tbody th").all_inner_texts() == ["0", "1", "2"]
    assert len(squares(page)) == 6


def test_what_cannot_be_is_said_before_anything_is_made_and_stopping_keeps_what_there_is(page_of: Pages) -> None:
    page = page_of("ja")
    desk = Desk(page)
    open_tab(desk, "grid")
    fill(desk, values_1="0:2:x")
    assert "temperature の値「0:2:x」は使えません" in text(page, "#grid-outlook .problem")
    page.locator("#grid-go").click()
    assert "最初:最後:刻み" in desk.notice()
    fill(desk, values_1="0:2:0.001")
    assert re.search("2001 × 3 = 6,003 文章.*2,000 文章まで", text(page, "#grid-outlook .problem"))
    assert not page.locator("#grid-view .grid-picture").is_visible()

    fill(desk, values_1="2", values_2="0.5,0.8,0.95", tokens=400, seeds=8)
    page.locator("#grid-go").click()
    desk.until(lambda: re.match(r"\d+ / 24 文章 .* 追跡中 \d+", text(page, "#grid-view .grid-facts")))
    page.locator("#grid-stop").click()
    desk.quiet()
    assert re.match(r"\d+ / 24 文章 .* 秒", text(page, "#grid-view .grid-facts"))
    assert "止めたところまで" in text(page, "#grid-view .grid-notes")
    assert page.locator("#grid-view .grid-rows tr.open").count() > 0
