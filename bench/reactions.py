"""The page's first reaction to a press: milliseconds until something that is in sight has changed.

What is pressed is the main control of every tab, and whatever else computes, in a real Chromium with real input. It is
measured in the page itself, from the time stamp of the event to the first frame in which an element in sight is
another (a MutationObserver, and the line that says that work goes on, once it is to be seen). How a button looks while
the mouse holds it down does not count; that it stays marked until it is answered does. The page stays open for all of
it; of each act the median of all rounds.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

from playwright.sync_api import Page

from bench.measuring import Ratio
from bench.options import Options
from bench.page import launched, served
from bench.report import Goal, Row, Table
from tsumami.app.words.texts import Texts

_GOAL: Final = Goal("<=", 100)
_PATIENCE_MS: Final = 120_000
_EN: Final = Texts("en")

_WATCH: Final = """() => {
  const looks = ['class', 'style', 'hidden', 'open', 'disabled', 'aria-pressed', 'aria-expanded',
    'aria-selected', 'data-pressed'];
  const shown = one => {
    if (!one?.checkVisibility({visibilityProperty: true, opacityProperty: true})) return false;
    const {top, bottom, left, right} = one.getBoundingClientRect();
    return bottom > top && right > left && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  };
  let begun = null, changed = false, ended = null;
  const line = document.querySelector('#busy .busy-line');
  const observer = new MutationObserver(records => {
    if (begun === null) return;
    changed ||= records.some(({target, type, attributeName, oldValue}) => {
      if (type === 'attributes' && target.getAttribute(attributeName) === oldValue) return false;
      const one = target instanceof Element ? target : target.parentElement;
      return !one?.closest('#busy') && shown(one);
    });
  });
  observer.observe(document.body, {subtree: true, childList: true, characterData: true, attributeFilter: looks,
    attributeOldValue: true});
  const begin = event => {
    if (begun !== null || !event.isTrusted) return;
    begun = event.timeStamp;
    requestAnimationFrame(look);
  };
  const look = () => {
    if (!changed && !shown(line)) { requestAnimationFrame(look); return; }
    ended = performance.now();
    observer.disconnect();
  };
  for (const kind of ['click', 'keydown']) addEventListener(kind, begin, {capture: true, once: true});
  window.reaction = () => ended === null ? null : ended - begun;
}"""
#: Nothing is under way, and has not been for a while.
_QUIET: Final = """() => {
  const busy = !document.querySelector('#busy .busy-line').hidden || document.querySelector('[data-under-way]');
  if (busy) window.quietSince = null;
  window.quietSince ??= busy ? null : performance.now();
  return window.quietSince !== null && performance.now() - window.quietSince > 700;
}"""


class Act(NamedTuple):
    """What somebody does in a tab, and how."""

    what: str
    tab: str
    do: Callable[[Page], object]


def _press(where: str) -> Callable[[Page], object]:
    return lambda page: page.locator(f"{where} >> visible=true").first.click()


def _enter(where: str) -> Callable[[Page], object]:
    return lambda page: page.locator(where).press("Enter")


def _type(where: str) -> Callable[[Page], object]:
    return lambda page: page.locator(where).press_sequentially("s")


_ACTS: Final = (
    Act("send", "chat", _enter("#message textarea")),
    Act("same seed", "chat", _press("#again")),
    Act("new seed", "chat", _press("#new-seed")),
    Act("continue", "chat", _press("#go-on")),
    Act("why two replies differ", "chat", _press("#chat .log-why")),
    Act("tokens of a reply", "chat", _press("#chat .log-tokens")),
    Act("account of a reply", "chat", _press("#chat .account summary")),
    Act("receipt", "chat", _press("#receipt")),
    Act("look inside", "chat", _press("#chat a[href*='#inside-']")),
    Act("the last reply", "microscope", _press("#microscope-last")),
    Act("a token", "microscope", _press("#microscope-strip [data-token='2']")),
    Act("a candidate", "microscope", _press("#microscope-inside tr[data-candidate]:not(.chosen)")),
    Act("why not", "microscope", _press("#microscope-why")),
    Act("branch", "microscope", _press("#microscope-branch")),
    Act("what each knob did", "microscope", _press("#microscope-audit")),
    Act("how far each knob goes", "microscope", _press("#microscope-far")),
    Act("compare", "compare", _press("#compare-go")),
    Act("another reference", "compare", _press("#compare-why [data-to='1']")),
    Act("map", "map", _press("#map-go")),
    Act("grid", "grid", _press("#grid-go")),
    Act("find in the history", "history", _type("#history input[type=search]")),
    Act("a card of the history", "history", _press("#history .history-card")),
    Act("type a prompt", "next", _type("#next-prompt textarea")),
    Act("a thousand rolls", "next", _press("#next-roll")),
    Act("a step of the course", "learn", _press("#learn-loop-go")),
    Act("find in the reference", "reference", _type("#reference-search :is(input, textarea)")),
    Act("go on writing", "write", _press("#write .write-go")),
    Act("load a model", "chat", _press("#model-load")),
    Act("undo", "chat", _press("#undo")),
    Act("bring it back", "chat", _press("#chat .log-undelete")),
    Act("new conversation", "chat", _press("#clear")),
)


def measure(options: Options) -> list[Table]:
    """Milliseconds of each act."""
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(served(options, {"TSUMAMI_DATA": folder}))
        chromium = launched(stack)
        for _ in range(options.turns.least):
            page = chromium.new_page(viewport={"width": 1600, "height": 900}, locale="en-US")
            page.set_default_timeout(_PATIENCE_MS)
            _prepare(page, url)
            for act in _ACTS:
                found.setdefault(act.what, []).append(_reaction(page, act))
            page.close()
        chromium.close()
    return [_table(found)]


def _table(found: dict[str, list[float]]) -> Table:
    medians = {what: statistics.median(times) for what, times in found.items()}
    worst = max(medians, key=medians.__getitem__)
    rows = [
        Row(f"the slowest: {worst}", _GOAL, Ratio.of(found[worst])),
        Row("median of all acts", _GOAL, Ratio.of(list(medians.values())), medians),
    ]
    return Table("reactions", "milliseconds from a press to the first change in sight", rows)


def _prepare(page: Page, url: str) -> None:
    """What the acts need: short replies of different kinds, and small experiments."""
    page.goto(f"{url}/en/")
    page.wait_for_function("window.tsumamiRestored")
    page.wait_for_timeout(1000)
    for name, value in {"max_tokens": "8", "seed": "1", "temperature": "1.5"}.items():
        _fill(page, f"#box-{name}", value)
    page.fill("#message textarea", "Name a colour.")
    page.locator("#model-bar button").first.click()
    _fill(page, "#model-bar input[type=number]", "1024")
    small = {"#compare-most": "4", "#map-tokens": "4", "#map-leaves": "2", "#grid-tokens": "4"}
    for where, value in small.items():
        _open(page, where[1:].partition("-")[0])
        _fill(page, f"{where} input", value)
    page.locator("#grid-values-1 :is(input, textarea)").fill("0, 1")
    page.locator("#grid-values-2 :is(input, textarea)").fill("0.9")
    _open(page, "write")
    page.locator("#write textarea").fill("Once upon a time")


def _fill(page: Page, where: str, value: str) -> None:
    page.locator(where).fill(value)
    page.locator(where).press("Tab")


def _open(page: Page, tab: str) -> None:
    """Open a tab, and wait until it stands."""
    page.get_by_role("tab", name=_EN(f"tab.{tab}"), exact=True).first.click()
    page.wait_for_function(_QUIET)


def _reaction(page: Page, act: Act) -> float:
    """Milliseconds of its first reaction; afterwards all has ended that it set off."""
    _open(page, act.tab)
    page.evaluate(_WATCH)
    act.do(page)
    page.wait_for_function("() => window.reaction() !== null")
    took = float(page.evaluate("() => window.reaction()"))
    page.wait_for_function(_QUIET)
    return took
