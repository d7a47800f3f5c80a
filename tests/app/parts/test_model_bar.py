"""The model that a browser has kept: taken up again if it is there, offered if it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tsumami.app.parts import model_bar
from tsumami.app.words.texts import Texts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions

OTHER = ModelChoice("smollm2", EngineOptions(n_ctx=512))


@pytest.fixture(scope="module")
def models() -> Iterator[Shelf]:
    """A shelf with the default alone."""
    found = Shelf(ModelChoice("smollm2", EngineOptions(n_ctx=2048, threads=1)))
    yield found
    found.close()


@pytest.mark.parametrize("choice", [ModelChoice(), OTHER, ModelChoice("a/b:c.gguf", EngineOptions(exact=False))])
def test_what_is_kept_is_the_choice(choice: ModelChoice) -> None:
    assert model_bar.kept_choice(Shelf(), model_bar.to_keep(choice)) == choice


@pytest.mark.parametrize("garbage", [None, {}, [], 3, "smollm2", {"name": ""}, {"name": 1, "n_ctx": 1, "fast": True}])
def test_garbage_is_no_choice_and_opens_the_default(models: Shelf, garbage: Any) -> None:
    assert model_bar.kept_choice(Shelf(), garbage) is None
    opened = model_bar.reopened(Texts("en"), models, garbage)
    assert (opened.choice, opened.name, opened.n_ctx, opened.fast) == (models.default, "smollm2", 2048, False)
    assert re.fullmatch(r"Model: smollm2 · 13\d M · English · Apache-2.0", opened.head["label"])


def test_a_model_that_is_loaded_is_taken_up_again(models: Shelf) -> None:
    with models.lend(OTHER):
        pass
    opened = model_bar.reopened(Texts("en"), models, model_bar.to_keep(OTHER))
    assert (opened.choice, opened.n_ctx) == (OTHER, 512)
    assert "n_ctx 512" in opened.line


@pytest.mark.parametrize(("language", "said"), [("ja", "いまは読み込まれていません"), ("en", "is not loaded now")])
def test_a_model_that_is_gone_is_named_and_stands_in_the_form(models: Shelf, language: Any, said: str) -> None:
    gone = ModelChoice("smollm2", EngineOptions(n_ctx=768))
    opened = model_bar.reopened(Texts(language), models, model_bar.to_keep(gone))
    assert said in opened.line
    assert (opened.choice, opened.name, opened.n_ctx) == (models.default, "smollm2", 768)
    assert not models.has(gone), "nobody waits for a model when opening a page"
