"""Speech without sound cards, models or packages: for tests, and for trying the app on a machine that has neither.

Guarantee: both obey the protocols exactly, are deterministic, and remember what they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tsumami.errors import SpeechError
from tsumami.speech.audio import Audio
from tsumami.speech.protocols import Heard, OnLoading, Reason
from tsumami.wording import counted

__all__ = ["ScriptedListener", "SilentSpeaker"]


class SilentSpeaker:
    """A `Speaker` whose sound is silence as long as the text would take; `spoken` holds the texts in order."""

    def __init__(self, rate: int = 24_000, seconds_per_character: float = 0.1) -> None:
        self.rate = rate
        self.seconds_per_character = seconds_per_character
        self.spoken: list[str] = []

    def speak(self, text: str) -> Audio:
        """Silence; zero samples for blank text."""
        self.spoken.append(text)
        return Audio.silence(len(text.strip()) * self.seconds_per_character, self.rate)


class ScriptedListener:
    """A `Listener` that hears the given answers one after the other, whatever the audio.

    `audios` holds what it got, `languages` what it was asked for; it is always ready.

    An answer is a text, or a `Heard` in full; "" stands for silence, with a reason. After the last answer a SpeechError
    says that the script is over.
    """

    def __init__(self, answers: Iterable[str | Heard]) -> None:
        self._answers = list(answers)
        self.audios: list[Audio] = []
        self.languages: list[str | None] = []

    def load(self, on_loading: OnLoading | None = None) -> None:
        """Nothing to do, and nothing to tell."""

    def listen(
        self,
        audio: Audio,
        language: str | None = None,
        on_loading: OnLoading | None = None,
        stopped: Callable[[], bool] | None = None,  # noqa: ARG002  (it answers at once)
    ) -> Heard:
        """The next answer."""
        self.load(on_loading)
        if len(self.audios) >= len(self._answers):
            raise SpeechError(
                f"The script of {counted(len(self._answers), 'answer')} is over; give ScriptedListener more."
            ).in_japanese(
                f"用意した {len(self._answers)} 個の答えが終わりました。ScriptedListener にもっと渡してください"
            )
        answer = self._answers[len(self.audios)]
        self.audios.append(audio)
        self.languages.append(language)
        if isinstance(answer, Heard):
            return answer
        if answer:
            return Heard(answer, language="ja", confidence=1.0, seconds=audio.seconds)
        reason = Reason("silence", "音が入っていません（台本どおり）。", "Nothing but silence, as the script says.")
        return Heard("", reason, seconds=audio.seconds)
