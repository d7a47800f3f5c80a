"""Knobs and values in one line of text.

Guarantee: a value reads as JSON writes it, so that texts and numbers cannot be taken for each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def given(values: Mapping[str, Any]) -> str:
    """Knobs and values as a short line, such as `top_k=40, temperature=3`."""
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
