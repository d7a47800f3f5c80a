"""The grid tab's handlers, called as Gradio calls them: whoever leaves or begins anew leaves no work behind."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tsumami.app.tabs.grid.tab import GridTab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions

HERE = ModelChoice("smollm2", EngineOptions(threads=1))
ENDLESS = ("max_tokens", "2,4000", "", "", 0, 2, 8)
SHORT = ("top_k", "1,40", "", "", 0, 2, 3)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    made = Shelf(HERE)
    with made.lend():
        yield made


@pytest.fixture
def tab(shelf: Shelf) -> GridTab:
    texts = Texts("en")
    return GridTab(texts, shelf, MicroscopeTab(texts, shelf), 2048)


def reader(name: str) -> Any:
    return SimpleNamespace(session_hash=name)


def growing(tab: GridTab, request: Any, wishes: tuple[Any, ...]) -> Iterator[Any]:
    return tab.on_grid(request, HERE, "Once upon a time", "raw", "auto", "", True, False, *wishes, {"ignore_eos": True})


def finished(drawn: str) -> list[bool]:
    return [cell[1] for cell in json.loads(drawn)["cells"]]


def test_who_closes_the_page_ends_the_grid_and_it_is_forgotten(tab: GridTab) -> None:
    made = growing(tab, reader("a"), ENDLESS)
    next(made)
    tab.on_gone(reader("a"))
    last = list(made)[-1]
    assert finished(last)[2:] == [False, False]
    assert tab.on_file(SimpleNamespace(kind="csv"), reader("a")) is None


def test_stopping_keeps_what_there_is_and_does_not_touch_anothers_grid(tab: GridTab) -> None:
    one, other = growing(tab, reader("a"), ENDLESS), growing(tab, reader("b"), SHORT)
    next(one)
    tab.on_stop(reader("b"))
    assert finished(list(other)[-1]) == [True] * 4
    tab.on_stop(reader("a"))
    assert len(finished(list(one)[-1])) == 4


@pytest.mark.parametrize("leave", ["on_stop", "on_gone"])
def test_who_stops_while_the_model_still_loads_gets_no_grid(
    tab: GridTab, monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    lend = tab.shelf.lend

    @contextmanager
    def slowly(choice: ModelChoice, **_: Any) -> Iterator[Any]:
        getattr(tab, leave)(reader("a"))
        with lend(choice) as model:
            yield model

    monkeypatch.setattr(tab.shelf, "lend", slowly)
    assert list(growing(tab, reader("a"), ENDLESS)) == []
    monkeypatch.undo()
    assert finished(list(growing(tab, reader("a"), SHORT))[-1]) == [True] * 4


def test_a_new_grid_ends_the_one_before_which_paints_nothing_more(tab: GridTab) -> None:
    before, drawn = growing(tab, reader("a"), ENDLESS), list[Any]()
    drawn.append(next(before))
    thread = threading.Thread(target=drawn.extend, args=(before,))
    thread.start()
    last = json.loads(list(growing(tab, reader("a"), SHORT))[-1])
    thread.join(20)
    assert not thread.is_alive()
    assert last["knobs"] == ["top_k"]
    assert last["ended"]
    assert not any(json.loads(one)["ended"] for one in drawn)


def test_of_two_that_were_begun_at_once_one_goes_on(tab: GridTab) -> None:
    pressed, over, news = threading.Barrier(2), threading.Semaphore(0), threading.Event()
    ends: list[Any] = []

    def press() -> None:
        pressed.wait()
        drawn = []
        for one in growing(tab, reader("a"), ENDLESS):
            drawn.append(one)
            news.set()
        ends.append(drawn)
        over.release()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert over.acquire(timeout=60), "one has ended"
    news.clear()
    assert news.wait(60), "the other goes on"
    assert len(ends) == 1
    tab.on_stop(reader("a"))
    assert over.acquire(timeout=60)
    assert json.loads(ends[-1][-1])["ended"]


def test_the_chosen_cell_is_the_one_that_the_file_and_the_page_compare_with(tab: GridTab) -> None:
    list(growing(tab, reader("a"), SHORT))
    drawn = json.loads(tab.on_choose(SimpleNamespace(cell=3), reader("a")))
    assert drawn["values"]["shared"][3][1] == "3"
    with Path(tab.on_file(SimpleNamespace(kind="csv"), reader("a"))).open(encoding="utf-8", newline="") as file:
        rows = [row["shared_prefix"] for row in csv.DictReader(file)]
    assert rows == [square[1] for square in drawn["values"]["shared"]]
