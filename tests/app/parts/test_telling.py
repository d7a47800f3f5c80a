"""What a user can cause is told in their language and leaves the page as it is; our own faults go through."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from tsumami.app.parts.telling import told
from tsumami.app.words.texts import LANGUAGES, Language, PageProblem, Texts, Word
from tsumami.errors import ModelNotFoundError
from tsumami.knobs import KNOBS


class Tab:
    """A tab with handlers that fail."""

    def __init__(self, language: Language) -> None:
        self.texts = Texts(language)

    @told()
    def on_press(self, request: gr.Request, error: Exception) -> Any:
        """A handler that answers at once."""
        raise error

    @told(None)
    def on_file(self, error: Exception) -> Any:
        """A handler that gives a file; without one, the one before would be given again."""
        raise error

    @told()
    def on_grow(self, error: Exception) -> Iterator[Any]:
        """A handler that has shown something before it fails."""
        yield "shown"
        raise error


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    return said


def test_the_page_stays_as_it_is_and_says_why(warnings: list[str]) -> None:
    tab, request = Tab("en"), gr.Request(session_hash="a")
    assert tab.on_press(request, ModelNotFoundError("nowhere")) == gr.skip()
    assert tab.on_file(ModelNotFoundError("nowhere")) is None
    assert list(tab.on_grow(ModelNotFoundError("nowhere"))) == ["shown", gr.skip()]
    assert warnings == ["No such model. nowhere"] * 3


def test_our_own_faults_go_through(warnings: list[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        Tab("en").on_file(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        list(Tab("en").on_grow(ZeroDivisionError()))
    assert warnings == []


def test_gradio_still_sees_what_a_handler_takes_and_that_it_grows() -> None:
    assert list(inspect.signature(Tab.on_press).parameters) == ["self", "request", "error"]
    assert inspect.isgeneratorfunction(Tab.on_grow)
    assert not inspect.isgeneratorfunction(Tab.on_press)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_page_refuses_is_its_own_sentence_in_the_readers_language(
    language: Language, warnings: list[str]
) -> None:
    texts, knob = Texts(language), KNOBS["top_p"]
    Tab(language).on_file(PageProblem("grid.whole", name=Word("map.tokens"), value=Word("grid.empty"), least=1, most=9))
    Tab(language).on_file(PageProblem("grid.bad_values", knob="top_p", typed="x", allowed=knob, offered="1", detail=""))
    Tab(language).on_file(PageProblem("grid.twice", knob=lambda given: given.pick("つまみ", "knob")))
    assert warnings[0] == texts("grid.whole", name=texts("map.tokens"), value=texts("grid.empty"), least=1, most=9)
    assert texts.allowed(knob) in warnings[1]
    assert warnings[2] == texts("grid.twice", knob=texts.pick("つまみ", "knob"))
    refused = texts("error.SettingsError", detail="").strip()
    assert not any(refused in said for said in warnings)
