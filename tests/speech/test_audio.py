"""Whatever a microphone or a file gives becomes finite float32 in [-1, 1], or a SpeechError."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tsumami.errors import SpeechError
from tsumami.speech import Audio

TONE = np.sin(2 * np.pi * 440 * np.arange(4410) / 44_100) * 0.5


@pytest.mark.parametrize(
    ("array", "first"),
    [
        (np.array([-32768, 16384], dtype=np.int16), [-1.0, 0.5]),
        (np.array([-(2**31), 2**30], dtype=np.int32), [-1.0, 0.5]),
        (np.array([-128, 64], dtype=np.int8), [-1.0, 0.5]),
        (np.array([0, 128, 192], dtype=np.uint8), [-1.0, 0.0, 0.5]),
        (np.array([0.25, -1.0]), [0.25, -1.0]),
        (np.array([0.25, -1.0], dtype=np.float16), [0.25, -1.0]),
        (np.array([2.0, -4.0]), [0.5, -1.0]),
        (np.array([np.nan, np.inf, -np.inf, 0.5]), [0.0, 0.0, 0.0, 0.5]),
        (np.array([1e300, -5e299]), [1.0, -0.5]),
        ([0.5, 0.25], [0.5, 0.25]),
    ],
)
def test_every_number_type_reaches_the_same_scale(array: NDArray[np.generic], first: list[float]) -> None:
    audio = Audio.from_array(array, 16_000)
    assert audio.samples.dtype == np.float32
    assert audio.samples.tolist() == first


@given(
    hnp.arrays(
        st.sampled_from([np.int16, np.int32, np.uint8, np.uint16, np.float32, np.float64]),
        st.tuples(st.integers(0, 40), st.integers(1, 2)),
    )
)
def test_samples_are_always_finite_and_within_one(array: NDArray[np.generic]) -> None:
    samples = Audio.from_array(array, 48_000).samples
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0) <= 1


def test_channels_first_and_channels_last_are_told_apart() -> None:
    stereo = np.stack([TONE, TONE / 2], axis=1)
    assert Audio.from_array(stereo, 44_100) == Audio.from_array(stereo.T, 44_100)
    assert Audio.from_array(stereo, 44_100).channels == 2


def test_mono_is_the_mean_unless_the_channels_cancel() -> None:
    both = Audio.from_array(np.stack([TONE, TONE], axis=1), 44_100).mono()
    inverted = Audio.from_array(np.stack([TONE, -TONE], axis=1), 44_100).mono()
    assert np.allclose(both.samples, TONE, atol=1e-6)
    assert np.allclose(np.abs(inverted.samples), np.abs(TONE), atol=1e-6)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2, 2)), np.array(["a"]), np.array([1j]), np.array(3), np.zeros((99, 99))]
)
def test_what_is_no_sound_is_refused(array: NDArray[np.generic]) -> None:
    with pytest.raises(SpeechError):
        Audio.from_array(array, 16_000)


@pytest.mark.parametrize("rate", [0, -1, 999, 10**9, 44_100.5, float("nan"), "44100", None, True])
def test_an_impossible_rate_is_named(rate: int) -> None:
    with pytest.raises(SpeechError, match="1000 to 768000"):
        Audio.from_array(np.zeros(3), rate)


def test_audio_cannot_be_changed() -> None:
    mine = np.zeros(4, dtype=np.float32)
    audio = Audio(mine, 16_000)
    mine[:] = 1
    assert audio.peak == 0
    with pytest.raises(ValueError, match="read-only"):
        audio.samples[0] = 1


@pytest.mark.parametrize(
    "samples", [np.zeros(3), np.full(3, 2, dtype=np.float32), np.full(3, np.nan, dtype=np.float32)]
)
def test_the_plain_constructor_takes_only_what_is_right(samples: NDArray[np.float32]) -> None:
    with pytest.raises(SpeechError, match="from_array"):
        Audio(samples, 16_000)


def test_the_standard_library_reads_what_we_write() -> None:
    with wave.open(io.BytesIO(Audio.from_array(np.stack([TONE, TONE], 1), 44_100).to_wav())) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 44_100, 4410)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_length_and_tone(rate: int) -> None:
    time = np.arange(rate) / rate
    audio = Audio.from_array(np.sin(2 * np.pi * 440 * time), rate).resampled(16_000)
    assert audio.rate == 16_000
    assert audio.seconds == pytest.approx(1, abs=0.001)
    assert np.abs(np.fft.rfft(audio.samples)).argmax() == pytest.approx(440, abs=1)
    assert audio.peak <= 1


def test_resampling_nothing_gives_nothing() -> None:
    assert Audio.silence(0).resampled(16_000).seconds == 0


def test_loudness_is_in_decibels_of_full_scale() -> None:
    assert Audio.from_array(np.ones(100), 16_000).loudness == 0
    assert Audio.from_array(np.full(100, 0.1), 16_000).loudness == pytest.approx(-20, abs=0.01)
    assert Audio.silence(1).loudness == -np.inf
    assert Audio.silence(0).loudness == -np.inf


def test_joining_puts_a_pause_between() -> None:
    part = Audio.from_array(TONE, 44_100)
    assert Audio.joined([part, part], pause=0.5).seconds == pytest.approx(0.7)
    with pytest.raises(SpeechError, match="rates"):
        Audio.joined([part, Audio.silence(1, 8000)])
