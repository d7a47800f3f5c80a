"""WCAG 2.2 AA: axe-core finds nothing in any tab, and what it cannot see (focus, keys, motion, words for pictures) is
tried by hand.

Guarantee: every tab is looked at with something in it, in both languages and both themes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tsumami import course
from tsumami.app.words.texts import Language, Texts
from tsumami.knobs import KNOBS

from . import axe
from .conftest import Pages
from .desk import Desk
from .looking import open_tab, token

# --- the tabs, with something in them


def chat(page: Page) -> None:
    desk = Desk(page).turn(max_tokens=6, seed=1)
    desk.say("Name a colour.")
    desk.say("And a river?")
    desk.turn(temperature=1.5)
    desk.press("again")
    desk.unfolded()
    page.locator("button.label-wrap:not(.open)").evaluate_all("all => all.forEach(one => one.click())")
    page.locator("#knobs details").evaluate_all("all => all.forEach(one => { one.open = true; })")


def microscope(page: Page) -> None:
    desk = Desk(page)
    desk.press("microscope-last")
    token(page, 2).click()
    desk.quiet()
    page.locator("#microscope-inside tr[data-candidate]:not(.chosen)").first.click()
    desk.quiet().press("microscope-branch").press("microscope-audit")
    page.locator("#microscope-tree [data-beside]").first.click()


def compare(page: Page) -> None:
    page.locator("#compare-most input").fill("6")
    page.keyboard.press("Tab")
    Desk(page).press("compare-go")


def knob_map(page: Page) -> None:
    for name in ("tokens", "leaves"):
        page.locator(f"#map-{name} input").fill("6")
        page.keyboard.press("Tab")
    Desk(page).press("map-go")
    page.locator("#map-others summary").click()
    page.locator("#map-view .tsu-icicle-over").focus()
    page.keyboard.press("Home")


def grid(page: Page) -> None:
    for name, value in {"tokens": "5", "values-1": "0, 1", "values-2": "0.5, 0.9"}.items():
        page.locator(f"#grid-{name} :is(input, textarea)").last.fill(value)
        page.keyboard.press("Tab")
    desk = Desk(page).press("grid-go")
    page.locator("#grid-view .grid-square").last.click()
    desk.quiet()
    page.locator("#grid-view [data-do=compare]").click()


def next_token(page: Page) -> None:
    Desk(page).press("next-roll")


def reference(page: Page) -> None:
    page.locator("#reference-search textarea, #reference-search input").fill("mirostat")  # a few of many alike


def nothing(page: Page) -> None:
    Desk(page)


#: In this order, since the later ones take up what the chat has; of each what puts something into it.
TABS: Final[dict[str, Callable[[Page], None]]] = {
    "chat": chat,
    "write": nothing,
    "microscope": microscope,
    "compare": compare,
    "map": knob_map,
    "grid": grid,
    "history": nothing,
    "next": next_token,
    "learn": nothing,
    "reference": reference,  # last, since its many elements stay in the page
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_axe_finds_nothing_in_any_tab_in_light_and_dark(page_of: Pages, language: Language) -> None:
    page = page_of(language)
    desk, found = Desk(page), []
    for tab, fill in TABS.items():
        open_tab(desk, tab)
        fill(page)
        desk.quiet()
        found += [(tab, one) for one in axe.in_both_themes(page)]
        for part in course.PARTS[1:] if (tab, language) == ("learn", "ja") else ():  # the same in both
            page.locator(f"#learn-{part}-button").click()
            desk.quiet()
            with axe.shown_alone(page):
                found += [(part, one) for one in axe.violations(page, axe.ALL, "#learn")]
    found += [("all tabs", one) for one in axe.violations(page, axe.ALL)]  # with what is hidden in it, once
    unknown = [f"{tab}: {one.rule} | {one.where} | {one.why}" for tab, one in found if not one.known]
    gone = set(axe.KNOWN) - {one.known for _, one in found}
    assert not unknown, "\n".join(unknown)
    assert not gone, f"not found any more, so they have to go: {gone}"


def test_what_is_wrong_is_found_where_it_is_shown_and_what_is_hidden_comes_back(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<main><h1>One</h1><img src='data:,'><p style='color: #ccc'>Faint</p><details><summary>More</summary><p>Two</p>"
        "<b>three</b></details><div hidden><button></button><i>four</i></div></main>"
    )
    whole = page.locator("main").inner_html()
    with axe.shown_alone(page):
        found = {one.rule for one in axe.violations(page, axe.ALL)}
        assert page.locator("main *").count() == 8, "what is hidden is empty"
    assert {"image-alt", "color-contrast"} <= found
    assert page.locator("main").inner_html() == whole
    page.close()


# --- what axe-core cannot see

_WITHOUT_FOCUS_RING: Final = """() => {
  const shown = one => one.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const look = one => { const {outlineStyle, outlineWidth, boxShadow, borderColor} = getComputedStyle(one);
    return {ring: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1, shadow: boxShadow}; };
  const missing = [];
  for (const one of document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')) {
    if (!shown(one) || one.disabled) continue;
    one.focus({preventScroll: true});
    if (document.activeElement !== one) continue;
    if (!one.matches(':focus-visible') || !look(one).ring) missing.push(one.outerHTML.slice(0, 120));
    one.blur();
  }
  return missing;
}"""


def test_whatever_has_the_focus_shows_it(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    missing: dict[str, list[str]] = {}
    for tab in TABS:
        open_tab(desk, tab)
        page.keyboard.press("Tab")  # the focus is shown to who uses the keyboard
        missing[tab] = page.evaluate(_WITHOUT_FOCUS_RING)
        desk.quiet()
    assert not any(missing.values()), "\n".join(f"{tab}: {one}" for tab, all_ in missing.items() for one in all_)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_arrow_keys_go_from_tab_to_tab_and_home_and_end_to_the_first_and_the_last(
    page_of: Pages, language: Language
) -> None:
    page, texts = page_of(language), Texts(language)
    desk = Desk(page)

    def chosen() -> str:
        tab = page.locator("#tabs > .tab-wrapper [role=tab][aria-selected=true]")
        expect(tab).to_be_focused()
        return tab.inner_text().strip()

    page.locator("#tabs > .tab-wrapper [role=tab]").first.focus()
    for key, tab in (
        ("ArrowRight", "write"),
        ("ArrowRight", "microscope"),
        ("ArrowLeft", "write"),
        ("Home", "chat"),
    ):
        page.keyboard.press(key)
        desk.quiet()
        assert chosen() == texts(f"tab.{tab}")
    page.keyboard.press("ArrowLeft")
    desk.quiet()
    last = chosen()
    page.keyboard.press("ArrowRight")
    desk.quiet()
    assert chosen() == texts("tab.chat"), "after the last comes the first"
    page.keyboard.press("End")
    desk.quiet()
    assert chosen() == last


@pytest.mark.parametrize("language", ["ja", "en"])
def test_what_gradio_names_not_at_all_or_in_english_has_a_name_in_the_page_s_language(
    page_of: Pages, language: Language
) -> None:
    page, texts = page_of(language), Texts(language)
    Desk(page)
    send = page.locator("#message button").last
    assert send.get_attribute("aria-label") == texts("chat.send")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator("#tabs > .tab-wrapper .overflow-menu > button")).to_have_attribute(
        "aria-label", texts("page.more_tabs")
    )


def test_no_name_is_in_another_language(page_of: Pages) -> None:
    page = page_of("ja")
    Desk(page).unfold("ステージの順序")
    page.wait_for_timeout(200)
    names = page.locator("[aria-label]").evaluate_all("all => all.map(one => one.ariaLabel)")
    plain = {name for name in names if not re.search(r"[ぁ-んァ-ヶ一-龥]", name)}
    called = {name for knob in KNOBS.values() for name in (knob.name, f"{knob.label_ja} ({knob.name})")}
    assert plain - called - {"n_ctx", "×"} == set()


def test_who_wants_less_motion_gets_none(page_of: Pages) -> None:
    page = page_of("en")
    page.emulate_media(reduced_motion="reduce")
    moving = page.evaluate(
        """() => [...document.querySelectorAll('*')].filter(one => { const look = getComputedStyle(one);
          return parseFloat(look.animationDuration) > 0.01 || parseFloat(look.transitionDuration) > 0.01
            || look.scrollBehavior === 'smooth'; }).map(one => one.outerHTML.slice(0, 100))"""
    )
    assert moving == []


def test_pictures_have_words_of_their_own(page_of: Pages) -> None:
    page = page_of("en")
    desk = Desk(page)
    chat(page)
    open_tab(desk, "microscope")
    microscope(page)
    desk.quiet()
    strip = page.locator("#microscope-strip").locator("xpath=descendant-or-self::*[@role='group']")
    assert "arrow keys" in (strip.get_attribute("aria-label") or "")
    assert page.locator("#told[role=status]").inner_text().startswith("3 / 6"), "each step is told"
    roll = page.locator("#microscope-inside .tsu-rolls[role=img]").get_attribute("aria-label") or ""
    chosen = page.locator("#microscope-inside .tsu-call b").first.inner_text()
    assert "u = 0." in roll
    assert chosen.split()[0] in roll
    open_tab(desk, "map")
    knob_map(page)
    desk.quiet()
    over = page.locator("#map-view canvas[role=application]")
    assert "arrow keys" in (over.get_attribute("aria-label") or "")
    assert page.locator("#map-view canvas[aria-hidden=true]").count() == 1
    assert page.locator("#map-view [aria-live=polite]").inner_text().startswith("temperature ")
    open_tab(desk, "compare")
    compare(page)
    desk.quiet()
    pictures = page.locator("#compare-measures .tsu-picture[role=img]")
    assert pictures.count() == page.locator("#compare-measures svg").count()
    labels = pictures.evaluate_all("all => all.map(one => one.ariaLabel)")
    assert labels
    assert all(labels)
