"""The shelf of models: one load for all who ask, and nobody's model is taken away."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support import gguf_writer as gguf

from tsumami.app.work import shelf
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.errors import ModelNotFoundError, OutOfMemoryError
from tsumami.testing import ScriptedModel, saying


class Loader:
    """Loads scripted models, slowly if asked to, and notes which were loaded and which were closed."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.closed: list[str] = []
        self.slow = threading.Event()
        self.slow.set()

    def __call__(self, choice: ModelChoice, report: object) -> Any:
        self.loaded.append(choice.name)
        assert self.slow.wait(10)
        if choice.name.startswith("no"):
            raise ModelNotFoundError(choice.name)
        model = ScriptedModel(saying("Yes."), name=choice.name)
        model.close = lambda: self.closed.append(choice.name)  # type: ignore[method-assign]  # to see it
        return model


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    made = Loader()
    monkeypatch.setattr(shelf, "_load", made)
    return made


def name_of(lent: Any) -> str:
    return str(lent.model_card.name)


def test_a_failing_load_keeps_all(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"))
    with models.lend(), models.lend(ModelChoice("b")):
        pass
    for _ in range(2):
        with pytest.raises(ModelNotFoundError), models.lend(ModelChoice("no")):
            pass
    with models.lend() as first, models.lend(ModelChoice("b")) as second:
        assert (name_of(first), name_of(second)) == ("a", "b")
    assert loader.loaded == ["a", "b", "no", "no"]
    assert loader.closed == []


def test_room_is_kept_and_the_longest_unused_goes_but_never_the_default(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"), room=2)
    for name in "abcb":
        with models.lend(ModelChoice(name)):
            pass
    assert loader.loaded == ["a", "b", "c", "b"]
    assert loader.closed == ["b", "c"]
    models.close()
    assert sorted(loader.closed) == ["a", "b", "b", "c"]


def test_a_lent_model_is_never_closed(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"), room=1)
    with models.lend(), models.lend(ModelChoice("b")):
        for name in "cde":
            with models.lend(ModelChoice(name)):
                pass
        assert "b" not in loader.closed
    assert "b" in loader.closed


def test_whoever_asks_second_waits_for_the_first_load_and_nobody_else_does(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"))
    with models.lend():
        pass
    loader.slow.clear()
    got: list[str] = []

    def ask() -> None:
        with models.lend(ModelChoice("b")) as model:
            got.append(name_of(model))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while "b" not in loader.loaded:
        time.sleep(0.01)
    with models.lend() as model:  # does not wait
        assert name_of(model) == "a"
    loader.slow.set()
    for thread in threads:
        thread.join(10)
    assert got == ["b"] * 4
    assert loader.loaded == ["a", "b"]


def test_many_askers_at_once_all_get_a_model_that_is_open(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"), room=1)
    wrong: list[object] = []

    def ask(seed: int) -> None:
        for turn in range(60):
            name = "abcd"[(seed + turn) % 4]
            try:
                with models.lend(ModelChoice(name)) as model:
                    closed = loader.closed.count(name)
                    if name_of(model) != name or closed >= loader.loaded.count(name):
                        wrong.append((name, closed))
            except Exception as error:  # noqa: BLE001  (a thread's error would be lost)
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


def test_a_model_is_not_tidied_away_between_its_loading_and_its_lending(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"), room=1)
    with models.lend():
        pass
    find = models._find

    def late(choice: ModelChoice) -> Any:
        models._tidy()  # another session that has just ended
        return find(choice)

    models._find = late  # type: ignore[method-assign]  # to be in the moment in between
    with models.lend(ModelChoice("b")) as model:
        assert name_of(model) == "b"
    assert loader.loaded == ["a", "b"]


def test_where_all_models_are_in_use_another_is_refused_and_the_idle_give_way(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"), room=3, most=3)
    with models.lend(), models.lend(ModelChoice("b")):
        with models.lend(ModelChoice("c")), pytest.raises(OutOfMemoryError, match="3 models are in use, and no more"):
            models.lend(ModelChoice("d")).__enter__()
        with models.lend(ModelChoice("d")) as model:  # c is idle now
            assert name_of(model) == "d"
    assert loader.closed == ["c"]
    assert loader.loaded == ["a", "b", "c", "d"]


def test_a_load_that_failed_leaves_its_room(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"), most=1)
    for _ in range(3):
        with pytest.raises(ModelNotFoundError), models.lend(ModelChoice("no")):
            pass
    with models.lend() as model:
        assert name_of(model) == "a"


def test_names_that_lead_to_one_file_are_one_model(loader: Loader, tmp_path: Path) -> None:
    file = tmp_path / "one.gguf"
    file.write_bytes(gguf.model())
    (tmp_path / "other.gguf").hardlink_to(file)
    (tmp_path / "again.gguf").symlink_to(file)
    models = Shelf(ModelChoice("a"))
    for name in ("one", "other", "again"):
        with models.lend(ModelChoice(str(tmp_path / f"{name}.gguf"))):
            pass
    assert loader.loaded == [str(file)]
    with models.lend(ModelChoice(str(file), EngineOptions(threads=1))):
        pass
    assert loader.loaded == [str(file)] * 2


def test_nothing_is_kept_of_names_that_lead_nowhere(loader: Loader) -> None:
    models = Shelf(ModelChoice("a"))
    for number in range(50):
        with pytest.raises(ModelNotFoundError), models.lend(ModelChoice(f"no {number}")):
            pass
    assert not models._gates
    assert not models._keys


def test_one_file_with_other_adapters_is_another_model(loader: Loader, tmp_path: Path) -> None:
    path = str(tmp_path / "tiny.gguf")
    Path(path).write_bytes(gguf.model())
    models = Shelf(ModelChoice(path, EngineOptions(lora=("a.gguf",))), room=3)
    choices = (None, ModelChoice(path), ModelChoice(path, EngineOptions(lora=("a.gguf:0.5",))))
    for _ in range(2):
        for choice in choices:
            with models.lend(choice):
                pass
    assert len(loader.loaded) == 3


@pytest.mark.parametrize("name", ["smollm2", "owner/repo:file.gguf"])
def test_a_name_is_shown_as_it_is(name: str) -> None:
    assert Shelf(ModelChoice(name)).shown_default == name


def test_of_a_file_everybody_sees_its_name_and_has_it_by_that(tmp_path: Path) -> None:
    shelf = Shelf(ModelChoice(str(tmp_path / "mine.gguf")))
    assert shelf.shown(shelf.default) == shelf.shown_default == "mine.gguf"
    assert shelf.named("mine.gguf") == shelf.default.name
