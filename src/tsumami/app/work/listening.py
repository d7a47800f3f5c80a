"""Listening: a recording becomes what was said in it.

Guarantee: nobody waits for somebody else's voice. Whisper is loaded once per size for all sessions; it listens to one
recording at a time, in a thread that leaves the processor to text generation first. What nobody wants any more is
neither decoded nor listened to.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tsumami.errors import CancelledError
from tsumami.speech import Heard, Listener, Loading, WhisperListener, read_recording

#: The sizes that can be asked for by name; a path is none.
SIZES: Final = ("tiny", "base", "small", "medium", "large-v3-turbo", "large-v3")
_MOST_SECONDS: Final = 300.0  # of a recording
_LOOK_SECONDS: Final = 0.2  # how often who waits for a turn looks whether it is wanted at all


class Ears:
    """The listeners, one per size, shared by all sessions.

    make: the listener of a size; it is asked once per size.
    """

    def __init__(self, make: Callable[[str], Listener] | None = None) -> None:
        self._make = make or (lambda size: WhisperListener(size, most_seconds=_MOST_SECONDS))
        self._listeners: dict[str, Listener] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def hear(self, recording: str | Path, size: str, language: str) -> Hearing:
        """What is said in a file, once somebody asks for it. language: Whisper's code, or "auto"."""
        return Hearing(lambda hearing: self._hear(Path(recording), size, language, hearing))

    def _hear(self, recording: Path, size: str, language: str, hearing: Hearing) -> Heard:
        sound = read_recording(recording, _MOST_SECONDS, stopped=hearing.stopped)
        if sound.audio is None:
            return Heard("", sound.reason, seconds=sound.seconds)
        with self._lock:
            if size not in self._listeners:
                self._listeners[size] = self._make(size)
            listener = self._listeners[size]
        listener.load(hearing.tell)  # outside of the turn: a download keeps nobody waiting who uses another size
        while not self._turn.acquire(timeout=_LOOK_SECONDS):
            hearing.go_on()
        try:
            hearing.go_on()
            return listener.listen(sound.audio, language, stopped=hearing.stopped)
        finally:
            self._turn.release()


class Hearing:
    """What is said in a file: how far the first use has come, again and again, and last a `Heard`. Ask once.

    Raises, while it is asked:
        SpeechError: no file of sound, or a model that cannot be used; MissingDependencyError: packages missing;
        CancelledError: it was cancelled, or whoever asked has gone.
    """

    def __init__(self, work: Callable[[Hearing], Heard]) -> None:
        self._work = work
        self._cancelled = threading.Event()
        self._news: queue.SimpleQueue[Loading | Heard | Exception] = queue.SimpleQueue()

    def cancel(self) -> None:
        """Nobody wants to know any more: nothing more is decoded, and no further segment listened to."""
        self._cancelled.set()

    def stopped(self) -> bool:
        """Whether nobody wants to know."""
        return self._cancelled.is_set()

    def go_on(self) -> None:
        """Raises CancelledError where nobody wants to know."""
        if self.stopped():
            raise CancelledError("nobody wants to know what was said any more").in_japanese(
                "聞き取った文章を待っている人がいません"
            )

    def tell(self, news: Loading) -> None:
        """How far it is."""
        self.go_on()
        self._news.put(news)

    def __iter__(self) -> Iterator[Loading | Heard]:
        threading.Thread(target=self._listen, name="listening", daemon=True).start()
        try:
            while True:
                item = self._news.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                if isinstance(item, Heard):
                    return
        finally:
            self.cancel()

    def _listen(self) -> None:
        stand_back(10)
        try:
            self._news.put(self._work(self))
        except Exception as error:  # noqa: BLE001  (raised again where the reader is)
            self._news.put(error)


def stand_back(niceness: int) -> None:
    """Let text generation go first: on Linux a thread has a priority of its own, and hands it on to those it starts."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
