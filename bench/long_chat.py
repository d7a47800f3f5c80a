"""A conversation that has become long: does a reply take as long as in an empty one?

Both are in the page, with nothing remembered, so that the model has the same to do: a message, from pressing Enter
in a real Chromium to the moment the page shows the account of the reply. One page shows a conversation of 200
exchanges, which was kept in the history before the server began; in the other a new one is begun each time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page

import tsumami
from bench.measuring import Turns, in_turns, ratio
from bench.options import Options
from bench.page import launched, served
from bench.report import Goal, Row, Table
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeper
from tsumami.app.work.kept import Kept
from tsumami.app.work.notebook import Notebook
from tsumami.app.work.replying import Sending, reply
from tsumami.app.work.tasks import Tasks
from tsumami.history import History
from tsumami.runs import Stream

_EXCHANGES = 200
_LENGTHS = {12: None, 48: Goal("<=", 1.2)}  # tokens of a reply: a very short one, and a short one
_ACCOUNTS = "[...document.querySelectorAll('#chat .account > summary')].filter(one => one.textContent).length"
_MESSAGE = "Name three colours."


def measure(options: Options) -> list[Table]:
    """Seconds of a reply in both, in turns."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        _fill(Path(folder) / "history.sqlite", options)
        url = stack.enter_context(served(options, {"TSUMAMI_DATA": folder}))
        chromium = launched(stack)
        contexts = {name: chromium.new_context(viewport={"width": 1280, "height": 800}) for name in ("empty", "long")}
        pages = {name: _opened(one.new_page(), url) for name, one in contexts.items()}
        pages["long"].locator("#talks summary").click()
        pages["long"].locator("#talks .talk-open").first.click()
        pages["long"].wait_for_function(f"() => document.querySelectorAll('#chat .exchange').length >= {_EXCHANGES}")
        pages["long"].locator("#talks summary").click()  # closed, it is not kept up to date
        rows = [_row(pages, tokens, goal, options) for tokens, goal in _LENGTHS.items()]
        chromium.close()
    return [Table("long_chat", "seconds of a reply in the page", rows)]


def _row(pages: Mapping[str, Page], tokens: int, goal: Goal | None, options: Options) -> Row:
    for page in pages.values():
        page.fill("#box-max_tokens", f"{tokens}")
        page.press("#box-max_tokens", "Tab")
    turns: dict[str, Callable[[], float]] = {
        "empty": lambda: _reply(pages["empty"], new=True),
        "long": lambda: _reply(pages["long"], new=False),
    }
    in_turns(turns, Turns(1, 1))  # everybody warm
    found = in_turns(turns, options.turns)
    seconds = {f"{name} s": statistics.median(values) for name, values in found.items()}
    what = f"{tokens} tokens after {_EXCHANGES} exchanges / in an empty conversation"
    return Row(what, goal, ratio(found["long"], found["empty"]), seconds)


def _fill(path: Path, options: Options) -> None:
    """Keep a long conversation."""
    base = tsumami.Settings(max_tokens=4, seed=1, ignore_eos=True)
    with (
        tsumami.load(options.model, threads=options.n_threads) as model,
        History(path) as store,
        Tasks[Stream]().ask("w") as asked,
    ):
        conversation, keeper = Conversation(), Keeper(store)
        for number in range(_EXCHANGES):
            asked_for = conversation.ask(f"Say {number}.")
            *_, last = reply(model, asked_for, base, Sending(None, "", 1), asked=asked, keeper=keeper)
            conversation = last.conversation
        Notebook(keeper, "w", Kept()).saved(conversation)


def _opened(page: Page, url: str) -> Page:
    page.goto(f"{url}/en/")
    page.wait_for_function("window.tsumamiRestored")
    page.locator("#talk-form .label-wrap").click()
    page.wait_for_timeout(1000)  # Gradio's sliders take their first value a moment after they have appeared
    page.fill("#memory input[type=number]", "0")
    page.press("#memory input[type=number]", "Tab")
    page.wait_for_timeout(1000)
    return page


def _reply(page: Page, *, new: bool) -> float:
    """Seconds from Enter to the account of the reply."""
    if new:
        page.click("#clear")
        page.wait_for_function("() => document.querySelectorAll('#chat .exchange').length === 0")
    page.wait_for_timeout(500)
    before = page.evaluate(_ACCOUNTS)
    page.fill("#message textarea", _MESSAGE)
    begin = time.perf_counter()
    page.press("#message textarea", "Enter")
    page.wait_for_function(f"() => {_ACCOUNTS} > {before}", timeout=120_000)
    return time.perf_counter() - begin
