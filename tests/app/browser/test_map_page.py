"""The knob map in a real page: it grows, is pointed at, picked, zoomed, gone on with, stopped and taken away."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tsumami.explore.maps.knob_map import KnobMap

from .conftest import IDLE, Pages, Server, busy
from .desk import Desk
from .looking import open_tab, text


def fill(desk: Desk, **values: object) -> None:
    """Put numbers into the form's boxes, and a name into its knob."""
    page = desk.page
    if "knob" in values:
        page.locator("#map-knob input").click()
        page.locator("#map-knob input").fill(str(values.pop("knob")))
        page.keyboard.press("Enter")
        desk.quiet()
    for name, value in values.items():
        box = page.locator(f"#map-{name} input, #map-{name} textarea").last
        box.fill(f"{value}")
        box.blur()
    desk.quiet()


def mapped(page: Page, **values: object) -> Desk:
    """The tab with a small map."""
    desk = Desk(page)
    open_tab(desk, "map")
    fill(desk, **{"tokens": 8, "leaves": 8, **values})
    return desk.press("map-go")


def facts(page: Page) -> str:
    return text(page, "#map-view .tsu-icicle-facts")


def at(page: Page, across: float, row: int) -> tuple[float, float]:
    """A point of the picture: so far across, in the middle of a token's row."""
    over = page.locator("#map-view .tsu-icicle-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    return box["x"] + 30 + across * (box["width"] - 40), box["y"] + 24 + 20 * row + 10


def downloaded(page: Page, kind: str) -> bytes:
    with page.expect_download() as got:
        page.locator(f"#map-view [data-file={kind}]").click()
    assert got.value.suggested_filename == f"temperature.{kind}"
    return Path(got.value.path()).read_bytes()


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_cell_names_its_token_and_interval_and_a_click_gives_text_and_settings(page_of: Pages, locale: str) -> None:
    page = page_of(locale)
    desk = mapped(page, low=0.1, high=2)
    assert re.search("文章 · 範囲の" if locale == "ja" else "texts · .* of the range", facts(page))
    page.mouse.move(*at(page, 0.3, 0))
    tip = text(page, "#map-view .tsu-icicle-tip")
    assert re.match(r"(トークン|token) 1 +“\S+”\ntemperature 0\.1 – [\d.]+\ntemperature ≈ 0\.6", tip)
    page.mouse.click(*at(page, 0.9, 2))
    assert re.search(r"(トークン|token) 3 +“.+” · temperature [\d.]+ – ", text(page, "#map-view .tsu-icicle-cell"))
    said = text(page, "#map-view .tsu-icicle-said")
    assert len(said) > 10
    assert page.locator("#map-view .tsu-icicle-said mark").count() == 1
    assert re.fullmatch(r"temperature=1\.\d+, seed=0", text(page, "#map-view .tsu-icicle-settings"))
    picked, picture = (page.locator(f"#map-view .tsu-icicle-{part}").bounding_box() for part in ("picked", "stage"))
    assert picked is not None
    assert picture is not None
    assert picked["x"] >= picture["x"] + picture["width"], "the text stands beside the picture"
    assert re.search("同じ言葉は同じ色|equal words are alike", text(page, "#map-view .tsu-icicle-legend"))
    assert page.locator("#map-view tr.on").count() == 1
    assert page.locator("#map-view .tsu-icicle-table tbody tr").count() >= 8
    desk.quiet()


def test_a_text_opens_in_the_microscope_at_its_token_and_its_settings_become_the_chats(page_of: Pages) -> None:
    page = page_of("en")
    desk = mapped(page, low=0.1, high=2, seed=3)
    page.mouse.click(*at(page, 0.95, 2))
    said, settings = text(page, "#map-view .tsu-icicle-said"), text(page, "#map-view .tsu-icicle-settings")
    page.locator("#map-view [data-do=inside]").click()
    desk.quiet()
    page.locator("#microscope-inside table").wait_for()
    assert "recomputed bit for bit" in text(page, "#microscope-about")
    assert text(page, "#microscope-inside .token-head").startswith("3 / 8")
    strip = text(page, "#microscope-strip .tsu-strip").replace("⏎", "").split()
    assert strip == said.split()
    open_tab(desk, "map")
    page.locator("#map-view [data-do=apply]").click()
    desk.quiet()
    page.locator("#box-seed").wait_for()
    assert settings == f"temperature={desk.knob('temperature'):g}, seed={desk.knob('seed'):g}"


def test_dragging_maps_a_part_alone_and_the_way_back_is_kept(page_of: Pages) -> None:
    page = page_of("en")
    desk = mapped(page, low=0.1, high=2)
    before = facts(page)
    page.mouse.move(*at(page, 0.25, 1))
    page.mouse.down()
    page.mouse.move(*at(page, 0.75, 1), steps=4)
    page.mouse.up()
    desk.quiet()
    first = float(page.locator("#map-view tbody tr:not(.folded):not(.flicker) td").first.inner_text())
    assert first == pytest.approx(0.1 + 0.25 * 1.9, abs=0.02)
    assert facts(page) != before
    page.locator("#map-view .tsu-icicle-back").click()
    desk.quiet()
    assert facts(page) == before
    assert not page.locator("#map-view .tsu-icicle-back").is_visible()


def test_deeper_and_more_texts_go_on_from_what_there_is(page_of: Pages) -> None:
    page = page_of("en")
    desk = mapped(page, knob="top_k", low=1, high=6, tokens=4)
    assert "100.0% of the range" in facts(page)
    desk.press("map-deeper")
    assert page.locator("#map-tokens input").input_value() == "8"
    found = KnobMap.from_json(_file(page, "top_k"))
    assert (found.max_tokens, found.coverage) == (8, 1.0)
    assert all(len(piece.tokens) == 8 for piece in found.pieces)
    desk.press("map-wider")
    assert page.locator("#map-leaves input").input_value() == "16"
    assert KnobMap.from_json(_file(page, "top_k")).leaves == 16


def _file(page: Page, knob: str) -> bytes:
    with page.expect_download() as got:
        page.locator("#map-view [data-file=json]").click()
    assert got.value.suggested_filename == f"{knob}.json"
    return Path(got.value.path()).read_bytes()


def test_it_grows_and_cancelling_keeps_what_there_is(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    open_tab(desk, "map")
    fill(desk, tokens=400, leaves=64)
    page.locator("#map-go").click()
    desk.until(lambda: re.match(r"token \d+ of 400 .* about \d+ s left", facts(page)))
    seen = facts(page)
    desk.until(lambda: facts(page) != seen)
    page.locator("#map-stop").click()
    desk.quiet()
    assert re.match(r"\d+ texts · [\d.]+% of the range", facts(page))
    assert "hatched: not followed" in text(page, "#map-view .tsu-icicle-notes")
    assert page.locator("#map-view tbody tr.open").count() > 0


def test_closing_the_page_ends_the_map_in_the_engine(page_of: Pages, server: Server) -> None:
    desk = Desk(page_of("en"))
    open_tab(desk, "map")
    fill(desk, tokens=4000, leaves=64)
    desk.page.locator("#map-go").click()
    desk.until(lambda: re.match(r"token \d+ of 4000 ", facts(desk.page)))
    desk.page.close()
    until = time.monotonic() + 5
    while busy(server, 0.5) > IDLE:
        assert time.monotonic() < until, "the engine goes on with a map that nobody sees"


def test_in_the_other_language_a_map_can_be_made_anew(page_of: Pages) -> None:
    page = page_of("en")
    desk = mapped(page, knob="top_k", low=1, high=4, tokens=4)
    page.locator("#language").click()
    page.wait_for_url("**/ja/map")
    page.locator("#map-go").wait_for()
    desk.quiet()
    open_tab(desk, "map")
    assert not page.locator("#map-view .tsu-icicle-stage").is_visible()
    desk.press("map-deeper")
    assert "地図" in desk.notice()
    fill(desk, knob="top_k", low=1, high=4, tokens=4)
    desk.press("map-go")
    assert "範囲の 100.0%" in facts(page)
    page.go_back()
    page.locator("#map-go").wait_for()
    open_tab(desk.quiet(), "map")
    mapped(page, knob="top_k", low=1, high=3, tokens=4)
    assert "100.0% of the range" in facts(page)


def test_the_keyboard_reaches_every_cell(page_of: Pages) -> None:
    page = page_of("en")
    desk = mapped(page, knob="top_k", low=1, high=6)
    page.locator("#map-view .tsu-icicle-over").focus()
    heads = []
    for key in ("Home", "ArrowRight", "ArrowDown", "ArrowDown", "End"):
        page.keyboard.press(key)
        heads.append(text(page, "#map-view .tsu-icicle-cell"))
    assert len(set(heads)) == 5 or heads[0] == heads[1]
    assert heads[-1].startswith("token 3")
    page.keyboard.press("ArrowUp")
    assert text(page, "#map-view .tsu-icicle-cell").startswith("token 2")
    page.locator("#map-view tbody tr").nth(1).focus()
    page.keyboard.press("Enter")
    assert text(page, "#map-view .tsu-icicle-head").startswith("top_k 2")
    desk.quiet()


def test_the_map_is_taken_away_as_csv_json_and_a_page_and_its_flickers_are_told(page_of: Pages) -> None:
    page = page_of("ja")
    mapped(page, low=0.1, high=2)
    found = KnobMap.from_json(downloaded(page, "json"))
    assert downloaded(page, "csv").decode() == found.to_csv()
    assert found.flickers
    rows, flickers = page.locator("#map-view tbody tr"), page.locator("#map-view tbody tr.flicker")
    assert flickers.count() == len(found.flickers)
    folded = len(found.pieces) - sum(one.end - one.begin for one in found.flickers)
    assert rows.count() == folded + 1, "each in one row, and a row that folds them"
    assert not flickers.first.is_visible()
    page.locator("#map-view tbody tr.folded").click()
    flickers.first.click()
    assert text(page, "#map-view .tsu-icicle-why") == flickers.first.get_attribute("title") == found.flickers[0].ja
    html = downloaded(page, "html").decode()
    data = re.search(r"\.show\((.*)\);\n</script>", html)
    assert data is not None
    assert json.loads(data[1])["texts"] == [piece.text for piece in found.pieces]


@pytest.mark.parametrize(
    ("values", "said"),
    [({"low": 2, "high": 1}, "reversed"), ({"low": -1}, "temperature"), ({"prompt": ""}, "prompt is empty")],
)
def test_what_cannot_be_mapped_is_said(page_of: Pages, values: dict[str, object], said: str) -> None:
    page = page_of("en")
    desk = mapped(page, **values)
    assert said in desk.notice()
    assert not page.locator("#map-view .tsu-icicle-stage").is_visible()


def test_knobs_without_a_map_say_why_and_the_others_bring_their_range(page_of: Pages) -> None:
    page = page_of("ja")
    desk = Desk(page)
    open_tab(desk, "map")
    page.locator("#map-others summary").click()
    others = text(page, "#map-others")
    assert "seed シードごとに乱数が引き直される" in others
    assert "grammar 値に順序がない" in others
    fill(desk, knob="top_k")
    assert (page.locator("#map-low input").input_value(), page.locator("#map-high input").input_value()) == ("0", "100")


def test_two_readers_have_a_map_each(page_of: Pages) -> None:
    one, other = page_of("en"), page_of("ja")
    mapped(one, low=0.1, high=2)
    mapped(other, knob="top_k", low=1, high=4)
    one.mouse.click(*at(one, 0.5, 0))
    assert text(one, "#map-view .tsu-icicle-head").startswith("temperature")
    one.locator("#map-view [data-do=inside]").click()
    Desk(one)
    other.mouse.click(*at(other, 0.5, 0))
    assert text(other, "#map-view .tsu-icicle-head").startswith("top_k")


def test_nothing_widens_a_phones_page_and_a_finger_picks_and_zooms(page_of: Pages) -> None:
    page = page_of("ja", width=390, height=844, dark=True, has_touch=True)
    desk = mapped(page, low=0.1, high=2)
    page.touchscreen.tap(*at(page, 0.6, 1))
    assert text(page, "#map-view .tsu-icicle-head").startswith("temperature")
    before = facts(page)
    page.locator("#map-view [data-do=zoom]").click()
    desk.quiet()
    assert facts(page) != before
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
