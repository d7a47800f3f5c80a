"""The history tab's handlers, called as Gradio calls them: each reader's own, marked, opened and taken out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.worlds import PROMPT, world

from tsumami.app.parts import telling
from tsumami.app.tabs.history import tab as history_tab
from tsumami.app.tabs.history.tab import HistoryTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.keeping import Keeping
from tsumami.history import ChatTurn, History

WORLD = world()
EN = Texts("en")


class Shelf:
    """It has one model."""

    @contextmanager
    def lend(self, _choice: object, **_: object) -> Iterator[Any]:
        yield SimpleNamespace(
            n_ctx=512, model_card=WORLD.model_card, replayer=WORLD.replayer, tokenizer=WORLD.tokenizer
        )


class Microscope:
    """It notes what it is to open."""

    def __init__(self) -> None:
        self.opened: list[Any] = []

    def recall(self, _request: object, _choice: object, run: Any, _key: str) -> bool:
        self.opened.append(run)
        return True


def reader(user: str | None = None, address: str = "127.0.0.1") -> Any:
    request = SimpleNamespace(client=SimpleNamespace(host=address), headers={"host": "localhost"})
    return SimpleNamespace(request=request, username=user, session_hash="s")


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[HistoryTab]:
    keeping = Keeping(path=tmp_path / "h.sqlite")
    shelf: Any = Shelf()
    microscope: Any = Microscope()
    yield HistoryTab(EN, shelf, microscope, keeping)
    keeping.close()


@pytest.fixture
def store(tab: HistoryTab) -> History:
    found = tab.history.store(reader())
    assert found is not None
    return found


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(telling.gr, "Warning", lambda text, **_: said.append(text))
    monkeypatch.setattr(telling.gr, "Info", said.append)
    return said


def find(tab: HistoryTab, query: str = "", who: Any = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tab.on_find(event(query=query, page=0, **more), who or reader()))
    return found


def keys(found: dict[str, Any]) -> list[str]:
    return [card["key"] for card in found["cards"]]


def test_pages_hold_fifty_and_the_last_one_stays_the_last(tab: HistoryTab, store: History) -> None:
    run = WORLD.run(PROMPT, seed=1, max_tokens=2)
    kept = [store.add(run, tags=["poem"]).key for _ in range(52)]
    first = find(tab, first=True)
    assert (keys(first), first["pages"]) == (kept[:1:-1], 2)
    assert first["terms"] == ["model:noise", "tag:poem"]
    for page in (1, 7):
        found = json.loads(tab.on_find(event(query="", page=page), reader()))
        assert (keys(found), found["page"], found["line"]) == (kept[1::-1], 1, "51 to 52 of 52, newest first")
    assert find(tab, "kind:map")["line"] == "Nothing was found."


def test_a_card_says_what_differs_and_a_look_shows_the_branches(tab: HistoryTab, store: History) -> None:
    root = store.add(WORLD.run(PROMPT, seed=1, max_tokens=3, temperature=1.5), kind="chat", turn=ChatTurn("a\nb"))
    leaf = store.add(WORLD.run(PROMPT, seed=2, max_tokens=3), kind="chat", parent=root.key, turn=ChatTurn("c"))
    (_, card) = find(tab)["cards"]
    assert (card["knobs"], card["asked"], card["kind"]) == ("max_tokens=3, temperature=1.5", "a", "Chat")
    look = tab.on_look(event(key=root.key), reader())["news"]["look"]
    assert (look["prompt"], look["text"]) == ("a\nb", store.get(root.key).reply.content)
    assert [(one["key"], one["parent"]) for one in look["tree"]] == [(root.key, None), (leaf.key, root.key)]


def test_marks_are_put_on_and_taken_off(tab: HistoryTab, store: History) -> None:
    key = store.add(WORLD.run(PROMPT, seed=1, max_tokens=2)).key
    marks = (("star", True), ("tag", "詩 よい"), ("untag", "よい"), ("name", " 題 "))
    for what, value in marks:
        card = tab.on_mark(event(key=key, what=what, value=value), reader())["news"]["card"]
    assert (card["starred"], card["tags"], card["title"]) == (True, ["詩"], "題")
    assert tab.on_forget(event(key=key), reader())["news"]["gone"] == key
    assert keys(find(tab)) == []


def test_a_run_is_opened_and_two_are_explained(tab: HistoryTab, store: History, told: list[str]) -> None:
    runs = [WORLD.run(PROMPT, seed=1, max_tokens=6, temperature=t) for t in (0.0, 3.0)]
    a, b = (store.add(run).key for run in runs)
    choice: Any = None
    assert tab.on_inside(event(key=a), reader(), choice).selected == "microscope"
    assert tab.microscope.opened[0].tokens == runs[0].tokens  # type: ignore[attr-defined]
    assert "temperature" in tab.on_beside(event(keys=[a, b]), reader(), choice)
    served = store.add(runs[0], kind="serve").key  # whatever asked for it, a run is one
    assert "A · " in tab.on_beside(event(keys=[b, served]), reader(), choice)
    path = tab.on_file(event(key=a), reader())
    assert json.loads(Path(path).read_text("utf-8"))["text"] == runs[0].text
    tab.on_beside(event(keys=[a]), reader(), choice)
    assert told == ["Two texts or more can be seen beside each other."]


def test_settings_and_conversations_go_back_into_the_chat(tab: HistoryTab, store: History, told: list[str]) -> None:
    run = WORLD.run(PROMPT, seed=1, max_tokens=3)
    key = store.add(run, kind="chat", turn=ChatTurn("hello")).key
    choice: Any = None
    to, stored, brought = tab.on_go_on(event(key=key), reader(), choice)
    assert (to.selected, stored["exchanges"][0]["user"], brought.kind) == ("chat", "hello", "chat")
    assert tab.on_go_on(event(key=key), reader(), choice)[2] != brought
    mapped = store.add_result("{}", "map", run.receipt).key
    to, _, brought = tab.on_go_on(event(key=mapped), reader(), choice)
    assert (to.selected, brought.kind, brought.key) == ("map", "map", mapped)
    assert tab.on_apply(event(key=key), reader(), choice)[0].selected == "chat"
    assert told == []


def test_a_search_that_does_not_fit_says_where(tab: HistoryTab) -> None:
    found = find(tab, "a temprature>1")
    assert found["problem"].endswith("(here: a ▸temprature>1)")
    assert found["query"] == "a temprature>1"


def test_nobody_sees_or_touches_what_is_anothers(tab: HistoryTab, store: History, told: list[str]) -> None:
    key = store.add(WORLD.run(PROMPT, seed=1, max_tokens=2), tags=["mine"]).key
    ann, elsewhere, choice = reader("ann"), reader(address="192.0.2.1"), None
    assert keys(find(tab, who=ann)) == []
    assert "Nothing that is made from here" in find(tab, who=elsewhere)["off"]
    for who in (ann, elsewhere):
        for act in (tab.on_look, tab.on_forget, tab.on_file):
            act(event(key=key), who)
        tab.on_mark(event(key=key, what="star", value=True), who)
        tab.on_beside(event(keys=[key, key]), who, choice)  # type: ignore[arg-type]
    assert len(told) == 10
    assert not store.entry(key).starred


def test_a_history_that_cannot_be_opened_is_said_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken: Any = HistoryTab(EN, None, None, Keeping(path=tmp_path / "file" / "h.sqlite"))  # type: ignore[arg-type]
    assert find(broken)["off"].startswith("The history cannot be used.")


def test_the_words_of_the_tab_are_all_there() -> None:
    for language in ("ja", "en"):
        texts = Texts(language)  # type: ignore[arg-type]
        assert json.loads(history_tab.history_view.words(texts))["terms"]
        assert "${" not in history_tab.history_view.skeleton(texts)
