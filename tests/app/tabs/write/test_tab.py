"""The writing tab goes on with a text as it stands, with the chat's knobs, and keeps what it generates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tsumami.app.parts import knob_panel
from tsumami.app.tabs.write.tab import WriteTab
from tsumami.app.words.texts import LANGUAGES, Texts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.settings import Settings

HERE = ModelChoice("smollm2", EngineOptions(threads=1))
REQUEST = SimpleNamespace(client=SimpleNamespace(host="127.0.0.1"), headers={"host": "localhost"})
READER: Any = SimpleNamespace(session_hash="a", username=None, request=REQUEST)
WARM = Settings(max_tokens=6, seed=3, temperature=1.2)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    made = Shelf(HERE)
    yield made
    made.close()


def go(tab: WriteTab, before: str, settings: Settings = WARM, **more: Any) -> list[dict[str, Any]]:
    panel = knob_panel.contents(settings)
    event: Any = SimpleNamespace(_data={"number": 7, "before": before, **more})
    return list(tab.on_go(event, READER, HERE, True, panel))


def tokens(last: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(one) for one in last["tokens"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_goes_on_as_plain_completion_with_the_panels_knobs(shelf: Shelf, language: Any) -> None:
    *_, last = go(WriteTab(Texts(language), shelf), "Once upon a")
    with shelf.lend() as model:
        run = model.run("Once upon a", WARM)
    assert [one["id"] for one in tokens(last)] == list(run.tokens)
    assert "".join(one["text"] for one in tokens(last)) == run.text
    assert (last["number"], last["done"]) == (7, True)
    assert "temperature=1.2" in last["said"]
    assert "3" in last["said"]


def test_what_comes_only_ever_grows_and_says_what_could_have_stood_there(shelf: Shelf) -> None:
    shown = go(WriteTab(Texts("en"), shelf), "Once upon a", WARM.replace(max_tokens=40))
    counts = [len(one["tokens"]) for one in shown]
    assert counts == sorted(counts)
    assert all(before["tokens"] == shown[-1]["tokens"][: len(before["tokens"])] for before in shown)
    assert all(one["others"] and one["id"] not in [other["id"] for other in one["others"]] for one in tokens(shown[-1]))


def test_another_token_begins_what_comes_and_as_much_comes_after_it(shelf: Shelf) -> None:
    tab = WriteTab(Texts("en"), shelf)
    other = tokens(go(tab, "Once upon a")[-1])[0]["others"][0]["id"]
    last = tokens(go(tab, "Once upon a", begun=[other])[-1])
    assert last[0]["id"] == other
    assert len(last) == 1 + 6


@pytest.mark.parametrize("begun", [[-1], [10**9], ["x"], [1.5], [True]])
def test_what_is_no_token_of_the_model_is_said(shelf: Shelf, begun: list[Any]) -> None:
    with pytest.warns(UserWarning, match="candidate"):
        assert go(WriteTab(Texts("en"), shelf), "Once", begun=begun) == []


def test_what_cannot_be_gone_on_with_is_a_message(shelf: Shelf) -> None:
    with pytest.warns(UserWarning, match="context"):
        assert go(WriteTab(Texts("en"), shelf), "word " * 20_000) == []


def test_what_was_written_is_kept(shelf: Shelf, keeping: Keeping) -> None:
    go(WriteTab(Texts("en"), shelf, history=keeping), "Once upon a")
    store = keeping.store(READER)
    assert store is not None
    (entry,) = store.find()
    assert (entry.kind, entry.asked, entry.seed) == ("run", "Once upon a", 3)
