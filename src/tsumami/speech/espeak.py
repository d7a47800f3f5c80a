"""Speech in some hundred languages with eSpeak NG, a program that the system installs.

Guarantee: the text reaches the program on its standard input, so nothing in a model's reply can become an option of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np

from tsumami.errors import MissingDependencyError, SpeechError
from tsumami.quoting import theirs
from tsumami.speech._optional import INSTALL
from tsumami.speech.audio import Audio

__all__ = ["ESpeakSpeaker", "ESpeakVoice", "espeak_program", "espeak_voices"]

_NAME = re.compile(r"[A-Za-z0-9]+([-_][A-Za-z0-9]+)*(\+[A-Za-z0-9]+)?")
_WORDS_PER_MINUTE = 175  # eSpeak's own
_RATE = 22_050
_PATIENCE = 60.0  # seconds; a page of text takes 0.2


@dataclass(frozen=True)
class ESpeakVoice:
    """A voice that the installed eSpeak NG has: its language tag, which also selects it, and its name in English."""

    language: str
    name: str


class ESpeakSpeaker:
    """A `Speaker` for any language of eSpeak NG: 22.05 kHz mono.

    language: a tag such as "en", "en-us", "de", "cmn", optionally with a variant ("en+f3").
    speed: 0.5 to 2, 1 is 175 words a minute.
    pitch: 0 to 99, 50 is the voice's own.
    """

    def __init__(self, language: str = "en", speed: float = 1.0, pitch: int = 50) -> None:
        if not _NAME.fullmatch(language):
            raise SpeechError(
                f"{language!r} is no language of eSpeak NG; tags such as 'en', 'en-us' or 'de' are."
            ).in_japanese(
                f"{language!r} は eSpeak NG の言語ではありません。'en'、'en-us'、'de' のような名前にしてください"
            )
        if not 0.5 <= speed <= 2:
            raise SpeechError(f"speed is {speed}; 0.5 to 2 is accepted, 1 is normal.").in_japanese(
                f"speed が {speed} です。使えるのは 0.5〜2 で、1 がふつうの速さです"
            )
        if not 0 <= pitch <= 99:
            raise SpeechError(f"pitch is {pitch}; 0 to 99 is accepted, 50 is the voice's own.").in_japanese(
                f"pitch が {pitch} です。使えるのは 0〜99 で、50 がその声の高さです"
            )
        self.language = language
        self.speed = speed
        self.pitch = pitch

    def speak(self, text: str) -> Audio:
        """The sound of `text`; zero samples where there is nothing to pronounce.

        Raises MissingDependencyError without the program, SpeechError for a language it does not have.
        """
        speed = str(round(_WORDS_PER_MINUTE * self.speed))
        # -b 1: the text is UTF-8.
        options = ["-v", self.language, "-s", speed, "-p", str(self.pitch), "-b", "1", "--stdin", "--stdout"]
        wav = _run(options, text.replace("\0", " "))
        return Audio.from_wav(wav) if wav else Audio(np.zeros(0, dtype=np.float32), _RATE)


def espeak_program() -> str | None:
    """The path of the eSpeak NG program, or None."""
    return shutil.which("espeak-ng")


def espeak_voices() -> tuple[ESpeakVoice, ...]:
    """The voices of the installed eSpeak NG; MissingDependencyError without it."""
    rows = [line.split() for line in _run(["--voices"], "").decode("utf-8", "replace").splitlines()[1:]]
    return tuple(ESpeakVoice(row[1], row[3].replace("_", " ")) for row in rows if len(row) >= 5)


def _run(options: list[str], text: str) -> bytes:
    program = espeak_program()
    if program is None:
        raise MissingDependencyError(
            f"Speaking languages other than Japanese needs the program espeak-ng. Install: {INSTALL['espeak-ng']}"
        ).in_japanese(f"日本語以外を話すには espeak-ng が要ります。インストール: {INSTALL['espeak-ng']}")
    try:
        done = subprocess.run(  # noqa: S603  # the options are ours or checked, the text goes to standard input
            [program, *options],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpeechError(
            f"espeak-ng could not speak: {error}. Try a shorter text, or reinstall espeak-ng."
        ).in_japanese(
            f"espeak-ng が話せませんでした: {theirs(error)}。文章を短くするか、espeak-ng を入れ直してください"
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise SpeechError(
            f"espeak-ng {' '.join(options[:2])} failed ({done.returncode}): {said or 'no message'}. "
            "`espeak-ng --voices` lists its languages."
        ).in_japanese(
            f"espeak-ng {' '.join(options[:2])} が失敗しました（{done.returncode}）"
            f": {said or '理由は不明'}。言語の一覧は `espeak-ng --voices` で出ます"
        )
    return done.stdout
