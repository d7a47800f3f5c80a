"""The page: how much of the library's speed reaches it, and how soon it is ready.

Speed: a chat message with a fixed seed, from pressing Enter in a real Chromium to the moment the page shows the account
of the reply (so with the browser's drawing, Gradio's queue and the prompt), against the same prompt and settings
through `Model.stream` in a process of its own, from the call to the last Step. Both give the same tokens; that is
asserted.

Ready, in two parts. The server: from the start of `tsumami app` to its word that it is ready, less what a process takes
that only loads the same model; this is what the page adds to loading. The browser: a Chromium that is running and has
never seen the page, from going to the address to the message that was typed and sent standing in the chat. Medians of
all starts.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from playwright.sync_api import Browser, Page, sync_playwright

from bench.measuring import Ratio, in_turns, ratio
from bench.options import Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_MESSAGE = "Write a long story about a lighthouse keeper, with many details."
_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_LOAD = "import sys, tsumami; tsumami.load(sys.argv[1]).close()"


def measure(options: Options) -> list[Table]:
    """Tokens per second in the page against the library's stream, and the time until the page can be used."""
    with ExitStack() as stack:
        chromium = launched(stack)
        server, opening = _ready(options, chromium)
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        url = stack.enter_context(served(options))
        page = chromium.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.goto(f"{url}/en/")
        desk = _Desk(page, options.tokens)
        messages = [{"role": "user", "content": _MESSAGE}]

        def library() -> float:
            start = time.perf_counter()
            run = ours.ask("turn", messages=messages, count=options.tokens)
            seconds = time.perf_counter() - start
            desk.expected = run["text"]
            return len(run["tokens"]) / seconds

        library()
        desk.talk()
        found = in_turns({"library": library, "page": desk.talk}, options.turns)
        chromium.close()
    speeds = {name: statistics.median(values) for name, values in found.items()}
    rows = [
        Row("page / library stream", Goal(">=", 0.9), ratio(found["page"], found["library"]), {
            "page tok/s": speeds["page"],
            "library tok/s": speeds["library"],
        }),
        Row("server ready after the model is loaded, seconds", Goal("<=", 3), server),
        Row("then: page opened, message typed and sent, seconds", Goal("<=", 2), opening),
    ]  # fmt: skip
    return [Table("page", "the chat page", rows)]


def launched(stack: ExitStack) -> Browser:
    """A Chromium, whose driver ends with the stack."""
    path = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
    return stack.enter_context(sync_playwright()).chromium.launch(executable_path=path, args=_CHROMIUM)


class _Desk:
    """The open page."""

    def __init__(self, page: Page, tokens: int) -> None:
        self._page, self._tokens = page, tokens
        page.wait_for_selector("#message textarea")
        self.expected = ""
        page.fill("#box-seed", "1")
        page.fill("#box-max_tokens", str(tokens))
        page.press("#box-max_tokens", "Tab")
        page.wait_for_timeout(1000)

    def talk(self) -> float:
        """Clear, send the message, wait for the account: tokens per second as the reader sees them."""
        page = self._page
        page.click("#clear")
        page.wait_for_function("() => document.querySelectorAll('#chat .exchange').length === 0")
        page.wait_for_timeout(500)
        page.fill("#message textarea", _MESSAGE)
        begin = time.perf_counter()
        page.press("#message textarea", "Enter")
        title = page.get_by_text(re.compile(r"What was sent and rolled — \d+ tokens"))
        title.wait_for(timeout=120_000)
        seconds = time.perf_counter() - begin
        shown = re.sub(r"\s+", " ", page.inner_text("#chat"))
        head = re.sub(r"\s+", " ", self.expected).strip()[:60]
        assert head in shown, f"the page shows another text than the library gives: {shown[:200]!r}"
        count = re.search(r"(\d+) tokens", title.inner_text())
        assert count is not None
        return int(count[1]) / seconds


@contextmanager
def served(options: Options, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """`tsumami app` on a free port; gives its address when it says that it is ready."""
    command = [str(Path(sys.executable).with_name("tsumami")), "app", "--port", "0", "--lang", "en"]
    command += ["--model", options.model, "--threads", str(options.n_threads)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | dict(environment)) as process:
        assert process.stderr is not None
        try:
            while not (found := re.search(r"ready at (\S+)", process.stderr.readline())):
                assert process.poll() is None, "the server ended before it was ready"
            yield found[1]
        finally:
            process.terminate()


def _ready(options: Options, chromium: Browser) -> tuple[Ratio, Ratio]:
    """Seconds until the server is ready after the model is loaded, and then until a page has sent a message."""
    servers, openings = [], []
    for _ in range(options.turns.least):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", _LOAD, options.model], check=True)
        loaded = time.perf_counter() - begin
        begin = time.perf_counter()
        with served(options) as url:
            servers.append(time.perf_counter() - begin - loaded)
            page = chromium.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
            begin = time.perf_counter()
            page.goto(f"{url}/en/", wait_until="commit")
            page.fill("#message textarea", "Hello.")
            page.press("#message textarea", "Enter")
            page.wait_for_selector("#chat .user-row")
            openings.append(time.perf_counter() - begin)
            page.close()
    return Ratio.of(servers), Ratio.of(openings)
