"""Reading the RIFF/WAVE files that microphones, browsers and eSpeak NG really write.

The standard library's `wave` knows integer PCM only (telephones write µ-law and A-law) and, before Python 3.12, not
even that under the EXTENSIBLE header that 24-bit recorders use; so the header is read here. A file is either understood
in full or refused with a reason: samples are never guessed. `read_head` finds where they lie without reading them:
refusing an hour is free.

Source: Multimedia Programming Interface and Data Specifications 1.0 (RIFF), Microsoft's WAVEFORMATEXTENSIBLE, and
ITU-T G.711 for the two laws.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from tsumami.errors import SpeechError
from tsumami.wording import counted

__all__ = ["WavFile", "WavHead", "is_wav", "read_head", "read_wav"]

_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_OURS: Final = (_PCM, _FLOAT, _A_LAW, _MU_LAW)
#: What else comes in a WAV file, by Microsoft's register of formats (RFC 2361).
_NAMES: Final = {
    0x0002: "Microsoft ADPCM",
    0x0011: "IMA ADPCM",
    0x0016: "G.723 ADPCM",
    0x0022: "TrueSpeech",
    0x0031: "GSM 6.10",
    0x0040: "G.721 ADPCM",
    0x0045: "G.726 ADPCM",
    0x0050: "MPEG audio",
    0x0055: "MP3",
    0x0064: "G.726 ADPCM",
    0x0069: "IMA ADPCM",
    0x00FF: "AAC",
    0x0160: "Windows Media Audio",
    0x0161: "Windows Media Audio",
    0x2000: "AC-3",
    0x674F: "Ogg Vorbis",
    0x704F: "Opus",
    0xF1AC: "FLAC",
}
# Written by programs that stream and cannot know the length in advance: eSpeak NG 0x7FFFF000, ffmpeg 0xFFFFFFFF.
_UNKNOWN_LENGTH = 0x7FFFF000
_MOST_FORMAT_BYTES = 64  # EXTENSIBLE has 40; a chunk that claims more is not read into memory
_REMEDY = "Save it as WAV again (PCM, 16 bits) or record once more."
_REMEDY_JA = "WAV（PCM、16 ビット）で保存し直すか、録音し直してください"


@dataclass(frozen=True)
class WavFile:
    """`samples` of shape (n, channels) in the file's own number type (24 bits as int32), and `rate` in Hz."""

    samples: NDArray[Any]
    rate: int


@dataclass(frozen=True)
class _Format:
    code: int
    channels: int
    rate: int
    frame_bytes: int
    bits: int


@dataclass(frozen=True)
class WavHead:
    """Where the samples of a file lie (`at`, and `size` bytes of them), and what they are."""

    format: _Format
    at: int
    size: int

    @property
    def readable(self) -> bool:
        """Whether `read_wav` knows the format; else it is compressed, and a decoder's."""
        return self.format.code in _OURS

    @property
    def kind(self) -> str:
        """What the format is called: "IMA ADPCM"."""
        return _NAMES.get(self.format.code, f"format {self.format.code}")

    @property
    def seconds(self) -> float:
        """Duration, by what the samples are; the byte rate that the file claims besides is not asked."""
        return self.size / (self.format.frame_bytes * self.format.rate)


def is_wav(start: bytes) -> bool:
    """Whether a file with this start is one of RIFF's, and so ours to read."""
    return start[:4] in (b"RIFF", b"RF64")


def read_wav(data: bytes) -> WavFile:
    """The samples of a WAV file held in memory: PCM of 8, 16, 24 or 32 bits, float of 32 or 64 bits, or µ-law or A-law.

    Raises SpeechError for anything else: not a WAV file, no samples, cut off, compressed.
    """
    head = read_head(io.BytesIO(data))
    if not head.readable:
        raise SpeechError(f"A WAV file that holds {head.kind}, which is compressed. {_REMEDY}").in_japanese(
            f"{head.kind} で圧縮された WAV ファイルです。{_REMEDY_JA}"
        )
    return WavFile(_samples(memoryview(data)[head.at : head.at + head.size], head.format), head.format.rate)


def read_head(file: BinaryIO) -> WavHead:
    """Where the samples of an open WAV file lie; nothing but the heads of its chunks is read.

    Raises SpeechError for a file that is no WAV, holds no samples or is cut off.
    """
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(12)
    if len(start) < 12 or not is_wav(start) or start[8:12] != b"WAVE":
        raise SpeechError(
            f"Not a WAV file: {counted(length, 'byte')} that start with {start[:4]!r}, not b'RIFF'. {_REMEDY}"
        ).in_japanese(
            f"WAV ファイルではありません。{length} バイトで、始まりが b'RIFF' ではなく {start[:4]!r} です。{_REMEDY_JA}"
        )
    fmt: _Format | None = None
    at = 12
    while at + 8 <= length:
        file.seek(at)
        name, size = struct.unpack("<4sI", file.read(8))
        at += 8
        if name == b"fmt ":
            fmt = _format(file.read(min(size, _MOST_FORMAT_BYTES)))
        elif name == b"data":
            if fmt is None:
                raise SpeechError(f"Broken WAV file: samples before the format chunk. {_REMEDY}").in_japanese(
                    f"WAV ファイルが壊れています。形式の前にサンプルがあります。{_REMEDY_JA}"
                )
            return WavHead(fmt, at, _size(size, length - at))
        at += size + size % 2  # chunks are padded to even lengths
    raise SpeechError(
        f"Broken WAV file: it ends after {counted(length, 'byte')} without any samples. {_REMEDY}"
    ).in_japanese(f"WAV ファイルが壊れています。{length} バイトで、サンプルがないまま終わります。{_REMEDY_JA}")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise SpeechError(
            f"Broken WAV file: a format chunk of {counted(len(chunk), 'byte')}, at least 16 expected. {_REMEDY}"
        ).in_japanese(
            f"WAV ファイルが壊れています。形式の部分が {len(chunk)} バイトで、16 バイト以上のはずです。{_REMEDY_JA}"
        )
    code, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]  # the sub-format's GUID starts with the plain format code
    whole = frame_bytes == channels * ((bits + 7) // 8) if code in _OURS else frame_bytes > 0
    if channels < 1 or rate < 1 or not whole:
        raise SpeechError(
            f"Broken WAV file: {counted(channels, 'channel')} of {counted(bits, 'bit')} in "
            f"{counted(frame_bytes, 'byte')} "
            f"at {rate} Hz. {_REMEDY}"
        ).in_japanese(
            f"WAV ファイルが壊れています。{bits} ビットのチャンネル {channels} "
            f"個が {frame_bytes} バイトで、{rate} Hz です。{_REMEDY_JA}"
        )
    return _Format(code, channels, rate, frame_bytes, bits)


def _size(size: int, there: int) -> int:
    if size > there and size < _UNKNOWN_LENGTH:
        raise SpeechError(
            f"Broken WAV file: cut off, {there} of {counted(size, 'byte')} of samples are there. {_REMEDY}"
        ).in_japanese(
            f"WAV ファイルが壊れています。サンプルが {size} バイト中 {there} バイトで切れています。{_REMEDY_JA}"
        )
    return min(size, there)


def _samples(body: memoryview, fmt: _Format) -> NDArray[Any]:
    body = body[: len(body) // fmt.frame_bytes * fmt.frame_bytes]
    kinds = {(_PCM, 8): "<u1", (_PCM, 16): "<i2", (_PCM, 32): "<i4", (_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8"}
    if (fmt.code, fmt.bits) == (_PCM, 24):
        # Three bytes become the upper three of four: the value is multiplied by 256, full scale stays full scale.
        wide = np.zeros((len(body) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(body, dtype=np.uint8).reshape(-1, 3)
        flat: NDArray[Any] = wide.reshape(-1).view("<i4")
    elif fmt.bits == 8 and fmt.code in (_A_LAW, _MU_LAW):
        flat = (_of_a_law if fmt.code == _A_LAW else _of_mu_law)(np.frombuffer(body, dtype=np.uint8))
    elif (fmt.code, fmt.bits) in kinds:
        flat = np.frombuffer(body, dtype=kinds[fmt.code, fmt.bits])
    else:
        raise SpeechError(
            f"A WAV file of format {fmt.code} with {counted(fmt.bits, 'bit')}; PCM (1) of 8, 16, 24 or 32 bits, "
            "float (3) of "
            f"32 or 64 bits, A-law (6) and µ-law (7) of 8 bits can be read. {_REMEDY}"
        ).in_japanese(
            f"形式 {fmt.code}、{fmt.bits} ビットの WAV ファイルです。読めるのは、"
            "8・16・24・32 ビットの PCM（1）、32・64 ビットの浮動小数点数（3）"
            f"、8 ビットの A-law（6）と µ-law（7）です。{_REMEDY_JA}"
        )
    return flat.reshape(-1, fmt.channels)


def _of_mu_law(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The samples that these µ-law codes stand for, 14 bits at the upper end of 16."""
    code = ~codes.astype(np.int32) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _of_a_law(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The samples that these A-law codes stand for, 13 bits at the upper end of 16."""
    code = codes.astype(np.int32) ^ 0x55
    segment, step = (code & 0x70) >> 4, ((code & 0x0F) << 4) + 8
    size = np.where(segment, step + 0x100 << np.maximum(segment - 1, 0), step)
    return np.where(code & 0x80, size, -size).astype(np.int16)
