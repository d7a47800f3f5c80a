"""The microscope in a real page: from a reply to its tokens, their ledgers, and branches."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

import tsumami
from tsumami.wording import percent

from .conftest import Pages
from .desk import Desk
from .looking import open_tab, text, token

MESSAGE = "Tell me about the sea."


def looking(page: Page, **knobs: object) -> Desk:
    """A chat with one reply that is open in the microscope."""
    desk = Desk(page)
    desk.turn(**{"seed": 1, "max_tokens": 12, **knobs})
    desk.say(MESSAGE)
    Desk(page).unfolded(0).locator('a[href*="#inside-"]').click()
    page.locator("#microscope-strip .tsu-token").first.wait_for()
    return desk.quiet()


def upload(page: Page, path: Path) -> None:
    """Open a file of this disk."""
    with page.expect_file_chooser() as chooser:
        page.locator("#microscope-open").click()
    chooser.value.set_files(path)


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_click_on_a_token_shows_its_ledger(page_of: Pages, locale: str) -> None:
    page = page_of(locale)
    desk = looking(page)
    sound = "ビット単位で計算し直しました" if locale == "ja" else "recomputed bit for bit"
    assert sound in text(page, "#microscope-about")
    assert page.locator("#microscope-strip .tsu-token").count() == 12
    token(page, 5).click()
    desk.quiet()
    assert text(page, "#microscope-inside .token-head").startswith("6 / 12")
    table = text(page, "#microscope-inside table")
    for stage in ("penalties", "top_k", "top_p", "min_p", "temperature"):
        assert stage in table
    chosen = page.locator("#microscope-inside tr.chosen")
    assert chosen.count() == 1
    title = token(page, 5).get_attribute("title") or ""
    final = chosen.locator("td").last.inner_text()
    assert f"{'最終の確率' if locale == 'ja' else 'final'} {final}" in title
    assert page.locator("#microscope-inside .tsu-mark").inner_text().startswith("u = 0.")


def test_the_link_of_an_answer_of_the_api_opens_its_text(page_of: Pages) -> None:
    server = page_of.server.url
    asked = httpx.post(f"{server}completion", json={"prompt": "The sky above", "n_predict": 5, "seed": 1}, timeout=60)
    own = asked.json()["tsumami"]
    page = page_of("en", url=f"{server.rstrip('/')}{own['link']}")
    page.locator("#microscope-strip .tsu-token").first.wait_for()
    assert page.locator("#microscope-strip .tsu-token").count() == 5


def test_a_long_reply_scrolls_in_its_box_and_every_token_can_be_reached(page_of: Pages) -> None:
    page = page_of("en", width=390, height=844)
    desk = Desk(page)
    open_tab(desk, "microscope")
    # as many tokens as a long reply has, without a model that writes for minutes
    page.evaluate(
        """() => {
          const strip = document.querySelector('#microscope-strip'), inner = strip.querySelector('.tsu-strip') || strip;
          const box = inner === strip ? strip.lastElementChild : inner;
          box.innerHTML = '<div class="tsu"><div class="tsu-strip">' + Array.from({length: 2000}, (_, number) =>
            `<span class="tsu-token" data-token="${number}">word </span>`).join('') + '</div></div>';
        }"""
    )
    strip = page.locator("#microscope-strip")
    assert strip.evaluate("e => e.scrollHeight > e.clientHeight && getComputedStyle(e).overflowY === 'auto'")
    assert (strip.bounding_box() or {})["height"] <= 0.35 * 844
    last = page.locator("#microscope-strip [data-token='1999']")
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box is not None
    hit = page.evaluate("([x, y]) => document.elementFromPoint(x, y).dataset.token", [box["x"] + 3, box["y"] + 3])
    assert hit == "1999", "nothing lies over it"


def test_arrow_keys_step_and_colours_change_without_the_server(page_of: Pages) -> None:
    page = page_of("en")
    desk = looking(page)
    token(page, 3).click()
    desk.quiet()
    head = page.locator("#microscope-inside .token-head")
    expect(head).to_have_text(re.compile("^4 / 12"))
    page.keyboard.press("ArrowRight")
    expect(head).to_have_text(re.compile("^5 / 12"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(head).to_have_text(re.compile("^3 / 12"))
    desk.quiet()
    before = token(page, 2).evaluate("e => getComputedStyle(e).backgroundPosition")
    page.locator("#microscope-mode input[value=rank]").check()
    desk.until(lambda: page.locator("#microscope-strip .tsu[data-mode=rank]").count())
    assert token(page, 2).evaluate("e => getComputedStyle(e).backgroundPosition") != before


def test_why_not_names_the_stage_and_the_value(page_of: Pages) -> None:
    page = page_of("en")
    desk = looking(page)
    token(page, 5).click()
    desk.quiet()
    cut = page.locator("#microscope-inside tr[data-candidate]:has(.cut)").first
    stage = (cut.locator(".cut").get_attribute("title") or "").split(":")[0]
    cut.click()
    desk.quiet()
    assert f"{stage} cut it" in text(page, "#microscope-answer")
    page.locator("#microscope-asked textarea, #microscope-asked input").fill("two words")
    desk.press("microscope-why")
    assert "not one token" in desk.notice()


def test_a_branch_goes_on_from_an_alternative_and_the_tree_is_walked_and_closed(page_of: Pages) -> None:
    page = page_of("en")
    desk = looking(page)
    first = text(page, "#microscope-strip .tsu-strip")
    token(page, 5).click()
    desk.quiet()
    row = page.locator("#microscope-inside tr[data-candidate]:not(.chosen)").first
    name = row.locator("th").inner_text()
    row.click()
    desk.quiet()
    desk.press("microscope-branch")
    desk.until(lambda: page.locator("#microscope-tree .branch").count() == 2)
    second = text(page, "#microscope-strip .tsu-strip")
    assert second != first
    assert f" {name} " in text(page, "#microscope-inside .token-head").replace("\n", " ")
    page.locator("#microscope-tree .branch").first.click()
    desk.quiet()
    assert text(page, "#microscope-strip .tsu-strip") == first
    page.locator("#microscope-tree [data-close]").click()
    desk.quiet()
    assert page.locator("#microscope-tree .branch").count() == 0


def test_two_branches_are_put_side_by_side_with_the_reason_why_they_part(page_of: Pages) -> None:
    page = page_of("en")
    desk = looking(page)
    token(page, 5).click()
    desk.quiet()
    page.locator("#microscope-inside tr[data-candidate]:not(.chosen)").first.click()
    desk.quiet()
    desk.press("microscope-branch")
    desk.until(lambda: page.locator("#microscope-tree .branch").count() == 2)
    branch = text(page, "#microscope-strip .tsu-strip")
    page.locator("#microscope-tree [data-beside]").click()
    desk.until(lambda: page.locator("#microscope-beside .tsu-lane").count() == 2)
    said = text(page, "#microscope-beside")
    assert "A · from token 6" in said
    assert "B · the first" in said
    assert "5 tokens" in text(page, "#microscope-beside .tsu-lane:first-child summary")
    assert "by hand" in text(page, "#microscope-beside .why")
    assert text(page, "#microscope-strip .tsu-strip") == branch, "looking beside must not leave the run"
    page.locator("#microscope-tree .branch").first.click()
    desk.quiet()
    assert page.locator("#microscope-beside .tsu-lane").count() == 0, "another run is shown now"


def test_the_audit_names_every_knob_and_says_what_it_did(page_of: Pages) -> None:
    page = page_of("ja")
    desk = looking(page, top_k=0, max_tokens=6)
    desk.press("microscope-audit")
    desk.until(lambda: page.locator("#microscope-audited tbody tr").count())
    said = text(page, "#microscope-audited")
    assert "temperature=0.8" in said
    assert "top_k" not in said
    assert "個のうち" in said


def test_run_files_open_also_edited_ones(page_of: Pages, tmp_path: Path, model: tsumami.Model) -> None:
    run = model.run("The sea is", seed=3, max_tokens=12)
    path = tmp_path / "run.json"
    run.save(path)
    page = page_of("en")
    desk = Desk(page)
    open_tab(desk, "microscope")
    upload(page, path)
    page.locator("#microscope-strip .tsu-token").first.wait_for()
    desk.quiet()
    assert "recomputed bit for bit" in text(page, "#microscope-about")
    token(page, 7).click()
    desk.quiet()
    assert percent(run.steps[7].p_raw) in text(page, "#microscope-inside .token-head")

    values = json.loads(path.read_text("utf-8"))
    values["receipt"]["model"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(values), "utf-8")
    upload(page, path)
    desk.until(lambda: "another model" in text(page, "#microscope-about"))
    desk.quiet()
    assert page.locator("#microscope-strip .tsu-token").count() == 12
    assert page.locator("#microscope-inside .tsu-bar").count() >= 10

    path.write_text("{}", "utf-8")
    upload(page, path)
    assert re.search("not a run file", desk.notice())


def test_nothing_widens_a_phones_page(page_of: Pages) -> None:
    page = page_of("ja", width=390, height=844, dark=True)
    looking(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
