"""What listeners hand over: reasons in two languages, and how far loading has come."""

from __future__ import annotations

import pytest

from tsumami.speech import Loading, Reason, ScriptedListener, WhisperListener
from tsumami.speech.protocols import Listener


@pytest.mark.parametrize(("language", "said"), [("ja", "はい"), ("ja-JP", "はい"), ("en", "yes"), ("de", "yes")])
def test_a_reason_speaks_japanese_to_japanese_and_english_to_all_others(language: str, said: str) -> None:
    assert Reason("empty", "はい", "yes").text(language) == said


@pytest.mark.parametrize(
    ("loading", "fraction"),
    [
        (Loading("download", 1, 4), 0.25),
        (Loading("download", 9, 4), 1.0),
        (Loading("join", 5, None), None),
        (Loading("load", 0, 1), 0.0),
    ],
)
def test_a_fraction_is_known_where_the_total_is(loading: Loading, fraction: float | None) -> None:
    assert loading.fraction == fraction


@pytest.mark.parametrize("listener", [ScriptedListener([]), WhisperListener()], ids=["scripted", "whisper"])
def test_every_listener_takes_its_wishes_with_the_call(listener: Listener) -> None:
    assert isinstance(listener, Listener)
    assert list(listener.listen.__annotations__) == ["audio", "language", "on_loading", "stopped", "return"]
