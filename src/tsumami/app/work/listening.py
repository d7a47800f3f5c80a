"""Listening: a recording becomes what was said in it.

Guarantee: nobody waits for somebody else's voice. Whisper is loaded once per size for all sessions; it listens to one
recording at a time, in a thread that leaves the processor to text generation first.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tsumami.speech import Heard, Listener, Loading, WhisperListener, read_recording

#: The sizes that can be asked for by name; a path is none.
SIZES: Final = ("tiny", "base", "small", "medium", "large-v3-turbo", "large-v3")
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
        sound = read_recording(recording, _MOST_SECONDS)
        if sound.audio is None:
            return Heard("", sound.reason, seconds=sound.seconds)
        with self._lock:
            if size not in self._listeners:
                self._listeners[size] = self._make(size)
            listener = self._listeners[size]
        listener.load(tell)  # outside of the turn: a download keeps nobody waiting who uses another size
        with self._turn:
            return listener.listen(sound.audio, language)


def stand_back(niceness: int) -> None:
    """Let text generation go first: on Linux a thread has a priority of its own, and hands it on to those it starts."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


@functools.cache
def everybodys_ears() -> Ears:
    """The pages of both languages share them: a Whisper fills memory once."""
    return Ears()
