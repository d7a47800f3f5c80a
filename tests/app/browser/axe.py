"""axe-core in a page: what it finds wrong, less what is known to be Gradio's own and cannot be mended from here.

Guarantee: what is let pass stands in `KNOWN`, each with its reason; one that is not found any more has to go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
ALL: Final = {"type": "tag", "values": list(TAGS)}
COLOURS: Final = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""In the other theme only these can be otherwise."""

#: By rule and a selector of the place, or of what it stands in: what is let pass, and why.
KNOWN: Final[dict[tuple[str, str], str]] = {}

_RUN: Final = """async ({rules, within, known}) => {
  const found = await axe.run(within || document, {runOnly: rules, resultTypes: ['violations']});
  const passes = (id, where) =>
    known.find(([rule, place]) => rule === id && document.querySelector(where)?.closest(place)) || null;
  return found.violations.flatMap(({id, help, nodes}) => nodes.map(({target, html, any, all, none}) => ({
    rule: id, where: target.flat().join(' '), html: html.slice(0, 160), known: passes(id, target.flat().join(' ')),
    why: [...any, ...all, ...none].map(one => one.message).join('; ').slice(0, 240) || help})));
}"""

#: What is hidden cannot be wrong by its looks, its name or its role, but axe-core reads all of it each time: of the
#: elements of a page whose tabs were all opened that is nine in ten.
_PUT_AWAY: Final = """() => {
  window.putAway = [];
  for (const one of document.querySelectorAll('body *')) {
    const stays = !one.isConnected || !one.firstElementChild || one.checkVisibility() || one.closest("svg");
    if (stays) continue;
    const children = document.createDocumentFragment();
    children.append(...one.childNodes);
    window.putAway.push([one, children]);
  }
}"""
_PUT_BACK: Final = "() => { for (const [one, children] of window.putAway) one.append(children); }"


class Violation(NamedTuple):
    """What axe-core found: the rule, the place, and why; known: what of `KNOWN` lets it pass."""

    rule: str
    where: str
    why: str
    known: tuple[str, str] | None


def violations(page: Page, rules: dict[str, Any], within: str = "") -> list[Violation]:
    """What axe-core finds in what is shown, of the whole page or below a place."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(_RUN, {"rules": rules, "within": within, "known": list(KNOWN)})
    return [
        Violation(
            one["rule"], one["where"], f"{one['html']} ({one['why']})", tuple(one["known"]) if one["known"] else None
        )
        for one in found
    ]


def in_both_themes(page: Page, within: str = "") -> list[Violation]:
    """What axe-core finds in the light, and in the dark, in what is shown."""
    page.emulate_media(reduced_motion="reduce")  # colours change at once
    with shown_alone(page):
        found = violations(page, ALL, within)
        _turn(page, "dark")
        found += [one._replace(why=f"in the dark: {one.why}") for one in violations(page, COLOURS, within)]
        _turn(page, "light")
    return found


@contextlib.contextmanager
def shown_alone(page: Page) -> Iterator[None]:
    """What is hidden is not in the page in this block; what refers to it, or repeats its id, is found without it."""
    page.evaluate(_PUT_AWAY)
    try:
        yield
    finally:
        page.evaluate(_PUT_BACK)


def _turn(page: Page, theme: Any) -> None:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=theme == "dark")
    page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
