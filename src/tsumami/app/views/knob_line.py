"""Knobs and values in one line of text.

Guarantee: a value reads as it can be typed, so what is shown can be taken over anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsumami.knobs import KNOBS
from tsumami.knobs.typed import as_item


def given(values: Mapping[str, Any]) -> str:
    """Knobs and values as a short line, such as `top_k=40, temperature=3`."""
    return ", ".join(f"{name}={as_item(KNOBS[name], value)}" for name, value in values.items())
