"""axe-core in a page: what it finds wrong, less what is known to be Gradio's own and cannot be mended from here.

Guarantee: what is let pass stands in `KNOWN`, each with its reason; one that is not found any more has to go.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
ALL: Final = {"type": "tag", "values": list(TAGS)}
COLOURS: Final = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""In the other theme only these can be otherwise."""

#: By rule and a selector of the place, or of what it stands in: what is let pass, and why.
KNOWN: Final[dict[tuple[str, str], str]] = {
    ("color-contrast", "#next-board"): "knobs that do nothing are greyed, as what is disabled is",
}

_RUN: Final = """async ({rules, within, known}) => {
  const found = await axe.run(within || document, {runOnly: rules, resultTypes: ['violations']});
  const passes = (id, where) =>
    known.find(([rule, place]) => rule === id && document.querySelector(where)?.closest(place)) || null;
  return found.violations.flatMap(({id, help, nodes}) => nodes.map(({target, html, any, all, none}) => ({
    rule: id, where: target.flat().join(' '), html: html.slice(0, 160), known: passes(id, target.flat().join(' ')),
    why: [...any, ...all, ...none].map(one => one.message).join('; ').slice(0, 240) || help})));
}"""


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
    """What axe-core finds in the light, and in the dark."""
    page.emulate_media(reduced_motion="reduce")  # colours change at once
    found = violations(page, ALL, within)
    _turn(page, "dark")
    found += [one._replace(why=f"in the dark: {one.why}") for one in violations(page, COLOURS, within)]
    _turn(page, "light")
    return found


def _turn(page: Page, theme: Any) -> None:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=theme == "dark")
    page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
