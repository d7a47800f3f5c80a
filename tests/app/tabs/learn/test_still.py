"""The course as one page: real results, and nothing that a network or a script would have to bring."""

from __future__ import annotations

import re

import pytest

from tsumami import course
from tsumami.app.tabs.learn.still import still_page, still_parts
from tsumami.course import PARTS, PROMPT, STRATEGIES, Words, run_strategy
from tsumami.model import Model
from tsumami.wording import LANGUAGES, Language

PARAMETERS = 576 * (49_152 + 1) + 2 * (2 * 576 * (576 + 192 + 1) + 3 * 576 * 1536)
"""Of the little model: its table of tokens and last norm; in each layer attention, two norms and three matrices."""
FROM_ELSEWHERE = re.compile(r"<script|<link|<iframe|@import|url\(|\ssrc=|\shref=\"(?!#)", re.IGNORECASE)


@pytest.mark.slow
def test_the_page_holds_real_results_and_needs_no_network(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "NEW_TOKENS", (2, 4))
    monkeypatch.setattr(course, "PROMPT_LENGTHS", (8, 16))
    monkeypatch.setitem(course.STRATEGIES["contrastive"], "top_k", 4)  # type: ignore[arg-type]  # read-only for others
    words = Words("ja")
    page = still_page(list(still_parts(model, words)), words)
    assert FROM_ELSEWHERE.findall(page) == []
    assert all(words(f"{part}.title") in page for part in (*PARTS, "summary"))
    assert "49,152" in page
    assert f"{PARAMETERS:,}" in page
    for name in ("greedy", "low_temperature"):
        first = run_strategy(model, PROMPT, name, max_tokens=1).steps[0]
        assert f"id {first.id} " in page
    assert page.count("tsu-token") > len(STRATEGIES) * 30
    assert page.count("<svg") >= 4
    assert page.count("<details open>") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_it_is_in_its_language(language: Language) -> None:
    words = Words(language)
    page = still_page(["<section>1</section>", "<section>2</section>"], words)
    assert f'<html lang="{language}">' in page
    assert f"<title>{words('title')}</title>" in page
    assert "**" not in page
    assert page.index("<section>1") < page.index("<section>2")
    assert FROM_ELSEWHERE.findall(page) == []
