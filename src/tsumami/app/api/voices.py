"""The endpoints that hear and speak."""

from __future__ import annotations

from typing import Any, Final

from gradio.data_classes import FileData

from tsumami.app.api.declaring import uploaded
from tsumami.app.api.service import Service
from tsumami.app.work.listening import SIZES
from tsumami.app.work.own_folder import hand_out
from tsumami.errors import SpeechError
from tsumami.speech import Audio, Heard, Sentences, speakable, speaker_for

_PAUSE: Final = 0.2  # seconds of silence between two sentences


def transcribe(service: Service, audio: FileData, language: str | None = "ja", size: str = "base") -> dict[str, Any]:
    """The words in a recording. Silence and noise give an empty text and a reason, not a made-up sentence.

    Returns:
        `text`, `reason` if it is empty, `language`, `confidence` (0 to 1) and `seconds`
    """
    if size not in SIZES:
        raise SpeechError(f"there is no size {size[:40]!r}; accepted are {', '.join(SIZES)}").in_japanese(
            f"{size[:40]!r} という大きさはありません。使えるのは {', '.join(SIZES)} です"
        )
    news = service.ears.hear(uploaded(audio), size, language or "auto")
    service.begin(news)
    heard = next(item for item in news if isinstance(item, Heard))  # before it: how far loading is
    reason = heard.reason.text(service.texts.language) if heard.reason else None
    return {
        "text": heard.text,
        "reason": reason,
        "language": heard.language,
        "confidence": heard.confidence,
        "seconds": heard.seconds,
    }


def speak(text: str, language: str | None = None, voice: str | None = None, speed: float = 1.0) -> FileData:
    """Read a text aloud: Markdown, code and emoji are not read out as symbols.

    Returns:
        a WAV file
    """
    sentences = Sentences()
    said = [speakable(sentence) for sentence in (*sentences.feed(text), sentences.flush())]
    speaker = speaker_for(language, voice, text=text, speed=speed)
    parts = [speaker.speak(sentence) for sentence in said if sentence.strip()]
    if not any(len(part.samples) for part in parts):  # a sign alone has no sound, either
        raise SpeechError("there is nothing to say: the text has no words").in_japanese(
            "話すことがありません。文章に言葉がありません"
        )
    wav = Audio.joined(parts, pause=_PAUSE).to_wav()
    return FileData(path=hand_out("speech.wav", wav), mime_type="audio/wav")
