"""Faces: what a room shows to the rooms above it, fetched when it is first asked for (PEP 562).

Guarantee: importing a room loads nothing of it, so that a command line answers at once; and one table says where each
name of the face has its home.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def face(room: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a room's package. homes: the module in which each name is defined."""

    def fetch(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted(homes)

    return fetch, names
