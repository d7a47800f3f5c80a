"""Only words are a refusal."""

from __future__ import annotations

import pytest
from storm.judge import of_answer, of_exit

TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: 1\n'


@pytest.mark.parametrize(
    ("code", "said", "verdict"),
    [
        (0, "", "passed"),
        (0, "12 tokens", "passed"),
        (2, "tsumami: top_k = -1: needs 0 or more", "refused"),
        (2, " \n", "crashed"),
        (0, TRACE, "crashed"),
        (2, TRACE, "crashed"),
        (130, "", "passed"),
        (1, "different", "passed"),
        (3, "?", "crashed"),
        (-6, "", "crashed"),
        (-9, "", "crashed"),
        (134, "GGML_ASSERT(n > 0) failed", "crashed"),
    ],
)
def test_the_end_of_a_command(code: int, said: str, verdict: str) -> None:
    assert of_exit(code, said).verdict == verdict


@pytest.mark.parametrize(
    ("status", "words", "error", "verdict"),
    [
        (200, '["The sky"]', False, "passed"),
        (200, "top_k = -1: needs 0 or more", True, "refused"),
        (200, "null", True, "crashed"),
        (422, '{"detail": "no data"}', False, "refused"),
        (413, "", False, "crashed"),
        (500, '{"detail": "Internal Server Error"}', False, "crashed"),
        (502, "", True, "crashed"),
    ],
)
def test_an_answer(status: int, words: str, error: bool, verdict: str) -> None:
    assert of_answer(status, words, error).verdict == verdict
