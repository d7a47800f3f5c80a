"""Listening and speaking: two small protocols, and what they hand over.

Guarantee: everything above this floor (the app, the command line, lessons) knows only these. A listener and a speaker
may be shared by threads: what one call wishes is said in that call and changes nothing for others. A `Listener` never
invents: when it heard no speech, `Heard.text` is empty and `Heard.reason` says why, in Japanese and in English. Errors
of the machinery (a missing package, a broken file) are exceptions; audio that merely holds nothing is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from tsumami.speech.audio import Audio

__all__ = ["Heard", "Listener", "Loading", "OnLoading", "Reason", "ReasonCode", "Speaker"]

ReasonCode = Literal["empty", "too_short", "too_long", "silence", "noise", "unsure"]


@dataclass(frozen=True)
class Reason:
    """Why nothing was heard: a code for programs, a sentence with a remedy in each language for people."""

    code: ReasonCode
    ja: str
    en: str

    def text(self, language: str) -> str:
        """The sentence: Japanese for "ja" (also "ja-JP"), English for everything else."""
        return self.ja if language.lower().startswith("ja") else self.en


@dataclass(frozen=True)
class Heard:
    """What a listener understood.

    text: the words, stripped; empty when nothing was heard.
    reason: why `text` is empty; None when it is not.
    language: Whisper's code of the language, asked for or detected; None when no speech was looked at.
    confidence: the geometric mean of the tokens' probabilities, 0 to 1; 0 when nothing was heard.
    seconds: duration of the recording.
    """

    text: str
    reason: Reason | None = None
    language: str | None = None
    confidence: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Loading:
    """How far the first use of a speech model has come.

    step: "download" and "join" count bytes; "load" reads the weights into memory and only has a beginning and an end.
    done, total: bytes, or 0 and 1 for "load"; total is None while it is unknown.
    """

    step: Literal["download", "join", "load"]
    done: int
    total: int | None

    @property
    def fraction(self) -> float | None:
        """0 to 1, or None while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None


OnLoading = Callable[[Loading], None]
"""Called from the loading thread, often; it should return quickly."""


@runtime_checkable
class Listener(Protocol):
    """Speech to text."""

    def load(self, on_loading: OnLoading | None = None) -> None:
        """Make ready to listen at once; does nothing where that is done. `on_loading` is told how far it has come."""
        ...

    def listen(
        self,
        audio: Audio,
        language: str | None = None,
        on_loading: OnLoading | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> Heard:
        """The words in `audio`, of any rate and number of channels.

        language: Whisper's code such as "ja", or "auto" to find it out; None is the listener's own.
        on_loading: told how far the first use has come, where `load` was not called before.
        stopped: asked from time to time whether nobody wants the answer any more; then CancelledError is raised.
        """
        ...


@runtime_checkable
class Speaker(Protocol):
    """Text to speech."""

    def speak(self, text: str) -> Audio:
        """The sound of `text`, plain text (see `speakable`); zero samples where there is nothing to pronounce."""
        ...
