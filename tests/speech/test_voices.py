"""The right voice is chosen, and one that is missing says how to get it."""

from __future__ import annotations

import pytest

from tsumami.errors import SpeechError
from tsumami.speech import ESpeakSpeaker, KokoroSpeaker, OpenJTalkSpeaker, speaker_for, voices


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        (None, "こんにちは", OpenJTalkSpeaker),
        (None, "Hello", ESpeakSpeaker),
        ("ja", "OK", OpenJTalkSpeaker),
        ("en", "東京です", OpenJTalkSpeaker),
        ("de", "Guten Tag", ESpeakSpeaker),
        ("zh", "你好", ESpeakSpeaker),
        ("zh-CN", "これは", OpenJTalkSpeaker),
        (None, "안녕하세요", ESpeakSpeaker),
        (None, "\u30f7", OpenJTalkSpeaker),
        ("en_US", "Hello", ESpeakSpeaker),
    ],
)
def test_the_text_and_the_language_choose_the_voice(language: str | None, text: str, kind: type) -> None:
    assert isinstance(speaker_for(language, text=text), kind)


def test_korean_gets_its_own_voice() -> None:
    speaker = speaker_for(text="안녕하세요")
    assert isinstance(speaker, ESpeakSpeaker)
    assert speaker.language == "ko"


def test_a_named_voice_decides_alone() -> None:
    kokoro = speaker_for("en", "kokoro:jm_kumo", text="Hello", speed=1.5)
    assert isinstance(kokoro, KokoroSpeaker)
    assert (kokoro.voice, kokoro.speed) == ("jm_kumo", 1.5)
    espeak = speaker_for(None, "espeak:de", text="こんにちは")
    assert isinstance(espeak, ESpeakSpeaker)
    assert espeak.language == "de"
    assert isinstance(speaker_for("ja", "auto"), OpenJTalkSpeaker)
    for name in ("nobody", "kokoro:nobody", "openjtalk:x", "espeak:--help"):
        with pytest.raises(SpeechError, match=r"[Nn]o "):
            speaker_for(None, name)


def test_every_listed_voice_can_be_chosen_or_says_how_to_install_it() -> None:
    listed = voices()
    assert listed[0].name == "openjtalk"
    assert listed[0].available
    for voice in listed:
        speaker_for(voice=voice.name)
        assert voice.available or "install" in (voice.install or "")
    assert {"openjtalk", "kokoro", "espeak"} == {voice.name.partition(":")[0] for voice in listed}


@pytest.mark.parametrize("make", [OpenJTalkSpeaker, ESpeakSpeaker, KokoroSpeaker])
@pytest.mark.parametrize("speed", [0, -1, 2.1, float("nan")])
def test_an_impossible_speed_names_the_range(make: type, speed: float) -> None:
    with pytest.raises(SpeechError, match=r"0\.5 to 2"):
        make(speed=speed)
