"""Fixtures of the engine: a tiny model for attacks by the thousand, and engines that are closed whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tsumami import native
from tsumami.engine.batcher import Engine
from tsumami.engine.cache import N_KEEPERS
from tsumami.engine.planning import TOGETHER, Policy
from tsumami.native import ContextOptions, NativeModel

from . import tiny_model
from .reference import Reference

MakeEngine = Callable[..., Engine]


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A tiny model by weight type, each made once."""
    folder = tmp_path_factory.mktemp("tiny")
    plain = tiny_model.write(folder / "F32.gguf", tiny_model.EVEN)

    def file(kind: str) -> Path:
        path = folder / f"{kind}.gguf"
        if not path.exists():
            native.quantize(plain, path, kind)
        return path

    return file


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeModel]:
    """The tiny model that shows every bit."""
    model = NativeModel(tiny_model.write(tmp_path_factory.mktemp("tiny") / "sensitive.gguf", tiny_model.SENSITIVE))
    yield model
    model.close()


@pytest.fixture(scope="session")
def tiny_reference(tiny: NativeModel) -> Iterator[Reference]:
    """One pass of the tiny model."""
    reference = Reference(tiny)
    yield reference
    reference.close()


@pytest.fixture
def make_engine(tiny: NativeModel) -> Iterator[MakeEngine]:
    """Make an engine on the tiny model (or `model`); the test's end closes it."""
    made: list[Engine] = []

    def make(
        model: NativeModel = tiny, *, n_cells: int = 512, slots: int = 8, policy: Policy = TOGETHER, **options: Any
    ) -> Engine:
        given: dict[str, Any] = {"n_batch": 512, "n_ubatch": 32, "threads": 1, "exact": True} | options
        engine = Engine(model, ContextOptions(n_cells=n_cells, n_sequences=slots + N_KEEPERS, **given), policy=policy)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
