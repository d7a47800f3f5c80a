"""What says that work is going on knows every event of the page, and its button reaches every tab."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tsumami.app import page
from tsumami.app.parts import busy
from tsumami.app.words.texts import Language, Texts
from tsumami.app.work.common import Common
from tsumami.app.work.shelf import ModelChoice, Shelf


def built(make: Any) -> Any:
    """What is made where Gradio finds a loop."""

    async def build() -> Any:
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, build()).result()


def test_only_what_nobody_asked_for_is_worked_out_in_silence() -> None:
    blocks: gr.Blocks = built(lambda: page.build(Texts("en"), Common(Shelf(ModelChoice("smollm2"))), 2048))
    silent = {
        frozenset(getattr(part, "elem_id", None) for part in event.outputs)
        for event in blocks.fns.values()
        if event.outputs
        and event.fn is not None
        and all(getattr(part, "elem_id", None) in busy.QUIET for part in event.outputs)
    }
    assert silent == {frozenset({name}) for name in busy.QUIET}, "each is there, and each is filled by itself"


def test_stopping_reaches_every_tab() -> None:
    stopped: list[tuple[int, str]] = []

    def lay_out() -> gr.Blocks:
        with gr.Blocks() as blocks:
            busy.build(Texts("en"), [lambda session, at=at: stopped.append((at, session)) for at in range(3)])  # type: ignore[misc]
        return blocks

    (event,) = built(lay_out).fns.values()
    event.fn(SimpleNamespace(session_hash="mine"))
    assert stopped == [(0, "mine"), (1, "mine"), (2, "mine")]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_script_has_the_words_of_the_page(language: Language) -> None:
    made, texts = busy.script(Texts(language)), Texts(language)
    assert "@" not in made
    assert f"'{texts('busy.working')}'" in made
    assert "'far,context'.split" in made
