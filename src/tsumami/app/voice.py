"""Voice in and out: a recording becomes a message, and a reply is spoken while it is still being written.

Guarantee: nobody waits for somebody else's voice. Whisper is loaded once per size for all sessions; it listens to one
recording at a time, and voices speak sentence by sentence in turn, both in threads that leave the processor to text
generation first. What fails becomes a message; the text of a reply never depends on its sound.

How sound reaches the page: Gradio's own streaming of audio needs ffmpeg, which many machines lack. So the page is only
told the name of a `Speech`; voice.js asks for its clips one after the other (`next_clip`) and plays them without a gap.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
import logging
import os
import queue
import struct
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from gradio.components import Component

from tsumami.app.replying import Growing
from tsumami.app.texts import Texts
from tsumami.errors import SpeechError, TsumamiError
from tsumami.speech import (
    Audio,
    Heard,
    Listener,
    Loading,
    Sentences,
    Speaker,
    WhisperListener,
    speakable,
    speaker_for,
    voices,
)
from tsumami.speech._optional import require
from tsumami.speech.gate import too_short_or_long
from tsumami.speech.voices import has_japanese

_MOST_SECONDS: Final = 300.0  # of a recording
_LANGUAGES: Final = ("ja", "auto", "en", "zh", "ko", "de", "fr", "es", "it", "pt", "ru", "vi", "id", "th")
_SIZES: Final = ("tiny", "base", "small", "medium", "large-v3-turbo", "large-v3")
_SCRIPT_WORDS: Final = ("play", "refused", "no_microphone", "busy_microphone", "insecure")
_PATIENCE: Final = 10.0  # seconds that one question for a clip may wait
_logger = logging.getLogger(__name__)


# --- listening ---


class Ears:
    """The listeners, one per size, shared by all sessions.

    make: the listener of a size; it is asked once per size.
    """

    def __init__(self, make: Callable[[str], Listener] | None = None) -> None:
        self._make = make or (lambda size: WhisperListener(size, most_seconds=_MOST_SECONDS))
        self._listeners: dict[str, Listener] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def hear(self, recording: str | Path, size: str, language: str) -> Iterator[Loading | Heard]:
        """What is said in a file: how far the first use has come, again and again, and last a `Heard`.

        language: Whisper's code, or "auto".

        Raises:
            SpeechError: no file of sound, or a model that cannot be used; MissingDependencyError: packages missing.
        """
        news: queue.SimpleQueue[Loading | Heard | Exception] = queue.SimpleQueue()

        def listen() -> None:
            _stand_back(10)
            try:
                news.put(self._hear(Path(recording), size, language, news.put))
            except Exception as error:  # noqa: BLE001  (raised again where the reader is)
                news.put(error)

        threading.Thread(target=listen, name="listening", daemon=True).start()
        while True:
            item = news.get()
            if isinstance(item, Exception):
                raise item
            yield item
            if isinstance(item, Heard):
                return

    def _hear(self, recording: Path, size: str, language: str, tell: Callable[[Loading], None]) -> Heard:
        seconds = _duration(recording)
        if seconds > _MOST_SECONDS:  # before the samples are read: an hour takes a gigabyte
            stand_in = Audio(np.broadcast_to(np.float32(0), round(seconds * 1000)), 1000)
            return Heard("", too_short_or_long(stand_in, _MOST_SECONDS), seconds=seconds)
        audio = _read(recording)
        with self._lock:
            if size not in self._listeners:
                self._listeners[size] = self._make(size)
            listener = self._listeners[size]
        if isinstance(listener, WhisperListener):
            listener.load(tell)  # outside of the turn: a download keeps nobody waiting who uses another size
        with self._turn:
            if isinstance(listener, WhisperListener):
                listener.language = None if language == "auto" else language
            return listener.listen(audio)


def _duration(recording: Path) -> float:
    """Seconds of a file of sound, read from its head; 0 where only reading everything would tell."""
    with recording.open("rb") as file:
        head = file.read(36)
    if head[:4] in (b"RIFF", b"RF64"):
        if len(head) < 36 or head[12:16] != b"fmt ":
            return 0.0
        bytes_per_second: int = struct.unpack_from("<I", head, 28)[0]
        return recording.stat().st_size / bytes_per_second if bytes_per_second else 0.0
    av = require("av", "Reading sound that is not WAV")
    with _refusing(recording), av.open(str(recording), mode="r", metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise SpeechError(f"{recording.name} holds no sound. Record again, or choose a file of sound.")
        return float((container.duration or 0) / av.time_base)


def _read(recording: Path) -> Audio:
    data = recording.read_bytes()
    if data[:4] in (b"RIFF", b"RF64"):
        return Audio.from_wav(data)
    whisper_audio = require("faster_whisper.audio", "Reading sound that is not WAV")
    with _refusing(recording):
        return Audio.from_array(whisper_audio.decode_audio(str(recording), sampling_rate=16_000), 16_000)


@contextlib.contextmanager
def _refusing(recording: Path) -> Iterator[None]:
    broken = require("av.error", "Reading sound that is not WAV").FFmpegError
    try:
        yield
    except (broken, OSError, ValueError, IndexError) as error:
        raise SpeechError(
            f"{recording.name} cannot be read as sound ({error}). Record again, or save as WAV."
        ) from error


def _stand_back(niceness: int) -> None:
    """Let text generation go first: on Linux a thread has a priority of its own, and hands it on to those it starts."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


# --- speaking ---


@dataclass(frozen=True, slots=True)
class Clip:
    """An answer to "what is next?": sound as a WAV file, or nothing yet, or nothing any more (and perhaps why)."""

    wav: bytes = b""
    over: bool = False
    problem: TsumamiError | None = None


class Speech:
    """The voice of one reply: `write` takes the text as it grows, `next_clip` gives the sound, sentence by sentence.

    speaker_of: who says a sentence; it gets the sentence and the reply so far.
    One sentence is spoken at a time, so that everybody's first sentence comes before anybody's tenth.
    """

    def __init__(self, speaker_of: Callable[[str, str], Speaker], pool: ThreadPoolExecutor) -> None:
        self.id = uuid.uuid4().hex
        self._speaker_of = speaker_of
        self._pool = pool
        self._sentences = Sentences()
        self._text = ""
        self._waiting: deque[str] = deque()
        self._clips: dict[int, bytes] = {}
        self._made = 0
        self._busy = self._written = self._silenced = False
        self._problem: TsumamiError | None = None
        self._lock = threading.Lock()

    def write(self, text: str, *, last: bool = False) -> None:
        """The reply goes on with `text`; `last` says that it ends there. Returns at once."""
        with self._lock:
            self._text += text
            self._waiting.extend(self._sentences.feed(text))
            if last:
                self._waiting.append(self._sentences.flush())
                self._written = True
            self._speak_next()

    def cancel(self) -> None:
        """Say nothing more."""
        with self._lock:
            self._silenced = True
            self._waiting.clear()
            self._clips.clear()

    def next_clip(self, number: int) -> Clip:
        """Clip `number`, counted from 0; asking for one gives those before it back."""
        with self._lock:
            for old in [key for key in self._clips if key < number]:
                del self._clips[old]
            if number in self._clips:
                return Clip(self._clips[number])
            idle = self._written and not self._busy and not self._waiting
            return Clip(over=self._silenced or idle, problem=self._problem)

    def _speak_next(self) -> None:
        """Called with the lock held."""
        if self._waiting and not self._busy and not self._silenced:
            self._busy = True
            self._pool.submit(self._speak, self._waiting.popleft(), self._text)

    def _speak(self, sentence: str, text: str) -> None:
        wav, problem = b"", None
        try:
            words = speakable(sentence, "ja" if has_japanese(text) else "en")
            sound = self._speaker_of(words, text).speak(words) if words else None
            wav = sound.to_wav() if sound is not None and len(sound.samples) else b""
        except TsumamiError as error:
            problem = error
        except Exception as error:
            _logger.exception("a voice failed")
            problem = SpeechError(f"The voice failed: {error!r}. Choose another one.")
        with self._lock:
            self._busy = False
            if problem is not None:
                self._problem, self._silenced = problem, True
            elif wav and not self._silenced:
                self._clips[self._made] = wav
                self._made += 1
            self._speak_next()


class Mouth:
    """The speeches of all sessions: a new one ends the session's old one."""

    def __init__(self, workers: int = 2) -> None:
        self._pool = ThreadPoolExecutor(workers, "speaking", _stand_back, (5,))
        self._speeches: dict[str, Speech] = {}
        self._lock = threading.Lock()

    def begin(self, session: str, speaker_of: Callable[[str, str], Speaker]) -> Speech:
        """A speech for the session's next reply."""
        speech = Speech(speaker_of, self._pool)
        with self._lock:
            old, self._speeches[session] = self._speeches.get(session), speech
        if old is not None:
            old.cancel()
        return speech

    def stop(self, session: str) -> None:
        """Say nothing more in this session."""
        with self._lock:
            old = self._speeches.pop(session, None)
        if old is not None:
            old.cancel()

    def find(self, speech_id: str) -> Speech | None:
        """The speech of that name, if it still is its session's."""
        with self._lock:
            return next((speech for speech in self._speeches.values() if speech.id == speech_id), None)


def speaking(growings: Iterator[Growing], speech: Speech | None) -> Iterator[Growing]:
    """`growings` unchanged, their new text spoken on the way; a reply that breaks off is not spoken to its end."""
    if speech is None:
        yield from growings
        return
    finished = False
    try:
        for growing in growings:
            speech.write(growing.new_text, last=growing.done)
            finished = growing.done
            yield growing
    finally:
        if not finished:
            speech.cancel()


def chosen_speaker(voice: str, speed: float) -> Callable[[str, str], Speaker]:
    """Who speaks a sentence of a reply. With "auto" the letters of the sentence decide, and the reply where it has
    none ("42.").
    """

    def speaker(sentence: str, text: str) -> Speaker:
        telling = sentence if any(character.isalpha() for character in sentence) else text
        return speaker_for(voice=voice, text=telling, speed=speed)

    return speaker


@functools.cache
def everybodys_ears() -> Ears:
    """The pages of both languages share them: a Whisper fills memory once."""
    return Ears()


@functools.cache
def everybodys_mouth() -> Mouth:
    return Mouth()


# --- the page ---


@dataclass(slots=True)
class VoiceRow:
    """The components of the row under the message box, and their handlers."""

    texts: Texts
    ears: Ears = field(default_factory=everybodys_ears)
    mouth: Mouth = field(default_factory=everybodys_mouth)
    player: gr.HTML = field(init=False)
    recording: gr.Audio = field(init=False)
    speak: gr.Checkbox = field(init=False)
    voice: gr.Dropdown = field(init=False)
    speed: gr.Slider = field(init=False)
    size: gr.Dropdown = field(init=False)
    language: gr.Dropdown = field(init=False)
    at_once: gr.Checkbox = field(init=False)
    used: gr.State = field(init=False)
    go: gr.State = field(init=False)

    @property
    def inputs(self) -> list[Component]:
        """What `begin` takes, in its order."""
        return [self.speak, self.voice, self.speed]

    @property
    def positions(self) -> dict[str, Component]:
        """What outlives the page."""
        return {
            "voice.speak": self.speak,
            "voice.voice": self.voice,
            "voice.speed": self.speed,
            "voice.size": self.size,
            "voice.language": self.language,
            "voice.at_once": self.at_once,
        }

    def build(self) -> None:
        """Lay out the row."""
        texts = self.texts
        self.used, self.go = gr.State(False), gr.State(False)
        self.player = self._player()
        with gr.Row(elem_id="voice", elem_classes="tight", equal_height=True):
            self.recording = gr.Audio(
                sources=["microphone", "upload"],
                type="filepath",
                label=texts("voice.record"),
                show_label=False,
                container=False,
                editable=False,
                buttons=[],
                min_width=80,
                elem_id="voice-in",
            )
            self.speak = gr.Checkbox(
                False, label=texts("voice.speak"), container=False, min_width=130, elem_id="voice-speak"
            )
            with gr.Accordion(texts("voice.title"), open=False, elem_id="voice-settings"):
                self._choices()

    def _choices(self) -> None:
        texts = self.texts
        with gr.Row(elem_classes="tight"):
            self.size = gr.Dropdown(
                list(_SIZES), value="base", label=texts("voice.size"), min_width=130, elem_id="voice-size"
            )
            self.language = gr.Dropdown(
                [(texts(f"voice.language_{code}"), code) for code in _LANGUAGES],
                value="ja",
                label=texts("voice.language"),
                min_width=130,
                elem_id="voice-language",
            )
            self.at_once = gr.Checkbox(True, label=texts("voice.at_once"), min_width=130, elem_id="voice-at-once")
        with gr.Row(elem_classes="tight"):
            self.voice = gr.Dropdown(
                [(texts("voice.auto"), "auto"), *_voices(texts)],
                value="auto",
                label=texts("voice.voice"),
                min_width=180,
                elem_id="voice-voice",
            )
            self.speed = gr.Slider(
                0.5, 2.0, value=1.0, step=0.1, label=texts("voice.speed"), min_width=180, elem_id="voice-speed"
            )

    def _player(self) -> gr.HTML:
        """The invisible part: it holds the name of the speech to play, and shows what is to be said about voice."""
        texts = self.texts
        mouth = self.mouth

        async def clip(asked: dict[str, Any]) -> dict[str, Any]:
            return await _answer(texts, mouth, str(asked["id"]), int(asked["number"]))

        def hush(speech_id: str) -> None:
            speech = mouth.find(speech_id)
            if speech is not None:
                speech.cancel()

        # Words stand in the script, not in props: an update may replace all props of an HTML part.
        words = json.dumps({key: texts(f"voice.{key}") for key in _SCRIPT_WORDS}, ensure_ascii=False)
        script = (resources.files("tsumami.app") / "voice.js").read_text("utf-8")
        return gr.HTML(
            value="",
            html_template='<p class="voice-note" role="status" hidden></p>'
            '<button class="voice-play" type="button" hidden></button>',
            js_on_load=f"const words = {words};\n{script}",
            server_functions=[clip, hush],
            elem_id="voice-player",
            note="",
        )

    def wire(self, message: gr.Textbox) -> Any:
        """Connect the recorder; returns the event after which `go` says whether to send what is in `message`."""
        return gr.on(
            [self.recording.stop_recording, self.recording.upload],
            self.on_recording,
            [self.recording, message, self.size, self.language, self.at_once, self.speak, self.used],
            [message, self.recording, self.player, self.speak, self.used, self.go],
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=4,  # of the server's threads, however many people talk at once
            concurrency_id="listen",
        )

    def begin(self, session: str, values: Any) -> Speech | None:
        """The speech of the session's next reply, or None where it stays silent. values: those of `inputs`."""
        speak, voice, speed = values
        self.mouth.stop(session)
        return self.mouth.begin(session, chosen_speaker(str(voice), float(speed))) if speak else None

    def on_recording(
        self,
        recording: str | None,
        typed: str | None,
        size: str,
        language: str,
        at_once: bool,
        speak: bool,
        used: bool,
    ) -> Iterator[Any]:
        """Put what was said into the message box. The first time, replies begin to be spoken."""
        if not recording:
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip(), False
            return
        yield gr.skip(), gr.skip(), gr.update(note=self.texts("voice.listening")), gr.skip(), gr.skip(), False
        problem, text = "", ""
        try:
            for news in _thinned(self.ears.hear(recording, size, language)):
                if isinstance(news, Loading):
                    note = self._loading(news, size)
                    yield gr.skip(), gr.skip(), gr.update(note=note), gr.skip(), gr.skip(), False
                else:
                    text = news.text
                    problem = news.reason.text(self.texts.language) if news.reason else ""
        except TsumamiError as error:
            problem = self.texts.error(error)
        if not text:
            gr.Warning(problem, title=self.texts("voice.nothing_heard"))
            yield gr.skip(), None, gr.update(note=problem), gr.skip(), gr.skip(), False
            return
        message = _put_after(typed or "", text)
        yield message, None, gr.update(note=""), speak or not used, True, at_once

    def _loading(self, news: Loading, size: str) -> str:
        if news.step == "load":
            return self.texts("voice.listening")
        share = f"{100 * news.fraction:.0f} %" if news.fraction is not None else f"{news.done / 1e6:.0f} MB"
        return self.texts(f"voice.{news.step}", size=size, share=share)


async def _answer(texts: Texts, mouth: Mouth, speech_id: str, number: int) -> dict[str, Any]:
    """What voice.js is told: `wav` in base64, or `over` and perhaps a `problem`, or neither: ask again."""
    until = time.monotonic() + _PATIENCE
    while True:
        speech = mouth.find(speech_id)
        clip = speech.next_clip(number) if speech is not None else Clip(over=True)
        if clip.wav or clip.over or time.monotonic() > until:
            break
        await asyncio.sleep(0.05)
    problem = texts.error(clip.problem) if clip.problem is not None else ""
    return {"wav": base64.b64encode(clip.wav).decode("ascii"), "over": clip.over, "problem": problem}


def _thinned(news: Iterator[Loading | Heard]) -> Iterator[Loading | Heard]:
    """At most five reports a second, and what was heard."""
    last = 0.0
    for item in news:
        if isinstance(item, Heard) or time.monotonic() - last > 0.2:
            last = time.monotonic()
            yield item


def _put_after(typed: str, heard: str) -> str:
    """What was said after what was typed; Japanese has no spaces."""
    gap = "" if has_japanese(heard) or not typed.strip() else " "
    return f"{typed.rstrip()}{gap}{heard}"


def _voices(texts: Texts) -> list[tuple[str, str]]:
    """The menu; a voice that is not here says so, and when it is chosen the message names its install command."""
    with contextlib.suppress(TsumamiError):  # an eSpeak NG that is broken
        return [
            (texts.pick(voice.ja, voice.en) + ("" if voice.available else texts("voice.not_here")), voice.name)
            for voice in voices()
        ]
    return []
