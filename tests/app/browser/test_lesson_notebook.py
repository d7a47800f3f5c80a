"""The notebook in a browser: a reader moves an input and sees another result."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tsumami.course import PROMPT, Words
from tsumami.model import Model

from .conftest import QUICK_COURSE, free_port

TSUMAMI = str(Path(sys.executable).with_name("tsumami"))
PATIENCE = 120_000  # the notebook computes all seven parts as it opens
WORDS = Words("en")
#: The colour behind the page, and the one that a token strip reckons with.
GROUNDS = """() => {
  const paint = new OffscreenCanvas(1, 1).getContext('2d');
  paint.fillStyle = getComputedStyle(document.body).backgroundColor;
  paint.fillRect(0, 0, 1, 1);
  const strip = getComputedStyle(document.querySelector('.tsu')).getPropertyValue('--paper').trim();
  return [Array.from(paint.getImageData(0, 0, 1, 1).data.slice(0, 3)), strip];
}"""


@pytest.fixture
def lesson(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The lesson in English, in a page of somebody who likes it dark."""
    port = free_port()
    log = (tmp_path / "lesson.log").open("wb")
    process = subprocess.Popen(
        [TSUMAMI, "lesson", "--headless", "--port", str(port), "--lang", "en"],
        stdout=log,
        stderr=log,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": QUICK_COURSE},
    )
    profile = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900}, color_scheme="dark")
    try:
        _wait(f"http://127.0.0.1:{port}/", process)
        page = profile.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"http://127.0.0.1:{port}/")
        expect(box(page, "Append")).to_be_visible(timeout=PATIENCE)
        yield page
    finally:
        profile.close()
        process.terminate()
        process.wait(30)
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  (loopback)
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the lesson did not start")


def box(page: Page, name: str):  # type: ignore[no-untyped-def]  # a locator of a box of the loop
    return page.locator("small", has_text=name).locator("xpath=following-sibling::div").first


def test_another_step_and_another_prompt_show_other_boxes(lesson: Page, model: Model) -> None:
    run = model.run(PROMPT, seed=0, max_tokens=20)
    expect(box(lesson, "Append")).to_contain_text(run.steps[0].text.strip())
    ground, strip = lesson.evaluate(GROUNDS)
    assert min(ground) > 200, "marimo stays light until its own settings say otherwise"
    assert strip == "#ffffff"
    slider = lesson.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    expect(box(lesson, "Choose one")).to_contain_text(f"{run.steps[1].u:.4f}", timeout=PATIENCE)
    expect(box(lesson, "Append")).to_contain_text(run.steps[1].text.strip())

    prompt = lesson.get_by_role("textbox").first
    prompt.fill("Once upon a time")
    prompt.press("Enter")
    other = model.run("Once upon a time", seed=0, max_tokens=1)
    expect(box(lesson, "Prompt")).to_have_text("Once upon a time", timeout=PATIENCE)
    expect(box(lesson, "Append")).to_contain_text(f"Once upon a time{other.steps[0].text}")

    prompt.fill("")
    prompt.press("Enter")
    expect(lesson.get_by_text(WORDS("tokens.empty")).first).to_be_visible(timeout=PATIENCE)
