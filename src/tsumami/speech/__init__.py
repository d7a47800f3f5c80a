"""Listening and speaking, behind two small protocols.

Guarantee: importing this package costs NumPy and nothing else; soxr, faster-whisper, OpenJTalk and Kokoro are imported
when they are first used, and say how to be installed when they are missing. Nothing here knows of models of text,
sampling or runs.

    heard = WhisperListener("base").listen(Audio.from_array(samples, rate))     # heard.text, or heard.reason
    sound = read_recording("said.webm", most_seconds=300).audio                 # or None, with a reason
    for sentence in sentences.feed(chunk):                                      # sentences = Sentences()
        sound = speaker_for(text=sentence).speak(speakable(sentence))
"""

from __future__ import annotations

from tsumami.speech.audio import Audio
from tsumami.speech.availability import Extra, extras
from tsumami.speech.espeak import ESpeakSpeaker
from tsumami.speech.fakes import ScriptedListener, SilentSpeaker
from tsumami.speech.kokoro import KokoroSpeaker
from tsumami.speech.openjtalk import OpenJTalkSpeaker
from tsumami.speech.protocols import Heard, Listener, Loading, OnLoading, Reason, Speaker
from tsumami.speech.recording import Recording, read_recording
from tsumami.speech.sentences import Sentences
from tsumami.speech.speakable import speakable
from tsumami.speech.voices import Voice, speaker_for, voices
from tsumami.speech.whisper import WhisperListener
from tsumami.speech.whisper_models import whisper_folder, whisper_sizes
from tsumami.speech.writing import has_japanese

__all__ = [
    "Audio",
    "ESpeakSpeaker",
    "Extra",
    "Heard",
    "KokoroSpeaker",
    "Listener",
    "Loading",
    "OnLoading",
    "OpenJTalkSpeaker",
    "Reason",
    "Recording",
    "ScriptedListener",
    "Sentences",
    "SilentSpeaker",
    "Speaker",
    "Voice",
    "WhisperListener",
    "extras",
    "has_japanese",
    "read_recording",
    "speakable",
    "speaker_for",
    "voices",
    "whisper_folder",
    "whisper_sizes",
]
