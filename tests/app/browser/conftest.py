"""A real server, a real Chromium, and pages that tell what went wrong in them.

Guarantee: a test of this folder drives the same server that `tsumami app` starts, with the bundled model, and fails if
the page reports an error that it did not expect or if the server's log holds one. When a test fails, a screenshot of
every page that it had open lies in pytest's temporary folder, and its path stands in the report.

Where Chromium is missing, the tests are skipped with the words on how to get it; with CI=true that is a failure.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from .desk import WATCH

HERE: Final = Path(__file__).parent
#: In a program's PYTHONPATH it makes the course shorter.
QUICK_COURSE: Final = str(HERE.parents[1] / "support" / "quick_course")
START_SECONDS: Final = 180.0
PATIENCE_MS: Final = 60_000
IDLE: Final = 0.15  # cores; a server that generates uses one, if the machine has one to give
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: What a log line looks like when something broke in the server.
TROUBLE: Final = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|Exception in|Error:", re.IGNORECASE)
#: What a page says about its open connections when it is left or loaded again.
LEAVING: Final = r"AbortError: signal is aborted|Connection errored out"
_NAMES: Final = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_SERVE: Final = """
import sys
from tsumami.app.serving.server import ServerOptions, serve
from tsumami.app.work.shelf import ModelChoice
from tsumami.engine import EngineOptions
options = EngineOptions(n_ctx=int(sys.argv[2]) or None, threads=1)
serve(ModelChoice("smollm2", options), ServerOptions(port=int(sys.argv[1])))
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test, and has a second try: what a person would do takes a browser, a
    server and a driver, which wait for each other and for a machine that others use, too. Nothing else has one.
    """
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures see, when they clean up, whether the test has failed."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


_FAILED: Final = pytest.StashKey[bool]()


@dataclass(slots=True)
class Server:
    """A running server: where it is, and what it has logged."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The root, which sends a browser to its language."""
        return f"http://127.0.0.1:{self.port}/"

    def logged(self, since: int = 0) -> str:
        """The log from byte `since`."""
        return self.log.read_bytes()[since:].decode("utf-8", "replace")

    def stop(self) -> None:
        """End it as a service manager does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the server did not end within 15 seconds") from None


def busy(server: Server, seconds: float) -> float:
    """How many cores the server has used, on average, in the next `seconds`."""
    stat = Path(f"/proc/{server.process.pid}/stat")
    if not stat.exists():
        pytest.skip("this system has no /proc to read processor times from")

    def ticks() -> int:
        return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))

    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / 100 / seconds


def start_server(log: Path, *, port: int | None = None, n_ctx: int = 0) -> Server:
    """Start a server on a free port of loopback and wait until it answers."""
    port = port or free_port()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (QUICK_COURSE, os.environ.get("PYTHONPATH")))),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(port), str(n_ctx)], stdout=out, stderr=out, env=environment
        )
    server = Server(port, log, process)
    until = time.monotonic() + START_SECONDS
    while not _answers(server.url + "en/config"):
        if process.poll() is not None or time.monotonic() > until:
            server.stop()
            raise AssertionError(f"the server did not start:\n{server.logged()}")
        time.sleep(0.1)
    return server


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  (our own server)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that all tests share."""
    running = start_server(tmp_path_factory.mktemp("server") / "server.log")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def another_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of a test's own, to be stopped and started: `another_server(port=…, n_ctx=…)`."""
    started: list[Server] = []

    def start(**options: int) -> Server:
        started.append(start_server(tmp_path / "server.log", **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def chromium() -> str:
    """Where Chromium is; without it the test is skipped, or fails where CI=true."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found
    words = (
        "Chromium is not installed, so the page was not tested. Get it with `sudo apt-get install "
        "chromium-headless-shell fonts-noto-cjk` (Debian; the fonts have Japanese letters)."
    )
    if os.environ.get("CI") == "true":
        pytest.fail(words, pytrace=False)
    pytest.skip(words)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    chromium()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def launch(playwright: Playwright) -> Iterator[Callable[..., Browser]]:
    """Start a Chromium with further command-line switches: `launch("--use-fake-device-for-media-stream")`."""
    launched: list[Browser] = []

    def start(*switches: str) -> Browser:
        made = playwright.chromium.launch(executable_path=chromium(), args=[*QUIET, *switches])
        launched.append(made)
        return made

    yield start
    for one in launched:
        one.close()


@pytest.fixture(scope="package")
def browser(launch: Callable[..., Browser]) -> Browser:
    """A headless Chromium that all tests share."""
    return launch()


class Profiles:
    """Profiles that one test after the other uses, as good as new: nothing is in their storage, and nobody listens.

    In a page that has been there before Chromium has the page's scripts compiled, and opens it in half the time.
    """

    def __init__(self, server: Server, browser: Browser) -> None:
        self._elsewhere = f"{server.url}elsewhere"  # of the same origin, and answered with 404
        self._browser = browser
        self._idle: dict[str, list[Page]] = {}

    def take(self, locale: str) -> Page:
        """An empty page in a profile of that language."""
        idle = self._idle.setdefault(locale, [])
        return idle.pop() if idle else self._made(locale)

    def put_back(self, locale: str, page: Page) -> None:
        """Leave what is open in it, and forget what it has kept."""
        for other in page.context.pages:
            if other is not page:
                other.close()
        page.unroute_all()
        page.goto(self._elsewhere)
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        page.context.clear_cookies()
        self._idle[locale].append(page)

    def _made(self, locale: str) -> Page:
        profile = self._browser.new_context(locale=locale)
        profile.set_default_timeout(PATIENCE_MS)
        profile.add_init_script(WATCH)
        return profile.new_page()


@dataclass
class Pages:  # without slots: Playwright marks the objects whose methods it calls
    """Opens pages with empty profiles and collects what goes wrong in them: `page_of("ja", dark=True)`."""

    server: Server
    browser: Browser
    profiles: Profiles
    #: Patterns of console messages that the test itself provokes.
    expected: list[str] = field(default_factory=lambda: [LEAVING])
    trouble: list[str] = field(default_factory=list)
    opened: list[Page] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    _taken: list[tuple[str, Page]] = field(default_factory=list)

    def __call__(
        self,
        locale: str = "en-US",
        *,
        dark: bool = False,
        width: int = 1280,
        height: int = 800,
        url: str | None = None,
        browser: Browser | None = None,
        **context: Any,
    ) -> Page:
        """A page in an empty profile, ready to be used."""
        if url or browser or context:
            profile = (browser or self.browser).new_context(locale=locale, **context)
            profile.set_default_timeout(PATIENCE_MS)
            profile.add_init_script(WATCH)
            page = profile.new_page()
        else:
            page = self.profiles.take(locale)
            self._taken.append((locale, page))
        self.contexts.append(page.context)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        return self._open(page, url)

    def tab(self, profile: BrowserContext) -> Page:
        """A further page in a profile."""
        return self._open(profile.new_page(), None)

    def _open(self, page: Page, url: str | None) -> Page:
        self.opened.append(page)
        page.on("console", self._heard)
        page.on("pageerror", self._broke)
        page.goto(url or self.server.url)
        ready(page)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            self.trouble.append(f"console: {message.text} ({where})")

    def _broke(self, error: Error) -> None:
        self.trouble.append(f"page error: {error}")

    def unexpected(self) -> list[str]:
        """What went wrong in the pages and was not expected."""
        return [line for line in self.trouble if not any(re.search(known, line) for known in self.expected)]

    def close(self) -> None:
        """Give back the profiles that are shared, and close all others."""
        for page in self.opened:
            page.remove_listener("console", self._heard)
            page.remove_listener("pageerror", self._broke)
        shared = {page.context for _, page in self._taken if not page.is_closed()}
        for profile in self.contexts:
            if profile not in shared:
                with contextlib.suppress(Exception):
                    profile.close()
        for locale, page in self._taken:
            if page.context in shared:
                self.profiles.put_back(locale, page)


def ready(page: Page) -> None:
    """Wait until the page can be used."""
    page.locator("#message textarea").wait_for(state="visible")


@pytest.fixture(scope="package")
def profiles(server: Server, browser: Browser) -> Profiles:
    """The profiles of the browser that all tests share."""
    return Profiles(server, browser)


@pytest.fixture
def page_of(
    server: Server, browser: Browser, profiles: Profiles, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Pages]:
    """Open pages; afterwards no page and not the server's log may hold an error."""
    since = server.log.stat().st_size
    pages = Pages(server, browser, profiles)
    yield pages
    failed = request.node.stash.get(_FAILED, False)
    trouble = pages.unexpected()
    if failed or trouble:
        _keep_screens(pages, tmp_path, request.node)
    pages.close()
    assert not trouble, "the page reported errors:\n" + "\n".join(trouble)
    logged = server.logged(since)
    assert not TROUBLE.search(logged), f"the server logged an error:\n{logged}"


def _keep_screens(pages: Pages, folder: Path, node: pytest.Item) -> None:
    for number, page in enumerate(pages.opened):
        if page.is_closed():
            continue
        path = folder / f"page-{number}.png"
        with contextlib.suppress(Exception):
            page.screenshot(path=path)
            node.add_report_section("teardown", "screenshot", str(path))
