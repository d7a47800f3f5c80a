"""Rows as models make them, and as none does."""

from __future__ import annotations

from typing import Final

import numpy as np
from tests.support.bare import Row

__all__ = ["KINDS", "an_odd_row"]

KINDS: Final = ("usual", "ties", "banned", "equal", "spike", "huge", "rising", "twins")


def an_odd_row(kind: str, size: int, dice: np.random.Generator) -> Row:
    """A random row of one of the kinds; `twins`: as usual, but every token has an equal."""
    row = dice.normal(0, 4, size).astype(np.float32)
    if kind == "ties":
        row = np.round(row).astype(np.float32)
    elif kind == "banned":
        row[dice.random(size) < 0.9] = -np.inf
        row[dice.integers(size)] = 1
    elif kind == "equal":
        row[:] = 3
    elif kind == "spike":
        row[dice.integers(size)] = 300
    elif kind == "huge":
        row *= np.float32(1e6)
    elif kind == "rising":
        row.sort()
    elif kind == "twins":
        row[: size // 2] = row[size - size // 2 :]
    return row
