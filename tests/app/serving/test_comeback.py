"""A page that is open while the server starts anew says so and comes back: what it asks, and what it says."""

from __future__ import annotations

import json

import pytest

from tsumami.app.serving import comeback
from tsumami.app.words.texts import LANGUAGES, Language, Texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_script_has_the_words_of_its_page(language: Language) -> None:
    script, texts = comeback.script(Texts(language)), Texts(language)
    assert json.dumps(texts("page.gone"), ensure_ascii=False) in script
    assert texts("chat.go_on") in script
    assert "@" not in script


def test_a_server_has_a_name_that_no_cache_keeps() -> None:
    first, second = comeback.answer(), comeback.answer()
    assert first.body == second.body
    assert len(json.loads(bytes(first.body))["server"]) == 16
    assert first.headers["cache-control"] == "no-store"
