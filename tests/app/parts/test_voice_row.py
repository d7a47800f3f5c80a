"""Voice in and out without a page: what is heard, what is spoken, when, and what happens if it cannot be."""

from __future__ import annotations

import asyncio
import struct
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tsumami.app.parts.voice_row import VoiceContents, VoiceRow, _answer
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.listening import Ears, Hearing
from tsumami.app.work.replying import Growing
from tsumami.app.work.speaking import Clip, Mouth, Speech, chosen_speaker, speaking
from tsumami.errors import CancelledError, MissingDependencyError, SpeechError
from tsumami.speech import (
    Audio,
    ESpeakSpeaker,
    Heard,
    Loading,
    OnLoading,
    OpenJTalkSpeaker,
    ScriptedListener,
    SilentSpeaker,
)

JA, EN = Texts("ja"), Texts("en")
REPLY = "猫は**夜**に歩く😺。`ls -l | wc` を見て!\n```python\nprint(1)\n```\n- 終わり。"


class BlockedSpeaker:
    """Speaks when it is let; notes in which order sentences came."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.let = threading.Event()
        self.log: list[str] = [] if log is None else log

    def speak(self, text: str) -> Audio:
        assert self.let.wait(10)
        self.log.append(text)
        return Audio.silence(0.1)


class FailingSpeaker:
    """Fails in the way it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def speak(self, text: str) -> Audio:
        raise self.error


def growing(text: str, step: int = 3) -> Iterator[Growing]:
    """A reply that comes in small pieces."""
    conversation = Conversation().ask("?")
    for at in range(0, len(text), step):
        yield Growing(conversation.answered(text[: at + step]), text[at : at + step], done=False)
    yield Growing(conversation.answered(text), "", done=True)


def clips(speech: Speech) -> list[Clip]:
    """All clips; the last one says that it is over."""
    found: list[Clip] = []
    until = time.monotonic() + 20
    while not (found and found[-1].over):
        assert time.monotonic() < until, "the speech does not end"
        clip = speech.next_clip(len(found))
        if clip.wav or clip.over:
            found.append(clip)
        else:
            time.sleep(0.01)
    return found


def answered(answer: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """What voice.js would get. In a thread of its own: Playwright's tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, answer).result()


def until_there(ask: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + 10
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def mouth() -> Mouth:
    return Mouth()


# --- voice out


def test_the_reply_passes_unchanged_and_is_spoken_in_order_without_symbols(mouth: Mouth) -> None:
    speaker = SilentSpeaker()
    speech = mouth.begin("a", lambda sentence, reply: speaker)
    assert list(speaking(growing(REPLY), speech)) == list(growing(REPLY))
    assert [clip.over for clip in clips(speech)] == [False, False, False, False, True]
    assert "".join(speaker.spoken).replace(" ", "") == "猫は夜に歩く。コード省略を見て!コード省略。終わり。"


def test_a_silent_reply_passes_unchanged() -> None:
    assert list(speaking(growing(REPLY), None)) == list(growing(REPLY))


def test_the_first_sentence_sounds_while_the_rest_is_still_being_written(mouth: Mouth) -> None:
    speech = mouth.begin("a", lambda sentence, reply: SilentSpeaker())
    words = speaking(growing("一つ目です。二つ目です。"), speech)
    for _ in range(3):
        next(words)
    until_there(lambda: bool(speech.next_clip(0).wav))
    assert not speech.next_clip(1).over
    assert len(list(words)) > 0


def test_writing_never_waits_for_the_voice(mouth: Mouth) -> None:
    speaker = BlockedSpeaker()
    speech = mouth.begin("a", lambda sentence, reply: speaker)
    assert list(speaking(growing("一つ。二つ。三つ。"), speech))[-1].done
    assert not speaker.log
    assert speech.next_clip(0) == Clip()
    speaker.let.set()
    assert len(clips(speech)) == 4


def test_a_long_reply_does_not_hold_up_the_first_sentence_of_another_session() -> None:
    mouth, log = Mouth(workers=1), []
    speaker = BlockedSpeaker(log)
    long = mouth.begin("a", lambda sentence, reply: speaker)
    long.write("長い。" * 20, last=True)
    other = mouth.begin("b", lambda sentence, reply: speaker)
    other.write("短い。", last=True)
    speaker.let.set()
    clips(other)
    clips(long)
    assert log.index("短い。") <= 2


def test_a_reply_that_breaks_off_falls_silent(mouth: Mouth) -> None:
    speech = mouth.begin("a", lambda sentence, reply: SilentSpeaker())
    words = speaking(growing("一つ。二つ。三つ。"), speech)
    next(words)
    words.close()  # type: ignore[attr-defined]  # it is a generator: this is what Gradio does when the page goes
    assert speech.next_clip(0) == Clip(over=True)


def test_a_new_reply_ends_the_old_voice_of_its_session_and_no_other(mouth: Mouth) -> None:
    speakers = [SilentSpeaker(), SilentSpeaker()]
    old = mouth.begin("a", lambda sentence, reply: speakers[0])
    other = mouth.begin("b", lambda sentence, reply: speakers[1])
    mouth.begin("a", lambda sentence, reply: speakers[0])
    other.write("聞こえる。", last=True)
    assert old.next_clip(0).over
    assert mouth.find(old.id) is None
    assert len(clips(other)) == 2
    mouth.stop("b")
    assert mouth.find(other.id) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MissingDependencyError("Install: pip install 'tsumami[speech]'"), "pip install 'tsumami[speech]'"),
        (ZeroDivisionError("a bug in a voice"), "a bug in a voice"),
    ],
)
def test_a_voice_that_fails_says_why_and_the_reply_goes_on(error: Exception, words: str, mouth: Mouth) -> None:
    speech = mouth.begin("a", lambda sentence, reply: FailingSpeaker(error))
    assert list(speaking(growing(REPLY), speech))[-1].done
    until_there(lambda: speech.next_clip(0).over)
    answer = answered(_answer(JA, mouth, speech.id, 0))
    assert answer["over"]
    assert words in answer["problem"]


def test_the_page_gets_clips_one_by_one_and_then_the_end(mouth: Mouth) -> None:
    speech = mouth.begin("a", lambda sentence, reply: SilentSpeaker())
    speech.write("一つ。二つ。", last=True)
    answers = [answered(_answer(EN, mouth, speech.id, number)) for number in range(3)]
    assert [bool(answer["wav"]) for answer in answers] == [True, True, False]
    assert [answer["over"] for answer in answers] == [False, False, True]
    assert answered(_answer(EN, mouth, "a name that nobody has", 0))["over"]
    assert mouth.find(speech.id) is None, "what was heard to its end is kept for nobody"


@pytest.mark.parametrize(
    ("sentence", "reply", "kind"),
    [
        ("猫です。", "", OpenJTalkSpeaker),
        ("It is a cat.", "猫です。It is a cat.", ESpeakSpeaker),
        ("42.", "答えは次です。42.", OpenJTalkSpeaker),
        ("42.", "The answer: 42.", ESpeakSpeaker),
    ],
)
def test_the_automatic_voice_follows_the_letters(sentence: str, reply: str, kind: type) -> None:
    assert isinstance(chosen_speaker("auto", 1.0)(sentence, reply), kind)


def test_openjtalk_really_sounds(mouth: Mouth) -> None:
    pytest.importorskip("pyopenjtalk", reason="the extra `speech` is not installed")
    for speed, least, most in ((1.0, 0.8, 4.0), (2.0, 0.4, 2.5)):
        speech = mouth.begin("a", chosen_speaker("openjtalk", speed))
        speech.write("発光ダイオードです。", last=True)
        sound = Audio.from_wav(clips(speech)[0].wav)
        assert least < sound.seconds < most
        assert sound.loudness > -40


# --- voice in


def tone(seconds: float = 1.0, rate: int = 16_000) -> Audio:
    times = np.arange(round(seconds * rate)) / rate
    return Audio.from_array((0.3 * np.sin(440 * 2 * np.pi * times)).astype(np.float32), rate)


def heard(ears: Ears, recording: Path, size: str = "base") -> Heard:
    last = list(ears.hear(recording, size, "ja"))[-1]
    assert isinstance(last, Heard)
    return last


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_recording_reaches_the_listener(rate: int, channels: int, tmp_path: Path) -> None:
    samples = tone(0.5, rate).samples
    audio = Audio.from_array(samples if channels == 1 else np.stack([samples, samples], axis=1), rate)
    (tmp_path / "said.wav").write_bytes(audio.to_wav())
    listener = ScriptedListener(["こんにちは"])
    assert heard(Ears(lambda size: listener), tmp_path / "said.wav").text == "こんにちは"
    got = listener.audios[0]
    assert (got.rate, got.channels, round(got.seconds, 2)) == (rate, channels, 0.5)


@pytest.mark.parametrize("suffix", ["flac", "webm", "mp3"])
def test_files_that_are_not_wav_are_read_without_ffmpeg(suffix: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="the extra `speech` is not installed")
    path = tmp_path / f"said.{suffix}"
    codec = {"flac": "flac", "webm": "libopus", "mp3": "libmp3lame"}[suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        pcm = (tone(1.0, 48_000).samples * 32767).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = 48_000
        for resampled in av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=48_000).resample(
            frame
        ):
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    listener = ScriptedListener(["はい"])
    assert heard(Ears(lambda size: listener), path).text == "はい"
    assert listener.audios[0].seconds == pytest.approx(1.0, abs=0.15)
    assert listener.audios[0].loudness > -20


BROKEN = {
    "empty": b"",
    "text": b"This is no sound at all, whatever its name says." * 10,
    "zeros": bytes(5000),
    "cut off": tone().to_wav()[:2000],
    "header alone": tone().to_wav()[:44],
    "half a header": tone().to_wav()[:20],
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_recording_is_refused_before_any_model_is_asked(kind: str, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(BROKEN[kind])
    with pytest.raises(SpeechError):
        heard(Ears(lambda size: ScriptedListener([])), tmp_path / "broken.wav")


def test_an_hour_is_refused_at_once_without_being_read(tmp_path: Path) -> None:
    head = bytearray(tone(0.1, 48_000).to_wav()[:44])
    size = 3600 * 48_000 * 2
    struct.pack_into("<I", head, 40, size)
    path = tmp_path / "hour.wav"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(44 + size)  # a hole: it takes no room
    began = time.process_time()
    answer = heard(Ears(lambda size: ScriptedListener([])), path)
    assert answer.reason is not None
    assert answer.reason.code == "too_long"
    assert "1:00:00" in answer.reason.text("ja")
    assert time.process_time() - began < 5


def test_one_listener_a_size_for_everybody_and_one_recording_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(tone().to_wav())
    made: list[str] = []
    busy, most = 0, 0

    class Counting(ScriptedListener):
        def listen(self, *_: object, **__: object) -> Heard:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            time.sleep(0.02)
            busy -= 1
            return Heard("はい")

    def make(size: str) -> Counting:
        made.append(size)
        return Counting([])

    ears = Ears(make)
    threads = [
        threading.Thread(target=heard, args=(ears, tmp_path / "said.wav", size)) for size in ("base", "tiny") * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["base", "tiny"]
    assert most == 1


def test_who_loads_a_model_keeps_nobody_waiting_who_uses_another(tmp_path: Path) -> None:
    (tmp_path / "said.wav").write_bytes(tone().to_wav())
    loading, let = threading.Event(), threading.Event()

    class Downloading(ScriptedListener):
        def load(self, on_loading: OnLoading | None = None) -> None:
            if on_loading is not None:
                on_loading(Loading("download", 1, 2))
            loading.set()
            assert let.wait(10)

    ears = Ears(lambda size: Downloading(["後"]) if size == "large-v3" else ScriptedListener(["先"]))
    slow = iter(ears.hear(tmp_path / "said.wav", "large-v3", "ja"))
    assert next(slow) == Loading("download", 1, 2)
    assert loading.wait(10)
    assert heard(ears, tmp_path / "said.wav").text == "先"
    let.set()
    assert [news.text for news in slow if isinstance(news, Heard)] == ["後"]


@pytest.mark.parametrize("language", ["ja", "auto", "en"])
def test_the_language_is_a_wish_of_one_recording(language: str, said: Path) -> None:
    listener = ScriptedListener(["はい"])
    list(Ears(lambda size: listener).hear(said, "base", language))
    assert listener.languages == [language]


def test_without_the_speech_packages_the_message_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "said.wav").write_bytes(tone().to_wav())
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tsumami\[speech\]'"):
        heard(Ears(), tmp_path / "said.wav")


def test_a_text_is_read_aloud_whole_and_another_ends_it() -> None:
    mouth = Mouth()
    row = VoiceRow(JA, Ears(), mouth)
    how = VoiceContents(False, "silent", 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsumami.app.parts.voice_row.chosen_speaker", lambda voice, speed: lambda *_: SilentSpeaker())
        first = mouth.find(row.read("somebody", "一つめ。二つめ。三つめ。", how))
        assert first is not None
        second = mouth.find(row.read("somebody", "別の文。", how))
    assert second is not None
    assert mouth.find(first.id) is None
    assert [clip.over for clip in clips(second)] == [False, True]


# --- the row's handler


VISIT: Any = SimpleNamespace(session_hash="somebody")


def record(
    ears: Ears, path: Path | None, *, typed: str = "", at_once: bool = True, speak: bool = False, used: bool = False
) -> list[tuple[object, ...]]:
    """What the handler shows: message, recording, player, switch, used before, whether to send."""
    row = VoiceRow(JA, ears, Mouth())
    return list(row.on_recording(VISIT, str(path) if path else None, typed, "base", "ja", at_once, speak, used))


@pytest.fixture
def said(tmp_path: Path) -> Path:
    (tmp_path / "said.wav").write_bytes(tone().to_wav())
    return tmp_path / "said.wav"


@pytest.mark.parametrize("at_once", [True, False])
def test_what_was_said_becomes_the_message_and_is_sent_or_waits(at_once: bool, said: Path) -> None:
    message, recording, _, speak, used, go = record(
        Ears(lambda size: ScriptedListener(["こんにちは"])), said, at_once=at_once
    )[-1]
    assert (message, recording, speak, used, go) == ("こんにちは", None, True, True, at_once)


@pytest.mark.parametrize(("typed", "message"), [("昨日は", "昨日は雨でした"), ("", "雨でした")])
def test_what_was_typed_stays_before_what_was_said(typed: str, message: str, said: Path) -> None:
    assert record(Ears(lambda size: ScriptedListener(["雨でした"])), said, typed=typed)[-1][0] == message


def test_replies_are_spoken_from_the_first_use_on_unless_that_was_switched_off(said: Path) -> None:
    again = record(Ears(lambda size: ScriptedListener(["はい"])), said, speak=False, used=True)[-1]
    assert again[3] is False


def test_silence_gives_its_reason_and_no_message(said: Path) -> None:
    with pytest.warns(UserWarning, match="音が入っていません"):
        shown = record(Ears(lambda size: ScriptedListener([""])), said, typed="下書き")
    message, recording, player, _, _, go = shown[-1]
    assert message == {"__type__": "update"}  # the draft stays
    assert recording is None
    assert "音が入っていません" in player["note"]  # type: ignore[index]
    assert go is False


def test_a_broken_recording_gives_a_message_in_the_language_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing else")
    with pytest.warns(UserWarning, match="音声を扱えません"):
        shown = record(Ears(lambda size: ScriptedListener([])), tmp_path / "broken.wav")
    assert shown[-1][-1] is False


def test_the_first_use_shows_how_far_it_has_come(said: Path) -> None:
    class Slow(Ears):
        def hear(self, recording: str | Path, size: str, language: str) -> Hearing:
            def work(hearing: Hearing) -> Heard:
                hearing.tell(Loading("download", 25, 100))
                return Heard("はい")

            return Hearing(work)

    notes = [shown[2] for shown in record(Slow(), said)]
    assert any("25 %" in str(note) for note in notes)
    assert notes[-1]["note"] == ""  # type: ignore[index]


def test_a_recording_that_was_taken_back_does_nothing() -> None:
    assert record(Ears(lambda size: ScriptedListener([])), None)[-1][-1] is False


def test_who_goes_away_ends_the_hearing_wherever_it_is(said: Path) -> None:
    let, listening, seen = threading.Event(), threading.Event(), []

    class Long(ScriptedListener):
        def listen(self, *_: object, stopped: Callable[[], bool] | None = None, **__: object) -> Heard:
            listening.set()
            let.wait(10)
            seen.append(stopped is not None and stopped())
            return Heard("はい")

    ears = Ears(lambda size: Long([]))
    first, waiting = ears.hear(said, "base", "ja"), ears.hear(said, "base", "ja")
    threading.Thread(target=lambda: list(first), daemon=True).start()
    assert listening.wait(10)
    told: list[object] = []

    def wait() -> None:
        try:
            told.extend(waiting)
        except CancelledError as error:
            told.append(error)

    queue = threading.Thread(target=wait, daemon=True)
    queue.start()
    waiting.cancel()
    queue.join(10)
    assert [type(one) for one in told] == [CancelledError], "it waits for no turn any more"
    row = VoiceRow(JA, ears, Mouth())
    with row.hearings.ask("somebody") as asked:
        asked.begin(first)
        row.leave("somebody")
    let.set()
    for _ in range(200):
        if seen:
            break
        time.sleep(0.05)
    assert seen == [True]
