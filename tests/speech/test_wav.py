"""WAV files of every kind are read in full or refused."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tsumami.errors import SpeechError
from tsumami.speech import Audio


def wav(body: bytes, *, code: int = 1, channels: int = 1, bits: int = 16, size: int | None = None) -> bytes:
    frame = channels * bits // 8
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, code, channels, 44_100,
                       44_100 * frame, frame, bits)  # fmt: skip  # one header
    return head + struct.pack("<4sI", b"data", len(body) if size is None else size) + body


@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 50), st.integers(1, 2))), st.sampled_from([8000, 16_000, 44_100]))
def test_sixteen_bits_come_back_from_wav_bit_for_bit(samples: NDArray[np.int16], rate: int) -> None:
    data = wav(samples.astype("<i2").tobytes(), channels=samples.shape[1])
    audio = Audio.from_wav(data)
    assert audio.samples.reshape(samples.shape).tolist() == (samples / 32768).tolist()
    again = Audio(audio.samples, rate)
    assert Audio.from_wav(again.to_wav()) == again


def test_a_wav_of_every_depth_says_the_same() -> None:
    values = np.array([-1.0, -0.5, 0.0, 0.5])
    depths = {
        8: wav(np.array([0, 64, 128, 192], dtype=np.uint8).tobytes(), bits=8),
        16: wav((values * 2**15).astype("<i2").tobytes()),
        24: wav(b"".join(int(v * 2**23).to_bytes(3, "little", signed=True) for v in values), bits=24),
        32: wav((values * 2**31).astype("<i4").tobytes(), bits=32),
        -32: wav(values.astype("<f4").tobytes(), code=3, bits=32),
        -64: wav(values.astype("<f8").tobytes(), code=3, bits=64),
    }
    for depth, data in depths.items():
        assert Audio.from_wav(data).samples.tolist() == values.tolist(), depth


def test_the_extensible_header_of_recorders_is_read() -> None:
    body = np.array([16384, -16384], dtype="<i2").tobytes()
    fmt = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 44_100, 88_200, 2, 16, 22, 16, 4, 1) + bytes(14)
    data = b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"fmt ", 40) + fmt + struct.pack("<4sI", b"data", 4) + body
    assert Audio.from_wav(data).samples.tolist() == [0.5, -0.5]


def test_a_streamed_wav_of_unknown_length_is_read_to_its_end() -> None:
    assert len(Audio.from_wav(wav(b"\0" * 20, size=0x7FFFF000)).samples) == 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"not a wav file at all",
        b"\x1aE\xdf\xa3 webm",
        wav(b"\0" * 20)[:30],
        wav(b"\0" * 20)[:50],
        wav(b"\0" * 20, code=85),
        wav(b"\0" * 20, channels=0),
        wav(b"\0" * 21, bits=12),
        b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\0\0",
    ],
)
def test_a_broken_wav_is_refused_with_a_remedy(data: bytes) -> None:
    with pytest.raises(SpeechError, match="WAV"):
        Audio.from_wav(data)


@given(st.binary(max_size=120), st.integers(0, 44))
def test_no_bytes_crash_the_reader(noise: bytes, keep: int) -> None:
    for data in (noise, wav(b"\0" * 8)[:keep] + noise):
        with contextlib.suppress(SpeechError):
            Audio.from_wav(data)
