"""Japanese speech with OpenJTalk, whose dictionary and voice come inside pyopenjtalk-plus: nothing to download.

Guarantee: whatever text a model writes, the sound stays within full scale. OpenJTalk's synthesis filter becomes
unstable on what no person says (「ああああああああ…」, "wwww"), where it reaches 10^74 times full scale; a sampling
workbench produces such text daily. So long runs are shortened, long text is spoken in pieces, and what still bursts is
muted.

Source: Imai et al. 1983, "Mel log spectrum approximation (MLSA) filter for speech synthesis", for the filter.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsumami.errors import SpeechError
from tsumami.speech._optional import require
from tsumami.speech.audio import Audio
from tsumami.speech.writing import HAN

__all__ = ["OpenJTalkSpeaker", "within_full_scale"]

_RATE = 48_000
_FULL_SCALE = 32_768.0
_LONGEST_PIECE = 120  # characters
_RUN = re.compile(r"(.)\1{4,}", re.DOTALL)
_ENDS = re.compile(r"(?<=[。．！？!?\n])")
# Kana that its dictionary lacks, by the ones that sound the same.
_RARE: Final = {0x30F7: "ヴァ", 0x30F8: "ヴィ", 0x30F9: "ヴェ", 0x30FA: "ヴォ"}
_SMALL = re.compile("[\u31f0-\u31ff]")  # of Ainu: ku, shi, su ...
_COMPATIBLE = re.compile(f"[{HAN}\u309f\u30ff\u32d0-\u32fe\u3300-\u3357]")
_WINDOW = 480  # samples at 48 kHz, 10 ms
_BURST = 8.0  # times full scale; loud but sane text reaches 3
_CEILING = 0.95


class OpenJTalkSpeaker:
    """A `Speaker` for Japanese: 48 kHz mono.

    speed: 0.5 to 2, 1 is the voice's own.
    half_tone: semitones by which the voice is raised (-12 to 12).
    """

    def __init__(self, speed: float = 1.0, half_tone: float = 0.0) -> None:
        if not 0.5 <= speed <= 2:
            raise SpeechError(f"speed is {speed}; 0.5 to 2 is accepted, 1 is normal.").in_japanese(
                f"speed が {speed} です。使えるのは 0.5〜2 で、1 がふつうの速さです"
            )
        if not -12 <= half_tone <= 12:
            raise SpeechError(
                f"half_tone is {half_tone}; -12 to 12 semitones are accepted, 0 is the voice's own."
            ).in_japanese(f"half_tone が {half_tone} です。使えるのは -12〜12 半音で、0 がその声の高さです")
        self.speed = speed
        self.half_tone = half_tone

    def speak(self, text: str) -> Audio:
        """The sound of Japanese `text`; zero samples where there is nothing to pronounce.

        Raises MissingDependencyError without pyopenjtalk-plus.
        """
        openjtalk = require("pyopenjtalk", "Speaking Japanese")
        spoken: list[NDArray[np.float32]] = []
        for piece in _pieces(text):
            # Without a letter there is no phoneme, and OpenJTalk would complain on stderr.
            if any(character.isalnum() for character in piece):
                wave, rate = openjtalk.tts(piece, speed=self.speed, half_tone=self.half_tone)
                assert rate == _RATE
                spoken.append(within_full_scale(np.asarray(wave) / _FULL_SCALE))
        return Audio(np.concatenate(spoken) if spoken else np.zeros(0, dtype=np.float32), _RATE)


def within_full_scale(wave: NDArray[np.float64]) -> NDArray[np.float32]:
    """`wave`, shape (n,) at 48 kHz, quieter where it is above 0.95, muted where it burst (beyond 8, or not finite).

    The gain is one number for each 10 ms, the least of its neighbours', joined by straight lines: no clicks.
    """
    count = -(-len(wave) // _WINDOW)
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    padded = np.zeros(count * _WINDOW)
    padded[: len(wave)] = wave
    burst = ~np.isfinite(padded)
    padded[burst] = 0
    peaks = np.abs(padded).reshape(count, _WINDOW).max(axis=1)
    peaks[burst.reshape(count, _WINDOW).any(axis=1)] = np.inf
    gains = np.where(peaks > _BURST, 0.0, _CEILING / np.maximum(peaks, _CEILING))
    beside = np.pad(gains, 1, mode="edge")
    gains = np.minimum(np.minimum(beside[:-2], beside[2:]), gains)
    curve = np.interp(np.arange(len(padded)), (np.arange(count) + 0.5) * _WINDOW, gains)
    quiet: NDArray[np.float32] = np.clip(padded * curve, -1, 1)[: len(wave)].astype(np.float32)
    return quiet


def _pieces(text: str) -> list[str]:
    """Sentences of at most 120 characters, without control characters and with runs of a character cut to four."""
    text = _COMPATIBLE.sub(_plain, _SMALL.sub(_large, text.translate(_RARE)))
    clean = "".join(character if character.isprintable() or character == "\n" else " " for character in text)
    sentences = _ENDS.split(_RUN.sub(r"\1\1\1\1", clean))
    return [piece for sentence in sentences for piece in _cut(sentence.strip()) if piece]


def _plain(rare: re.Match[str]) -> str:
    """The ideograph or the kana that a compatibility character stands for."""
    return unicodedata.normalize("NFKC", rare[0])


def _large(small: re.Match[str]) -> str:
    """The kana of the same name in its usual size."""
    return unicodedata.lookup(unicodedata.name(small[0]).replace("SMALL ", ""))


def _cut(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > _LONGEST_PIECE:
        head = sentence[:_LONGEST_PIECE]
        at = max(head.rfind("、"), head.rfind("，"), head.rfind(","), head.rfind(" ")) + 1
        pieces.append(sentence[: at or _LONGEST_PIECE])
        sentence = sentence[at or _LONGEST_PIECE :].lstrip()
    return [*pieces, sentence]
