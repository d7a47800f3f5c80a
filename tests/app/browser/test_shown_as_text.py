"""What a model, a user or an error writes is shown as the characters that it is, in every tab, and fetches nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from .conftest import Pages
from .desk import Desk
from .looking import open_tab, text, token


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, list[str]]]:
    """A server of somebody else: its port, and what it was asked for."""
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    server.daemon_threads = True
    server.block_on_close = False  # a browser may keep a connection open
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


def attack(port: int) -> str:
    """What would be fetched, run, swallowed or laid out if anything but the eye read it."""
    there = f"http://127.0.0.1:{port}/"
    return (
        f"<img src={there}i onerror=hit()>![x]({there}m)<script>hit()</script>"
        '<b id=bold>*a* &lt; src="/file {{v}} ${hit()}  ‹d>\n1. e'
    )


def nothing_happened(page: Page, asked: list[str]) -> None:
    """No request went out, nothing ran, no element came to be."""
    page.wait_for_timeout(100)
    assert asked == []
    assert page.evaluate("window.hits") == 0
    assert page.locator("#bold, img[onerror], img[src$='/i'], img[src$='/m']").count() == 0


def test_nothing_that_is_said_is_obeyed(page_of: Pages, elsewhere: tuple[int, list[str]]) -> None:
    port, asked = elsewhere
    said = attack(port)
    page = page_of("en-US", permissions=["clipboard-read", "clipboard-write"])
    desk = Desk(page).turn(max_tokens=120, seed=1)
    page.evaluate("() => { window.hits = 0; window.hit = () => { window.hits += 1; }; }")
    # a grammar makes the model say it, too
    desk.unfold("Constraints").turn(grammar=f"root ::= {json.dumps(said, ensure_ascii=False)}")
    assert desk.say(said) == said
    assert desk.said() == [said]
    nothing_happened(page, asked)
    for number in (0, 1):
        page.locator("#chat .log-copy").nth(number).click()
        assert page.evaluate("navigator.clipboard.readText()") == said, "copied is what was written, and nothing more"
    assert desk.account()["prompt"].count(said) == 1
    page.locator("#chat .log-tokens").click()
    page.locator("#chat .token").nth(3).click()
    page.locator("#chat .choices").wait_for()
    assert "".join(page.locator("#chat .token").all_text_contents()) == said
    nothing_happened(page, asked)
    page.locator("#chat .log-edit").click()
    assert page.locator("#chat .log-editing").input_value() == said
    page.keyboard.press("Escape")

    desk.unfold("Model: ")
    # a model's name comes back in a message, and in the line of the model
    page.locator("#model-name input").fill(f"{said.splitlines()[0]}.gguf")
    desk.press("model-load")
    told = desk.notice()
    assert "‹d>" in told
    assert f"onerror=hit()>![x](http://127.0.0.1:{port}/m)<script>hit()" in told
    assert "‹d>" in text(page, "#model-state")
    nothing_happened(page, asked)

    desk.unfolded().locator('a[href*="#inside-"]').click()
    page.locator("#microscope-strip .tsu-token").first.wait_for()
    desk.quiet()
    token(page, 3).click()
    desk.quiet()
    desk.press("microscope-audit")
    nothing_happened(page, asked)


def test_experiments_obey_nothing_either(page_of: Pages, elsewhere: tuple[int, list[str]]) -> None:
    port, asked = elsewhere
    said, begun = attack(port), "img src=http://127"
    page = page_of("en-US")
    page.evaluate("() => { window.hits = 0; window.hit = () => { window.hits += 1; }; }")
    desk = Desk(page).turn(max_tokens=24, temperature=0)
    desk.unfold("Constraints").turn(grammar=f"root ::= {json.dumps(said, ensure_ascii=False)}")
    for tab, limit in (("compare", "compare-most"), ("map", "map-tokens"), ("grid", "grid-tokens")):
        open_tab(desk, tab)
        page.locator(f"#{tab}-prompt textarea").fill(said)
        page.locator(f"#{tab}-own input").check()
        if page.locator(f"#{limit}").count():
            page.locator(f"#{limit} input").first.fill("24")
        page.locator(f"#{tab}-go").click()
        desk.until(lambda tab=tab: begun in (page.locator(f"#{tab}-view").text_content() or ""))  # type: ignore[misc]
        nothing_happened(page, asked)
        desk.press(f"{tab}-stop")
        nothing_happened(page, asked)
    open_tab(desk, "write")
    page.locator("#write .write-text").fill(said)
    page.locator("#write .write-go").click()
    desk.until(lambda: begun in page.locator("#write .write-text").input_value()[len(said) :])
    desk.quiet()
    page.locator("#write .write-text").press("ArrowLeft")
    page.locator("#write .choices").first.wait_for()
    nothing_happened(page, asked)
    open_tab(desk, "next")
    page.locator("#next-prompt textarea").fill(said)
    desk.quiet()
    nothing_happened(page, asked)


def test_the_page_may_speak_to_no_other_server(page_of: Pages, elsewhere: tuple[int, list[str]]) -> None:
    port, asked = elsewhere
    page = page_of("en-US")
    there = f"http://127.0.0.1:{port}/"
    # The wall behind the views: even an element that comes to be fetches nothing.
    page.evaluate(
        """there => {
          document.body.insertAdjacentHTML('beforeend',
            `<img src="${there}img"><iframe src="${there}frame"></iframe><object data="${there}object"></object>
             <link rel="stylesheet" href="${there}css"><video src="${there}video"></video>
             <div style="background: url(${there}background)">x</div>`);
          return fetch(`${there}fetch`).catch(() => {});
        }""",
        there,
    )
    page.wait_for_timeout(500)
    assert asked == []
    assert any("Content Security Policy" in line for line in pages_trouble(page_of))


def pages_trouble(pages: Pages) -> list[str]:
    """What the pages reported, which is expected here."""
    found = list(pages.trouble)
    pages.expected.append(r"Content Security Policy|violates|Refused|blocked")
    return found
