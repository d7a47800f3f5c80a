"""The model that a browser has kept: taken up again if it is there, offered if it is not."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastapi
import gradio as gr
import pytest
from tests.support.gguf_writer import model, text
from tests.support.scripted_server import ScriptedServer

from tsumami.app.parts import model_bar
from tsumami.app.words.texts import Texts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.models import catalogue
from tsumami.models.folders import VARIABLE


def asking_from(address: str) -> Any:
    """A press of a button on a page that was opened at this address."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"host", b"127.0.0.1")],
        "client": (address, 1),
    }
    return SimpleNamespace(session_hash="a", request=fastapi.Request(scope))


OTHER = ModelChoice("smollm2", EngineOptions(n_ctx=512))


@pytest.fixture(scope="module")
def models() -> Iterator[Shelf]:
    """A shelf with the default alone."""
    found = Shelf(ModelChoice("smollm2", EngineOptions(n_ctx=2048, threads=1)))
    yield found
    found.close()


@pytest.mark.parametrize("choice", [ModelChoice(), OTHER, ModelChoice("a/b:c.gguf", EngineOptions(exact=False))])
def test_what_is_kept_is_the_choice(choice: ModelChoice) -> None:
    assert model_bar.kept_choice(Shelf(), model_bar.to_keep(Shelf(), choice)) == choice


@pytest.mark.parametrize("garbage", [None, {}, [], 3, "smollm2", {"name": ""}, {"name": 1, "n_ctx": 1, "fast": True}])
def test_garbage_is_no_choice_and_opens_the_default(models: Shelf, garbage: Any) -> None:
    assert model_bar.kept_choice(Shelf(), garbage) is None
    opened = model_bar.reopened(Texts("en"), models, garbage)
    assert (opened.choice, opened.name["value"], opened.n_ctx, opened.fast) == (models.default, "smollm2", 2048, False)
    assert re.fullmatch(r"Model: smollm2 · 13\d M · English · Apache-2.0", opened.head["label"])


def test_a_model_that_is_loaded_is_taken_up_again(models: Shelf) -> None:
    with models.lend(OTHER):
        pass
    opened = model_bar.reopened(Texts("en"), models, model_bar.to_keep(models, OTHER))
    assert (opened.choice, opened.n_ctx) == (OTHER, 512)
    assert "n_ctx 512" in opened.line


@pytest.mark.parametrize(("language", "said"), [("ja", "いまは読み込まれていません"), ("en", "is not loaded now")])
def test_a_model_that_is_gone_is_named_and_stands_in_the_form(models: Shelf, language: Any, said: str) -> None:
    gone = ModelChoice("smollm2", EngineOptions(n_ctx=768))
    opened = model_bar.reopened(Texts(language), models, model_bar.to_keep(models, gone))
    assert said in opened.line
    assert (opened.choice, opened.name["value"], opened.n_ctx) == (models.default, "smollm2", 768)
    assert not models.has(gone), "nobody waits for a model when opening a page"


def test_where_an_engine_elsewhere_is_stands_nowhere_on_the_page() -> None:
    """Everybody sees what kind it is, and may have it by that name; its address is its owner's."""
    with ScriptedServer() as server:
        shelf = Shelf(ModelChoice(server.name, EngineOptions(n_probs=100)))
        with contextlib.closing(shelf):
            assert shelf.shown_default == "llama-server"
            opened = model_bar.reopened(
                Texts("en"), shelf, {"name": "llama-server", "n_ctx": None, "fast": False}, home=False
            )
            assert opened.choice == shelf.default
            assert (opened.name["value"], opened.n_ctx, opened.fast) == ("llama-server", 0, False)
            assert opened.head["label"].startswith("Model: llama-server · ")
            kept = model_bar.to_keep(shelf, shelf.default)
            assert model_bar.kept_choice(shelf, kept) == shelf.default
            shown = repr((opened, kept))
            assert str(server.port) not in shown.replace(repr(opened.choice), "")
            loaded = model_bar.load_model(Texts("en"), shelf, "llama-server", None, False, lambda *_, **__: None)
            assert loaded.choice == shelf.default
            assert str(server.port) not in repr((loaded.head, loaded.line))


@pytest.mark.parametrize("address", ["203.0.113.5", "127.0.0.1"])
def test_by_its_alias_anybody_may_load_the_servers_own_model_and_by_its_address_only_its_owner(address: str) -> None:
    with ScriptedServer() as server, contextlib.closing(Shelf(ModelChoice(server.name))) as shelf:
        loading = model_bar.ModelLoading(Texts("en"), shelf)
        for name, works in (("llama-server", True), (server.name, address == "127.0.0.1")):
            with (
                contextlib.nullcontext()
                if works
                else pytest.warns(UserWarning, match="can be named only at the machine")
            ):
                (news,) = loading.on_load_model(name, None, False, asking_from(address), lambda *_, **__: None)
            assert (news.choice == shelf.default) == works
            assert str(server.port) not in repr((news.head, news.line, news.store, news.offer))


@pytest.mark.parametrize(("language", "said"), [("ja", "英語"), ("en", "English")])
def test_what_can_be_chosen_says_what_it_is_and_no_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: Any, said: str
) -> None:
    (tmp_path / "mine.gguf").write_bytes(model(text("general.license", "mit")))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    found = {name: label for label, name in model_bar.chooser(Texts(language))}
    assert found["smollm2"].endswith(f"98 MB · llama · Q4_1 · {said} · Apache-2.0")
    assert found["mine.gguf"].endswith("0 MB · llama · mit")
    assert str(tmp_path) not in str(found)


def test_the_list_is_that_of_now_whenever_a_page_is_opened(
    models: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert "mine.gguf" not in str(model_bar.reopened(Texts("en"), models, None).name["choices"])
    (tmp_path / "mine.gguf").write_bytes(model())
    assert "mine.gguf" in str(model_bar.reopened(Texts("en"), models, None, home=False).name["choices"])


@pytest.mark.parametrize(("name", "loads"), [("smollm2", True), ("gpt2", False), ("nothing of the list", False)])
def test_what_is_picked_is_loaded_if_it_is_here_and_nothing_is_fetched(
    models: Shelf, monkeypatch: pytest.MonkeyPatch, name: str, loads: bool
) -> None:
    loaded: list[str] = []

    def load(_self: object, name: str, *_rest: object) -> Iterator[model_bar.LoadNews]:
        loaded.append(name)
        yield model_bar.LoadNews()

    monkeypatch.setattr(model_bar.ModelLoading, "on_load_model", load)
    monkeypatch.setattr(model_bar, "catalogue", lambda: [one for one in catalogue() if one.name in ("smollm2", "gpt2")])
    bar = model_bar.ModelLoading(Texts("en"), models)
    assert list(bar.on_pick(name, None, False, gr.Request())) == [model_bar.LoadNews()]
    assert loaded == [name] * loads
