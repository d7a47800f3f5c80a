"""What the tabs make goes into the history, also where nobody waits for its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tsumami.app.parts.desk import Brought
from tsumami.app.tabs.compare.tab import CompareTab
from tsumami.app.tabs.grid.tab import GridTab
from tsumami.app.tabs.map.tab import MapTab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.explore.grids import Grid
from tsumami.explore.maps import KnobMap
from tsumami.history import ChatTurn, History, talk

EN = Texts("en")
HERE = ModelChoice("smollm2", EngineOptions(threads=1))
REQUEST = SimpleNamespace(client=SimpleNamespace(host="127.0.0.1"), headers={"host": "localhost"})
READER: Any = SimpleNamespace(session_hash="a", username=None, request=REQUEST)
AS_CHAT = ("chat", "auto", "", True)


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    made = Shelf(HERE)
    yield made
    made.close()


def kept(keeping: Keeping) -> History:
    store = keeping.store(READER)
    assert store is not None
    return store


@pytest.mark.parametrize("left", [False, True], ids=["to the end", "left"])
def test_lanes_maps_and_grids_are_kept(shelf: Shelf, keeping: Keeping, left: bool) -> None:
    most, microscope = 300 if left else 3, MicroscopeTab(EN, shelf)
    compare = CompareTab(EN, shelf, history=keeping)
    knob_map = MapTab(EN, shelf, microscope, history=keeping)
    grid = GridTab(EN, shelf, microscope, 2048, history=keeping)
    made = (
        compare.on_compare(READER, HERE, "Once", *AS_CHAT, False, 1, most, "top_k=1\ntop_k=40", None),
        knob_map.on_map(READER, HERE, most, 2, "Once", *AS_CHAT, False, 0, "temperature", 0.5, 0.6, None),
        grid.on_grid(READER, HERE, "Once", *AS_CHAT, False, "top_k", "1,40", "", "", 0, 1, most, None),
    )
    for growing in made:
        with closing(growing):  # type: ignore[type-var]  # a generator
            for _ in growing:
                if left:
                    break
    store = kept(keeping)
    assert store.stats()["kinds"] == {"compare": 2, "grid": 1, "map": 1}
    assert isinstance(KnobMap.from_json(store.result(store.find("kind:map")[0].key)), KnobMap)
    assert isinstance(Grid.from_json(store.result(store.find("kind:grid")[0].key)), Grid)
    assert {store.get(entry.key).stop_reason for entry in store.find("kind:compare")} == {
        "cancelled" if left else "length"
    }
    store.verify()

    # and open again for another reader, with nothing made anew
    other: Any = SimpleNamespace(session_hash="b", username=None, request=REQUEST)
    for tab in (knob_map, grid):
        (entry,) = store.find(f"kind:{tab.name}")
        assert tab.found_by(other) is None
        assert json.loads(tab.on_brought(other, Brought(tab.name, entry.key, 1), HERE))
        found = tab.found_by(other)
        assert found is not None
        assert json.loads(found.to_json()) == json.loads(store.result(entry.key))
        assert tab.on_brought(other, Brought("chat", entry.key, 2), HERE) == gr.skip()
    if not left:
        deeper = list(knob_map.on_deeper(other, 5, 2))
        assert deeper[-1][0] == 5
        assert store.count("kind:map") == 2


def test_a_run_of_the_history_is_opened_by_its_id_and_computed_again(shelf: Shelf, keeping: Keeping) -> None:
    store, microscope = kept(keeping), MicroscopeTab(EN, shelf, history=keeping)
    with shelf.lend() as model:
        stopped = model.stream("Once", seed=1, max_tokens=40)
        next(iter(stopped))
        stopped.cancel()
        keys = [store.add(run).key for run in (model.run("Once", seed=1, max_tokens=4), stopped.run)]
    for key in keys:
        event: Any = SimpleNamespace(to=key)
        assert microscope.on_inside(event, READER, HERE, None).selected == "microscope"
        seen = microscope._seen.get("a")
        assert seen is not None
        assert (seen.opened.sound, seen.opened.notes) == (None, ())
        assert seen.run.steps[0].alternatives


def test_a_branch_of_the_microscope_is_a_child_of_its_run(shelf: Shelf, keeping: Keeping) -> None:
    store, microscope = kept(keeping), MicroscopeTab(EN, shelf, history=keeping)
    with shelf.lend() as model:
        run = model.run("Once", seed=1, max_tokens=4)
    root = store.add(run, kind="chat", turn=ChatTurn("hello")).key
    event: Any = SimpleNamespace(to=root)
    microscope.on_inside(event, READER, HERE, None)
    for number in (5, 6):
        list(microscope.on_branch(READER, HERE, f"#{number}", False, "final", None))
    first, second = store.tree(root)[1:]
    assert (first.parent, second.parent) == (root, first.key)
    assert store.get(first.key).tokens[0] == 5
    (said,) = talk(store, second.key).exchanges
    assert (said.user, said.tokens and said.tokens[0]) == ("hello", 6)
