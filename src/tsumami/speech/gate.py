"""What is looked at before Whisper is asked, because Whisper always answers.

Whisper was trained on subtitles: given silence or noise it writes what subtitles say there, in Japanese
「ご視聴ありがとうございました」. So the recording must first be long enough, short enough, louder than a still room,
unsteady as speech is, and contain a voice for the silero detector. Whatever fails gets a `Reason`, not a text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tsumami.speech._optional import require
from tsumami.speech.audio import Audio
from tsumami.speech.protocols import Reason

__all__ = ["RATE", "Voiced", "reason_too_long", "reason_unsure", "too_short_or_long", "voiced"]

RATE = 16_000
"""Whisper's sample rate in Hz."""

_SHORTEST = 0.2  # seconds; はい takes 0.25
_FRAME = 512  # samples at 16 kHz, 32 ms: about one pitch period of the lowest voice, and silero's own frame
_SILENCE = -65.0  # dBFS of the loudest frames; whispering into a laptop's microphone is about -50
_STEADY = 3.0  # dB between the loudest and the quiet frames; white noise has 1.5, speech 15 and more
_SPEECH_LEVEL = -20.0  # dBFS of the loud frames after normalising
_MOST_GAIN = 45.0  # dB


@dataclass(frozen=True)
class Voiced:
    """The parts of a recording with a voice, put together.

    samples: float32 mono at 16 kHz in [-1, 1], normalised; empty when `reason` says why there are none.
    contrast: dB between the loudest and the quiet frames of the whole recording.
    """

    samples: NDArray[np.float32]
    reason: Reason | None = None
    contrast: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration of the voice alone."""
        return len(self.samples) / RATE


def too_short_or_long(audio: Audio, most_seconds: float) -> Reason | None:
    """Why the duration alone forbids listening, or None. Costs nothing, however long the recording is."""
    if not len(audio.samples):
        return Reason(
            "empty",
            "録音が空です。マイクの接続と許可を確かめて、もう一度録音してください。",
            "The recording is empty. Check that the microphone is connected and allowed, and record again.",
        )
    if audio.seconds < _SHORTEST:
        return Reason(
            "too_short",
            f"録音が短すぎます（{audio.seconds:.2f} 秒、最短 {_SHORTEST} 秒）。話し終えてから止めてください。",
            f"The recording is too short ({audio.seconds:.2f} s, at least {_SHORTEST} s). Stop it after speaking.",
        )
    return reason_too_long(audio.seconds, most_seconds) if audio.seconds > most_seconds else None


def voiced(audio: Audio) -> Voiced:
    """The voice in `audio` (any rate, any channels), ready for Whisper.

    Raises MissingDependencyError without soxr or faster-whisper.
    """
    samples = audio.mono().resampled(RATE).samples
    samples = samples - np.mean(samples, dtype=np.float32)
    levels = _frame_levels(samples)
    # The loudest, not a percentile: one short word in a long recording is less than 5 % of its frames.
    loudest, quiet = float(levels.max()), float(np.percentile(levels, 10))
    if loudest < _SILENCE:
        return _nothing(_reason_silence(loudest))
    if len(levels) >= RATE // (2 * _FRAME) and loudest - quiet < _STEADY:
        return _nothing(_reason_noise())
    gain = min(_MOST_GAIN, _SPEECH_LEVEL - max(float(np.percentile(levels, 95)), loudest - 10))
    # Clicks above full scale are clipped: then they no longer drown the voice.
    samples = np.clip(samples * np.float32(10 ** (gain / 20)), -1, 1)
    spans = _voice_spans(samples)
    if sum(end - start for start, end in spans) < _SHORTEST * RATE:
        return _nothing(_reason_noise())
    return Voiced(np.concatenate([samples[start:end] for start, end in spans]), contrast=loudest - quiet)


def reason_too_long(seconds: float | None, most_seconds: float) -> Reason:
    """The recording takes `seconds`, or nobody knows how long (None) but longer than `most_seconds`."""
    limit = _clock(most_seconds)
    return Reason(
        "too_long",
        f"録音が長すぎます（{'' if seconds is None else f'{_clock(seconds)}、'}上限 {limit}）。"
        "短く切ってから送ってください。",
        f"The recording is too long ({'' if seconds is None else f'{_clock(seconds)}; '}the limit is {limit}). "
        "Trim it and send it again.",
    )


def reason_unsure() -> Reason:
    """There was a voice, but Whisper itself doubts what it wrote."""
    return Reason(
        "unsure",
        "聞き取れませんでした。マイクに近づいて、もう一度はっきり話してください。",
        "That could not be understood. Come closer to the microphone and say it again, clearly.",
    )


def _reason_silence(level: float) -> Reason:
    said = "−∞" if level <= -120 else f"{level:.0f}"
    return Reason(
        "silence",
        f"音が入っていません（最大 {said} dBFS）。マイクの選択と音量を確かめてください。",
        f"Nothing but silence was recorded ({said} dBFS at most). Check which microphone is used and its level.",
    )


def _reason_noise() -> Reason:
    return Reason(
        "noise",
        "声が聞こえません（雑音だけのようです）。マイクに近づいて、もう一度話してください。",
        "No voice was heard, only noise. Come closer to the microphone and speak again.",
    )


def _nothing(reason: Reason) -> Voiced:
    return Voiced(np.zeros(0, dtype=np.float32), reason)


def _frame_levels(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """dBFS of each frame of 32 ms, shape (frames,); digital silence counts as -120."""
    frames = samples[: max(1, len(samples) // _FRAME) * _FRAME]
    frames = frames.reshape(-1, min(_FRAME, len(frames)))
    power = np.mean(np.square(frames), axis=1, dtype=np.float64)
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return levels


def _voice_spans(samples: NDArray[np.float32]) -> list[tuple[int, int]]:
    """(start, end) in samples of what silero takes for a voice, padded so that no consonant is cut off."""
    vad = require("faster_whisper.vad", "Listening")
    options = vad.VadOptions(threshold=0.5, min_speech_duration_ms=120, min_silence_duration_ms=700, speech_pad_ms=250)
    return [(int(span["start"]), int(span["end"])) for span in vad.get_speech_timestamps(samples, options)]


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
