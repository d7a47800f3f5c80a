"""OpenJTalk is audible, within full scale, and silent where there is nothing to say."""

from __future__ import annotations

import numpy as np
import pytest

from tsumami.speech import OpenJTalkSpeaker
from tsumami.speech.openjtalk import within_full_scale

# pyopenjtalk-plus calls what SudachiPy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")


def test_openjtalk_is_audible_for_as_long_as_the_text_takes() -> None:
    short, long = (
        OpenJTalkSpeaker().speak(text) for text in ("はい。", "今日はとても天気がいいですね。散歩に行きましょう。")
    )
    assert short.rate == 48_000
    assert short.loudness > -40
    assert 2.5 < long.seconds < 8
    assert long.seconds > short.seconds


def test_speed_and_pitch_do_what_they_say() -> None:
    text = "今日はとても天気がいいですね。"
    plain, fast = OpenJTalkSpeaker().speak(text), OpenJTalkSpeaker(speed=2).speak(text)
    assert fast.seconds == pytest.approx(plain.seconds / 2, rel=0.15)
    assert OpenJTalkSpeaker(half_tone=6).speak(text) != plain
    assert OpenJTalkSpeaker().speak(text) == plain


@pytest.mark.parametrize("text", ["あ" * 300, "a" * 100, "w" * 30, "ん" * 50, "らあ" * 60, "hello world", "\0あ\x07い"])
def test_what_no_person_says_does_not_burst(text: str) -> None:
    audio = OpenJTalkSpeaker().speak(text)
    assert 0 < audio.seconds < 60
    assert audio.peak <= 0.96


@pytest.mark.parametrize(
    "text", ["\u30f7", "\u30fa", "\u31f0", "\uf900", "\u309f", "\u30ff", "\u3300", "\uff71", "佐\u3005木"]
)
def test_rare_kana_and_compatibility_ideographs_have_a_sound(text: str) -> None:
    assert OpenJTalkSpeaker().speak(text).seconds > 0.2


def test_a_burst_is_muted_and_the_rest_is_kept() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)
    burst = tone.copy()
    burst[24_000:24_300] = 1e74
    burst[30_000] = np.nan
    quiet = within_full_scale(burst)
    assert np.abs(quiet).max() <= 0.95
    assert np.array_equal(quiet[:20_000], tone[:20_000].astype(np.float32))
    assert np.abs(quiet[24_000:24_300]).max() == 0


@pytest.mark.parametrize("text", ["", " ", "。", "😀", "！？", "\n\n", "()"])
def test_nothing_to_say_is_no_sound(text: str) -> None:
    assert OpenJTalkSpeaker().speak(text).seconds == 0
