"""Recordings: WAV, Ogg, WebM, MP3, FLAC and others, damaged anywhere, or claiming what they are not.

Must hold: a file is refused in words or read as sound, in bounded time and memory; and what was read can be heard: mono
at Whisper's rate, finite and within full scale.
"""

from __future__ import annotations

import contextlib
import functools
import io
import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from hypothesis import strategies as st

from storm import hostile
from storm.judge import LostError
from storm.options import Options
from tsumami.errors import SpeechError
from tsumami.speech import Audio, read_recording

TITLE: Final = "recordings of every format, damaged"
DOOR: Final = "library"
_RATE: Final = 16_000
_MOST_SECONDS: Final = 10.0
#: Containers and what is inside, as phones and browsers write them.
_FORMATS: Final = (
    ("ogg", "libopus"),
    ("webm", "libopus"),
    ("mp3", "mp3"),
    ("flac", "flac"),
    ("mp4", "aac"),
    ("adts", "aac"),
    ("wav", "pcm_mulaw"),
)


@functools.cache
def _good() -> list[bytes]:
    """A quarter of a second of a tone in each format that is here."""
    tone = (8000 * np.sin(np.arange(_RATE // 4) * 0.15)).astype(np.int16)
    made = [_wav(tone, 1), _wav(np.repeat(tone, 2), 2)]
    for container, codec in _FORMATS:
        with contextlib.suppress(av.FFmpegError, ValueError):  # an encoder that this build lacks
            made.append(_encoded(tone, container, codec))
    return made


def _wav(samples: np.ndarray, channels: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def _encoded(tone: np.ndarray, container: str, codec: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else _RATE)
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.rate = _RATE
        resampler = av.AudioResampler(
            stream.codec_context.format, stream.codec_context.layout, stream.codec_context.rate
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return out.getvalue()


def inputs() -> st.SearchStrategy[bytes]:
    """Damaged recordings; of playlists, which name other files, as well."""
    lists = st.sampled_from((
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"", b"RIFF",
        b"RIFF\xff\xff\xff\xffWAVE",
    ))  # fmt: skip
    return st.one_of(
        hostile.damaged(_good()), hostile.damaged(_good()), hostile.damaged(_good()), lists, st.binary(max_size=200)
    )


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:  # noqa: ARG001  (a door's signature)
    """Read, and prepare as for Whisper."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"

        def go(given: bytes) -> None:
            path.write_bytes(given)
            audio = read_recording(path, _MOST_SECONDS).audio
            if audio is not None:
                _heard(audio.mono().resampled(_RATE))

        for good in _good():
            with contextlib.suppress(SpeechError):  # a format that is refused
                go(good)
        yield go


def _heard(audio: Audio) -> None:
    if audio.seconds > _MOST_SECONDS + 0.1 or audio.channels != 1 or not np.isfinite(audio.samples).all():
        raise LostError(f"not what can be heard: {audio!r}")
