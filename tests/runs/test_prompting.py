"""A text that cannot fit is refused before its tokens are counted."""

from __future__ import annotations

import pytest

from tsumami.errors import PromptTooLongError
from tsumami.prompts import PromptText
from tsumami.runs.prompting import refuse_endless


def never() -> int:
    raise AssertionError("nobody need look for the longest token")


@pytest.mark.parametrize("given", ["a" * 101, PromptText("a" * 101, "raw", add_special=True)])
def test_a_text_that_cannot_fit_is_refused_with_the_reason(given: str | PromptText) -> None:
    with pytest.raises(PromptTooLongError, match=r"101 characters, .* more than 10 tokens: .* than 10 bytes.* 10;"):
        refuse_endless(given, 10, lambda: 10)


def test_what_may_fit_is_not_looked_at_further() -> None:
    refuse_endless("a" * 100, 10, lambda: 10)
    refuse_endless("a" * 80, 10, never)
    refuse_endless([1] * 1000, 10, never)
