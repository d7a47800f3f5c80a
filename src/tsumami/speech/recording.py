"""Reading a file of sound, whoever recorded it: WAV by ourselves, all else, also what is compressed inside of a WAV,
by PyAV (FFmpeg's libraries, no program).

Guarantee: at most `most_seconds` are decoded, whatever the head of a file claims or leaves out, as that of a browser's
recording leaves out how long it is; what is longer comes back with a reason and without its samples. Nothing more is
decoded once nobody wants it. A file is read by
itself: where it is a list of other files or addresses, nothing that it names is opened.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tsumami.errors import CancelledError, SpeechError
from tsumami.speech import gate
from tsumami.speech._optional import require
from tsumami.speech._wav import is_wav, read_head
from tsumami.speech.audio import Audio
from tsumami.speech.protocols import Reason

__all__ = ["Recording", "read_recording"]

_WHAT_FOR: Final = "Reading sound that is not WAV"
# The file is handed over opened, so that FFmpeg needs no protocol; one that a playlist names would need one.
_NOTHING_ELSE: Final = {"protocol_whitelist": "none"}
_NO_MORE_TAGS: Final = 19  # PyAV's version from which on tags in any encoding are read, and none can be named


@dataclass(frozen=True)
class Recording:
    """A file of sound that was read.

    audio: its sound; None where `reason` says why it was not read to its end.
    seconds: its duration; where it is too long and its head does not tell, the duration that was reached.
    """

    audio: Audio | None
    reason: Reason | None
    seconds: float


def _never() -> bool:
    return False


def read_recording(path: str | Path, most_seconds: float, *, stopped: Callable[[], bool] = _never) -> Recording:
    """The sound in a file of at most `most_seconds`: WAV at its own rate and channels, all else mono at Whisper's rate.

    stopped: asked while it is decoded, whether nobody wants it any more.

    Raises SpeechError for a file that holds no sound, MissingDependencyError where PyAV is needed and missing,
    CancelledError where it was stopped.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = read_head(file) if is_wav(file.read(4)) else None
        if head is None or not head.readable:
            file.seek(0)
            with _refusing(path.name, "" if head is None else f"{head.kind} in a WAV file: "):
                return _decoded(file, most_seconds, path.name, stopped)
        seconds = head.seconds
        if seconds > most_seconds:
            return _too_long(seconds, most_seconds)
        file.seek(0)
        return _whole(Audio.from_wav(file.read()))


def _whole(audio: Audio) -> Recording:
    return Recording(audio, None, audio.seconds)


def _too_long(seconds: float, most_seconds: float, *, at_least: bool = False) -> Recording:
    return Recording(None, gate.reason_too_long(None if at_least else seconds, most_seconds), seconds)


def _decoded(file: Any, most_seconds: float, name: str, stopped: Callable[[], bool]) -> Recording:
    av = require("av", _WHAT_FOR)
    tags = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < _NO_MORE_TAGS else {}
    with av.open(file, "r", options=_NOTHING_ELSE, **tags) as container:
        if not container.streams.audio:
            raise SpeechError(f"{name} holds no sound. Record again, or choose a file of sound.").in_japanese(
                f"{name} に音がありません。録音し直すか、音のファイルを選んでください"
            )
        claimed = (container.duration or 0) / av.time_base
        if claimed > most_seconds:
            return _too_long(claimed, most_seconds)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=gate.RATE)
        pieces, seconds = [np.zeros(0, dtype=np.int16)], 0.0
        for frame in _frames(container):
            if stopped():
                raise CancelledError("nobody wants this recording any more").in_japanese(
                    "この録音を待っている人がいません"
                )
            seconds += frame.samples / max(1, frame.sample_rate)
            if seconds > most_seconds:
                return _too_long(seconds, most_seconds, at_least=True)
            pieces.extend(piece.to_ndarray()[0] for piece in resampler.resample(frame))
        pieces.extend(piece.to_ndarray()[0] for piece in resampler.resample(None))
    return _whole(Audio.from_array(np.concatenate(pieces), gate.RATE))


def _frames(container: Any) -> Iterator[Any]:
    """The frames of the first stream of sound, one after the other; a packet that is damaged is left out."""
    invalid = require("av.error", _WHAT_FOR).InvalidDataError
    for packet in container.demux(audio=0):
        with contextlib.suppress(invalid):
            for frame in packet.decode():
                frame.pts = None  # sound follows sound, whatever time it claims
                yield frame


@contextlib.contextmanager
def _refusing(name: str, kind: str) -> Iterator[None]:
    broken = require("av.error", _WHAT_FOR).FFmpegError
    try:
        yield
    except (broken, OSError, ValueError, IndexError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__  # the whole of an error may tell the path
        raise SpeechError(f"{name} cannot be read as sound ({kind}{why}). Record again, or save as WAV.").in_japanese(
            f"{name} は音として読めません（{kind}{why}）。録音し直すか、WAV で保存してください"
        ) from error
