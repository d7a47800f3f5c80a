"""Listening with Whisper, through faster-whisper (CTranslate2).

Guarantee: silence, noise and hum give an empty text with a reason, never an invented sentence. `gate` keeps from
Whisper what holds no voice; what Whisper then writes is dropped where it doubts itself, where it hears no speech and
neither its words nor the sound are sure, where it repeats itself, and where it claims more characters than a mouth can
say in the time. No sentence is refused for its words: what subtitles say, people say too. The same recording gives the
same text: beam search at temperature 0, with no fall-back to random sampling.

Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section 4.5 (thresholds).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tsumami.errors import CancelledError, SpeechError
from tsumami.machine import usable_cores
from tsumami.quoting import theirs
from tsumami.speech import gate
from tsumami.speech._optional import require
from tsumami.speech.audio import Audio
from tsumami.speech.protocols import Heard, Loading, OnLoading
from tsumami.speech.whisper_models import whisper_folder

__all__ = ["WhisperListener"]

_LEAST_LOG_PROBABILITY = -1.2  # mean of a segment's tokens
_MOST_NO_SPEECH = 0.6
_MOST_COMPRESSION = 2.4  # zlib's ratio; a loop compresses well
_MOST_CHARACTERS_PER_SECOND = 30.0  # of voice; a fast speaker reaches 20 in English, 12 in Japanese
# Where Whisper hears no speech in what the gate took for a voice, it has to be sure of its words, and the voice has to
# stand out: then somebody did say "thank you for watching", which it also writes where nobody speaks.
_SURE_LOG_PROBABILITY = -0.35
_LEAST_CONTRAST = 12.0  # dB; speech has 15 and more, a hum that wavers less


class WhisperListener:
    """A `Listener`. The model is found and loaded on the first `listen` (or by `load`), once, whatever the threads.

    size_or_path: a size ("tiny", "base", "large-v3-turbo", …), a hub name, or a folder in CTranslate2's format.
    language: Whisper's code such as "ja", for calls that name none; None detects it.
    threads: CPU threads; 0 takes half of the usable cores, so that text generation beside it keeps the others.
    device, compute_type: CTranslate2's; int8 on the CPU unless told otherwise.
    most_seconds: longer recordings are refused with a reason.
    on_loading: told how far the first use has come.
    """

    def __init__(
        self,
        size_or_path: str | Path = "base",
        language: str | None = "ja",
        *,
        threads: int = 0,
        device: str = "cpu",
        compute_type: str = "int8",
        most_seconds: float = 300.0,
        on_loading: OnLoading | None = None,
    ) -> None:
        if threads < 0:
            raise SpeechError(f"threads is {threads}; 0 (half of the cores) or more is accepted.").in_japanese(
                f"threads が {threads} です。0（コアの半分）以上にしてください"
            )
        if not 0 < most_seconds <= 3600:
            raise SpeechError(f"most_seconds is {most_seconds}; more than 0 and at most 3600 is accepted.").in_japanese(
                f"most_seconds が {most_seconds} です。0 より大きく 3600 以下にしてください"
            )
        self.size_or_path = size_or_path
        self.language = language
        self.threads = threads or max(1, usable_cores() // 2)
        self.device = device
        self.compute_type = compute_type
        self.most_seconds = most_seconds
        self.on_loading = on_loading
        self._model: Any = None
        self._lock = threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether the next `listen` starts at once."""
        return self._model is not None

    def load(self, on_loading: OnLoading | None = None) -> None:
        """Find and load the model now; does nothing when that is done.

        Raises SpeechError (no such model, hub unreachable, files broken), MissingDependencyError (faster-whisper).
        """
        self._loaded_model(on_loading)

    def listen(
        self,
        audio: Audio,
        language: str | None = None,
        on_loading: OnLoading | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> Heard:
        """The words in `audio`; see `Listener`. Safe to call from several threads, which then take turns.

        Raises SpeechError when the model cannot be used, MissingDependencyError for a missing package.
        """
        reason = gate.too_short_or_long(audio, self.most_seconds)
        if reason is not None:
            return Heard("", reason, seconds=audio.seconds)
        voice = gate.voiced(audio)
        if voice.reason is not None:
            return Heard("", voice.reason, seconds=audio.seconds)
        self.load(on_loading)
        spoken = self.language if language is None else language
        return self._transcribe(voice, audio.seconds, None if spoken == "auto" else spoken, stopped)

    def _transcribe(
        self, voice: gate.Voiced, seconds: float, language: str | None, stopped: Callable[[], bool] | None
    ) -> Heard:
        model = self._loaded_model(None)
        with self._lock:
            try:
                segments, info = model.transcribe(
                    voice.samples,
                    language=language,
                    beam_size=5,
                    temperature=0.0,
                    # A first error would otherwise be continued to the end.
                    condition_on_previous_text=False,
                    no_speech_threshold=_MOST_NO_SPEECH,
                    log_prob_threshold=_LEAST_LOG_PROBABILITY,
                    vad_filter=False,  # done by the gate
                )
                kept = [one for one in _until(stopped, segments) if believable(one, voice.contrast)]
            except (ValueError, RuntimeError) as error:
                raise SpeechError(
                    f"Whisper {self.size_or_path} could not listen (language {language!r}): {error} "
                    "Choose another language or size."
                ).in_japanese(
                    f"Whisper {self.size_or_path} が聞き取れませんでした（言語 {language!r}）"
                    f": {theirs(error)} 言語か大きさを変えてください"
                ) from error
        text = "".join(segment.text for segment in kept).strip()
        spoken = sum(character.isalnum() for character in text)
        if not spoken or spoken > _MOST_CHARACTERS_PER_SECOND * voice.seconds:
            return Heard("", gate.reason_unsure(), language=info.language, seconds=seconds)
        tokens = sum(len(segment.tokens) for segment in kept)
        mean = sum(segment.avg_logprob * len(segment.tokens) for segment in kept) / max(1, tokens)
        return Heard(text, None, info.language, min(1.0, math.exp(mean)), seconds)

    def _loaded_model(self, on_loading: OnLoading | None) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._load(on_loading or self.on_loading)
            return self._model

    def _load(self, on_loading: OnLoading | None) -> Any:
        faster_whisper = require("faster_whisper", "Listening")
        folder = whisper_folder(self.size_or_path, on_loading)
        tell = on_loading or _tell_nobody
        tell(Loading("load", 0, 1))
        try:
            model = faster_whisper.WhisperModel(
                str(folder), device=self.device, compute_type=self.compute_type, cpu_threads=self.threads
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise SpeechError(
                f"The Whisper model in {folder} could not be loaded ({self.device}, {self.compute_type}): {error} "
                "If its files are damaged, delete that folder and try again."
            ).in_japanese(
                f"{folder} の Whisper モデルを読み込めませんでした（{self.device}、"
                f"{self.compute_type}）: {theirs(error)} ファイルが壊れているなら、そのフォルダーを消してやり直して"
                "ください"
            ) from error
        tell(Loading("load", 1, 1))
        return model


def _tell_nobody(_: Loading) -> None:
    """Where no one asked for progress."""


def _until(stopped: Callable[[], bool] | None, segments: Iterable[Any]) -> Iterator[Any]:
    """The segments, each of which takes half a minute of sound, while somebody wants them."""
    for segment in segments:
        if stopped is not None and stopped():
            raise CancelledError("nobody wants to know what was said any more").in_japanese(
                "聞き取った文章を待っている人がいません"
            )
        yield segment


def believable(segment: Any, contrast: float) -> bool:
    """Whether a segment is something that was said, by the evidence and never by its words.

    segment: faster-whisper's, with avg_logprob, no_speech_prob and compression_ratio.
    contrast: dB between the loudest and the quiet parts of the recording.
    """
    log_probability, no_speech = float(segment.avg_logprob), float(segment.no_speech_prob)
    if log_probability < _LEAST_LOG_PROBABILITY or float(segment.compression_ratio) > _MOST_COMPRESSION:
        return False
    if no_speech <= _MOST_NO_SPEECH:
        return True
    return log_probability > _SURE_LOG_PROBABILITY and contrast >= _LEAST_CONTRAST
