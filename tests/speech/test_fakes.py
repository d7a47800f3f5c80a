"""The fakes obey the protocols."""

from __future__ import annotations

import pytest

from tsumami.errors import SpeechError
from tsumami.speech import Heard, Listener, ScriptedListener, SilentSpeaker, Speaker


def test_the_fakes_obey_the_protocols() -> None:
    speaker, listener = SilentSpeaker(), ScriptedListener(["はい", "", Heard("yes", language="en")])
    assert isinstance(speaker, Speaker)
    assert isinstance(listener, Listener)
    audio = speaker.speak("十文字のテキスト")
    assert (audio.seconds, audio.peak, speaker.spoken) == (pytest.approx(0.8), 0, ["十文字のテキスト"])
    assert listener.listen(audio).text == "はい"
    silent = listener.listen(audio)
    assert (silent.text, silent.reason is None) == ("", False)
    assert listener.listen(audio).language == "en"
    assert len(listener.audios) == 3
    with pytest.raises(SpeechError, match="script of 3 answers is over"):
        listener.listen(audio)
