"""Audio: one frozen value for sound, so that nothing else has to know where it came from.

Guarantee: whatever a microphone, a browser or a synthesiser hands over, an `Audio` holds finite float32 samples in
[-1, 1] that cannot be written to, and a rate in Hz. What cannot become that is refused with a SpeechError.
"""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsumami.errors import SpeechError
from tsumami.speech._optional import require
from tsumami.speech._wav import read_wav
from tsumami.wording import counted

__all__ = ["Audio"]

_RATES = (1_000, 768_000)
_MOST_CHANNELS = 32
# More rows than this are samples, not channels: so (channels, n) is told from (n, channels).
_PLAIN_CHANNELS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound.

    samples: float32 in [-1, 1], shape (n,) for mono or (n, channels); n may be 0. Read-only.
    rate: samples per second, in Hz, 1000 to 768000.

    The constructor accepts only samples that are already so; `Audio.from_array` and `Audio.from_wav` convert.
    """

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _checked_rate(self.rate))
        samples: Any = self.samples
        if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim not in (1, 2):
            raise SpeechError(
                "Audio wants float32 samples of shape (n,) or (n, channels); Audio.from_array converts."
            ).in_japanese(
                "Audio には (n,) か (n, チャンネル) の形の float32 が要ります。Audio.from_array で変換できます"
            )
        if samples.ndim == 2 and not 1 <= samples.shape[1] <= _MOST_CHANNELS:
            raise SpeechError(
                f"{counted(samples.shape[1], 'channel')}; 1 to {_MOST_CHANNELS} can be used."
            ).in_japanese(f"{samples.shape[1]} チャンネルあります。使えるのは 1〜{_MOST_CHANNELS} です")
        # Written so that NaN fails too.
        if samples.size and not (samples.min() >= -1 and samples.max() <= 1):
            raise SpeechError(
                "Audio wants finite samples in [-1, 1]; Audio.from_array repairs and scales others."
            ).in_japanese("Audio には [-1, 1] の有限の値が要ります。Audio.from_array で直せます")
        if samples.flags.writeable:
            samples = samples.copy()
            samples.flags.writeable = False
            object.__setattr__(self, "samples", samples)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Audio):
            return NotImplemented
        return self.rate == other.rate and np.array_equal(self.samples, other.samples)

    def __hash__(self) -> int:
        return hash((self.rate, self.samples.shape, self.samples.tobytes()))

    def __repr__(self) -> str:
        channels = counted(self.channels, "channel")
        return f"Audio({self.seconds:.2f} s, {self.rate} Hz, {channels}, {self.loudness:.1f} dBFS)"

    @classmethod
    def from_array(cls, array: object, rate: int) -> Audio:
        """Audio from numbers of any NumPy type, such as Gradio's microphone gives.

        array: shape (n,), (n, channels), or (channels, n) where channels is at most 8 and smaller than n. Integers are
        divided by their type's full scale (int16: 32768; unsigned types are centred first). Of floats, NaN and
        infinities become 0, and if any is beyond 1 in size all are divided by the largest, which keeps the wave's form.
        rate: Hz.

        Raises SpeechError for other shapes, for types that are not numbers, and for impossible rates.
        """
        raw = np.asarray(array)
        if raw.ndim == 2 and 1 <= raw.shape[0] <= _PLAIN_CHANNELS and raw.shape[0] < raw.shape[1]:
            raw = raw.T
        return cls._from_frames(raw, rate)

    @classmethod
    def _from_frames(cls, raw: NDArray[Any], rate: int) -> Audio:
        """As `from_array`, where the channels are known to come last."""
        rate = _checked_rate(rate)
        if raw.ndim not in (1, 2):
            raise SpeechError(f"Sound of shape {raw.shape}; (n,) or (n, channels) can be used.").in_japanese(
                f"音の形が {raw.shape} です。使えるのは (n,) か (n, チャンネル) です"
            )
        samples = np.ascontiguousarray(_unit_scale(raw))
        if samples.ndim == 2 and samples.shape[1] == 1:
            samples = samples[:, 0]
        samples.flags.writeable = False
        return cls(samples, rate)

    @classmethod
    def from_wav(cls, data: bytes) -> Audio:
        """Audio from the bytes of a WAV file: PCM of 8 to 32 bits, float, µ-law or A-law.

        Raises SpeechError for a broken or other file.
        """
        wav = read_wav(data)
        return cls._from_frames(wav.samples, wav.rate)

    @classmethod
    def silence(cls, seconds: float, rate: int = 24_000) -> Audio:
        """Digital silence, mono, of so many seconds."""
        return cls(np.zeros(max(0, round(seconds * rate)), dtype=np.float32), rate)

    @classmethod
    def joined(cls, parts: Sequence[Audio], pause: float = 0.0) -> Audio:
        """Mono `parts` of one rate, one after the other, with `pause` seconds of silence between them."""
        if not parts:
            raise SpeechError("No audio to join; give at least one part.").in_japanese(
                "つなぐ音がありません。少なくとも 1 つ渡してください"
            )
        rates = {part.rate for part in parts}
        if len(rates) > 1:
            raise SpeechError(
                f"Parts of different rates, {sorted(rates)} Hz, cannot be joined; use resampled first."
            ).in_japanese(
                f"サンプリング周波数の違うもの（{sorted(rates)} Hz）はつなげません。先に resampled でそろえてください"
            )
        gap = cls.silence(pause, parts[0].rate).samples
        pieces = [piece for part in parts for piece in (gap, part.mono().samples)][1:]
        return cls(np.concatenate(pieces), parts[0].rate)

    @property
    def channels(self) -> int:
        """1 for mono."""
        return 1 if self.samples.ndim == 1 else int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate

    @property
    def peak(self) -> float:
        """The largest sample in size, 0 to 1; 0 when empty."""
        return float(max(-self.samples.min(), self.samples.max())) if self.samples.size else 0.0

    @property
    def loudness(self) -> float:
        """Root mean square over all samples in dB of full scale: 0 at most, -inf for digital silence or no samples."""
        power = float(np.mean(np.square(self.samples), dtype=np.float64)) if self.samples.size else 0.0
        return 10 * math.log10(power) if power > 0 else -math.inf

    def mono(self) -> Audio:
        """The mean of the channels; where that cancels (one channel inverted by its cable), the loudest channel."""
        if self.samples.ndim == 1:
            return self
        powers = np.mean(np.square(self.samples), axis=0, dtype=np.float64) if self.samples.size else np.zeros(1)
        mean = self.samples.mean(axis=1, dtype=np.float32)
        if mean.size and float(np.mean(np.square(mean), dtype=np.float64)) < 0.01 * float(powers.max()):
            mean = np.ascontiguousarray(self.samples[:, int(powers.argmax())])
        return Audio(mean, self.rate)

    def resampled(self, rate: int) -> Audio:
        """The same sound at `rate` Hz, through soxr at high quality; unchanged where the rate is already so."""
        rate = _checked_rate(rate)
        if rate == self.rate:
            return self
        if not len(self.samples):
            return Audio(self.samples, rate)
        soxr = require("soxr", "Changing the rate of audio")
        samples = np.asarray(soxr.resample(self.samples, self.rate, rate, quality="HQ"), dtype=np.float32)
        # A filter rings: at full scale it overshoots by a few per cent.
        return Audio(np.clip(samples, -1, 1), rate)

    def to_wav(self) -> bytes:
        """A WAV file, PCM of 16 bits, same rate and channels. int16 audio comes back from it bit for bit."""
        pcm = np.clip(np.rint(self.samples * 32768.0), -32768, 32767).astype("<i2")
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(self.channels)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(pcm.tobytes())
        return buffer.getvalue()


def _checked_rate(rate: object) -> int:
    low, high = _RATES
    if isinstance(rate, (int, float, np.integer, np.floating)) and not isinstance(rate, bool):
        value = float(rate)
        if low <= value <= high and value.is_integer():
            return int(value)
    raise SpeechError(f"A sample rate of {rate!r} Hz; whole numbers from {low} to {high} can be used.").in_japanese(
        f"サンプリング周波数が {rate!r} Hz です。使えるのは {low}〜{high} の整数です"
    )


def _unit_scale(raw: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers of any real type as float32 in [-1, 1]; the rule is in `Audio.from_array`. Always a fresh array."""
    if raw.dtype.kind == "i":
        scaled: NDArray[np.float32] = np.multiply(raw, 2.0 ** (1 - 8 * raw.dtype.itemsize), dtype=np.float32)
        return scaled
    if raw.dtype.kind == "u":
        half = 2.0 ** (8 * raw.dtype.itemsize - 1)
        scaled = np.multiply(raw, 1 / half, dtype=np.float32)
        scaled -= np.float32(1)
        return scaled
    if raw.dtype.kind != "f":
        raise SpeechError(
            f"Sound of type {raw.dtype}; integers and real floating-point numbers can be used."
        ).in_japanese(f"音の型が {raw.dtype} です。使えるのは整数と実数です")
    peak = float(np.max(np.abs(raw), where=np.isfinite(raw), initial=0.0))
    scaled = np.array(raw if peak <= 1 else raw / peak, dtype=np.float32)
    # After the division a finite number is in [-1, 1], so everything else was NaN or infinite.
    scaled[~np.isfinite(scaled)] = 0
    return np.clip(scaled, -1, 1, out=scaled)
