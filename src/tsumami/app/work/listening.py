"""Listening: a recording becomes what was said in it.

Guarantee: nobody waits for somebody else's voice. Whisper is loaded once per size for all sessions; it listens to one
recording at a time, in a thread that leaves the processor to text generation first.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tsumami.errors import SpeechError
from tsumami.speech import Audio, Heard, Listener, Loading, WhisperListener
from tsumami.speech._optional import require
from tsumami.speech.gate import too_short_or_long

_MOST_SECONDS: Final = 300.0  # of a recording


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
            stand_back(10)
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
        why = getattr(error, "strerror", None) or type(error).__name__  # the whole of an error may tell the path
        raise SpeechError(f"{recording.name} cannot be read as sound ({why}). Record again, or save as WAV.") from error


def stand_back(niceness: int) -> None:
    """Let text generation go first: on Linux a thread has a priority of its own, and hands it on to those it starts."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


@functools.cache
def everybodys_ears() -> Ears:
    """The pages of both languages share them: a Whisper fills memory once."""
    return Ears()
