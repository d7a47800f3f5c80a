"""eSpeak NG gets the text on its standard input, and says how to be installed."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from tsumami.errors import MissingDependencyError, SpeechError
from tsumami.speech import Audio, ESpeakSpeaker, voices

has_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt install espeak-ng")


@has_espeak
@pytest.mark.parametrize(("language", "text"), [("en-us", "Hello there."), ("de", "Grüß Gott"), ("en", "--help -x")])
def test_espeak_is_audible(language: str, text: str) -> None:
    audio = ESpeakSpeaker(language).speak(text)
    assert audio.rate == 22_050
    assert audio.loudness > -40
    assert 0.3 < audio.seconds < 5


@has_espeak
def test_espeak_says_nothing_for_nothing_and_refuses_an_unknown_language() -> None:
    assert ESpeakSpeaker().speak("").seconds == 0
    with pytest.raises(SpeechError, match="--voices"):
        ESpeakSpeaker("xx").speak("hello")


@pytest.fixture
def fake_espeak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that keeps what it was given; it answers with a WAV of unknown length, as the real one."""
    wav = bytearray(Audio.from_array(np.full(2205, 0.5), 22_050).to_wav())
    wav[40:44] = (0x7FFFF000).to_bytes(4, "little")
    (tmp_path / "answer.wav").write_bytes(wav)
    program = tmp_path / "espeak-ng"
    program.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\nhere = pathlib.Path(__file__).parent\n"
        "(here / 'options').write_text(' '.join(sys.argv[1:]))\n(here / 'text').write_bytes(sys.stdin.buffer.read())\n"
        "if 'xx' in sys.argv: sys.exit('no such voice')\n"
        "sys.stdout.buffer.write((here / 'answer.wav').read_bytes())\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_text_is_never_an_option_of_espeak(fake_espeak: Path) -> None:
    audio = ESpeakSpeaker("en+f3", speed=2, pitch=60).speak("--help; $(x) é")
    assert audio.seconds == pytest.approx(0.1)
    assert (fake_espeak / "options").read_text() == "-v en+f3 -s 350 -p 60 -b 1 --stdin --stdout"
    assert (fake_espeak / "text").read_text(encoding="utf-8") == "--help; $(x) é"
    with pytest.raises(SpeechError, match="no such voice"):
        ESpeakSpeaker("xx").speak("hello")


def test_without_espeak_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"apt install espeak-ng.*brew install espeak-ng"):
        ESpeakSpeaker().speak("hello")
    assert [voice.available for voice in voices() if voice.name.startswith("espeak")] == [False]
