"""Import Gradio in a third of its time.

Guarantee: what is imported works as ever; a Gradio in which none of this is found is imported as it is.

Half of Gradio's import writes type stubs for editors, which it does anew for every component in every process; and
most of what is left is Python looking for garbage among hundreds of thousands of new objects that all stay. So the
stubs are left out, and nobody looks for garbage meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Final

_STUB_MODULE: Final = "gradio.component_meta"
_STUB_WRITER: Final = "create_or_modify_pyi"


def import_quickly(*modules: str) -> None:
    """Import Gradio, if nobody has yet, and then these modules."""
    finder = _StubFinder()
    sys.meta_path.insert(0, finder)
    try:
        with not_collecting():
            for module in ("gradio", *modules):
                importlib.import_module(module)
    finally:
        sys.meta_path.remove(finder)


@contextlib.contextmanager
def not_collecting() -> Iterator[None]:
    """Nobody looks for garbage in this block, which makes much that stays."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def import_in_background(*modules: str) -> threading.Thread:
    """The same beside something else, such as the loading of a model; join the thread before using them."""
    thread = threading.Thread(target=import_quickly, args=modules, name="importing", daemon=True)
    thread.start()
    return thread


class _StubFinder(importlib.abc.MetaPathFinder):
    """Finds the module with the stub writer, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _STUB_MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _StublessLoader(spec.loader)
        return spec


class _StublessLoader(importlib.abc.Loader):
    """Loads a module and takes its stub writer away."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if hasattr(module, _STUB_WRITER):
            setattr(module, _STUB_WRITER, _write_nothing)


def _write_nothing(*_: Any) -> None:
    """In the stub writer's place."""
