"""What Whisper is never asked: what is empty, too short, too long, silent, or holds no voice."""

from __future__ import annotations

import numpy as np
import pytest

from tsumami.speech import Audio, gate

RATE = gate.RATE
TIME = np.arange(2 * RATE) / RATE


@pytest.mark.parametrize(
    ("seconds", "code"), [(0, "empty"), (0.1, "too_short"), (0.25, None), (60, None), (60.01, "too_long")]
)
def test_the_duration_alone_may_forbid_to_listen(seconds: float, code: str | None) -> None:
    reason = gate.too_short_or_long(Audio.silence(seconds, 1000), 60)
    assert (reason.code if reason else None) == code


@pytest.mark.parametrize(
    ("seconds", "ja", "en"),
    [
        (3600, "（1:00:00、上限 5:00）", "(1:00:00; the limit is 5:00)"),
        (301, "（5:01、上限 5:00）", "(5:01; the limit is 5:00)"),
        (None, "（上限 5:00）", "(the limit is 5:00)"),
    ],
)
def test_what_is_too_long_names_the_limit_and_its_length_if_known(seconds: float | None, ja: str, en: str) -> None:
    reason = gate.reason_too_long(seconds, 300)
    assert reason.code == "too_long"
    assert ja in reason.ja
    assert en in reason.en


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros(2 * RATE), "silence"),
        (np.full(2 * RATE, 0.5), "silence"),
        (np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE), "noise"),
        (0.3 * np.sin(2 * np.pi * 50 * TIME), "noise"),
    ],
    ids=["digital silence", "constant offset", "white noise", "mains hum"],
)
def test_without_a_voice_there_are_no_samples_but_a_reason(samples: np.ndarray, code: str) -> None:
    pytest.importorskip("faster_whisper", reason="the extra `speech` is not installed")
    found = gate.voiced(Audio.from_array(samples, RATE))
    assert found.reason is not None
    assert found.reason.code == code
    assert (found.seconds, len(found.samples)) == (0, 0)
