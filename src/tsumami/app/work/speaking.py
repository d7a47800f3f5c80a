"""Speaking: a reply gets its voice while it is still being written.

Guarantee: nobody waits for somebody else's voice: voices speak sentence by sentence in turn, in threads that leave the
processor to text generation first. What fails becomes a message; the text of a reply never depends on its sound.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tsumami.app.work.listening import stand_back
from tsumami.app.work.replying import Growing
from tsumami.app.work.tasks import Tasks
from tsumami.errors import SpeechError, TsumamiError
from tsumami.speech import Sentences, Speaker, has_japanese, speakable, speaker_for

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clip:
    """An answer to "what is next?": sound as a WAV file, or nothing yet, or nothing any more (and perhaps why)."""

    wav: bytes = b""
    over: bool = False
    problem: TsumamiError | None = None


class Speech:
    """The voice of one reply: `write` takes the text as it grows, `next_clip` gives the sound, sentence by sentence.

    speaker_of: who says a sentence; it gets the sentence and the reply so far.
    over: called when nobody will ask for more: it was heard to its end, or cancelled.
    One sentence is spoken at a time, so that everybody's first sentence comes before anybody's tenth.
    """

    def __init__(
        self,
        speaker_of: Callable[[str, str], Speaker],
        pool: ThreadPoolExecutor,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self._speaker_of = speaker_of
        self._pool = pool
        self._over = over
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
        """Say nothing more; nobody asks for more."""
        self.fall_silent()
        self._over()

    def fall_silent(self) -> None:
        """Say nothing more; whoever asks for more is told that it is over, and why if a voice has failed."""
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
            clip = Clip(over=self._silenced or idle, problem=self._problem)
        if clip.over and clip.problem is None:
            self._over()
        return clip

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
            problem = SpeechError(f"The voice failed: {error!r}. Choose another one.").in_japanese(
                f"声を出せませんでした: {error!r}。別の声を選んでください"
            )
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
        self._pool = ThreadPoolExecutor(workers, "speaking", stand_back, (5,))
        self._tasks: Tasks[Speech] = Tasks()

    def begin(self, session: str, speaker_of: Callable[[str, str], Speaker]) -> Speech:
        """A speech for the session's next reply."""
        asked = self._tasks.ask(session)
        speech = Speech(speaker_of, self._pool, asked.over)
        asked.begin(speech)
        return speech

    def stop(self, session: str) -> None:
        """Say nothing more in this session."""
        self._tasks.stop(session)

    def find(self, speech_id: str) -> Speech | None:
        """The speech of that name, if there is more to hear of it."""
        return next((speech for speech in self._tasks.under_way() if speech.id == speech_id), None)


def speaking(growings: Iterator[Growing], speech: Speech | None) -> Iterator[Growing]:
    """`growings` unchanged, their new text spoken on the way; a reply that breaks off is not spoken to its end."""
    if speech is None:
        yield from growings
        return
    finished = False
    try:
        for growing in growings:
            speech.write(growing.new_text if growing.spoken is None else growing.spoken, last=growing.done)
            finished = growing.done
            yield growing
    finally:
        if not finished:
            speech.fall_silent()


def chosen_speaker(voice: str, speed: float) -> Callable[[str, str], Speaker]:
    """Who speaks a sentence of a reply. With "auto" the letters of the sentence decide, and the reply where it has
    none ("42.").
    """

    def speaker(sentence: str, text: str) -> Speaker:
        telling = sentence if any(character.isalpha() for character in sentence) else text
        return speaker_for(voice=voice, text=telling, speed=speed)

    return speaker
