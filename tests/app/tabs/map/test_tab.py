"""The map tab's handlers, called as Gradio calls them: numbers that cannot be are named in the page's language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tsumami.app.tabs.map import tab as map_tab
from tsumami.app.tabs.map.tab import MapTab
from tsumami.app.tabs.microscope.tab import MicroscopeTab
from tsumami.app.words.texts import LANGUAGES, Language, Texts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions

HERE = ModelChoice("smollm2", EngineOptions(threads=1))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("tokens", "leaves", "seed", "label", "ends"),
    [
        (0, 4, 0, "map.tokens", ("0", "2147483647")),
        (None, 4, 0, "map.tokens", ("1", "2147483647")),
        (1.5, 4, 0, "map.tokens", ("1.5", "2147483647")),
        (4, -1, 0, "map.leaves", ("-1", "100000")),
        (4, 100_001, 0, "map.leaves", ("100001", "100000")),
        (4, 4, -1, "map.seed", ("-1", "4294967294")),
        (4, 4, 1e12, "map.seed", ("1000000000000", "4294967294")),
    ],
)
def test_a_number_that_cannot_be_is_named_with_what_can(
    monkeypatch: pytest.MonkeyPatch,
    language: Language,
    tokens: float | None,
    leaves: float,
    seed: float,
    label: str,
    ends: tuple[str, str],
) -> None:
    told: list[str] = []
    monkeypatch.setattr(map_tab.gr, "Warning", lambda text, **_: told.append(text))
    texts, shelf = Texts(language), Shelf(HERE)
    tab = MapTab(texts, shelf, MicroscopeTab(texts, shelf))
    reader: Any = SimpleNamespace(session_hash="a")
    with shelf.lend():
        form = ("Once", "raw", "auto", "", True, False, seed, "temperature", 0.0, 2.0, None)
        list(tab.on_map(reader, HERE, tokens, leaves, *form))
    assert len(told) == 1
    assert all(part in told[0] for part in (texts(label), *ends)), told


@pytest.mark.parametrize("leave", ["on_stop", "on_gone"])
def test_who_stops_while_the_model_still_loads_gets_no_map(monkeypatch: pytest.MonkeyPatch, leave: str) -> None:
    texts, shelf = Texts("en"), Shelf(HERE)
    tab = MapTab(texts, shelf, MicroscopeTab(texts, shelf))
    reader: Any = SimpleNamespace(session_hash="a")
    form: Any = (4, 4, "Once", "raw", "auto", "", True, False, 0, "temperature", 0.0, 2.0, None)
    lend = shelf.lend

    @contextmanager
    def slowly(choice: ModelChoice, **_: Any) -> Iterator[Any]:
        getattr(tab, leave)(reader)
        with lend(choice) as model:
            yield model

    monkeypatch.setattr(shelf, "lend", slowly)
    with lend():
        assert list(tab.on_map(reader, HERE, *form)) == []
