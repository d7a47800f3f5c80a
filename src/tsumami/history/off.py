"""Whether anything is kept at all; apart, so that asking loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["history_is_off"]

_OFF: Final = ("0", "off", "no", "false")


def history_is_off(environment: Mapping[str, str]) -> bool:
    """Whether the user wants nothing kept: TSUMAMI_HISTORY=off."""
    return environment.get("TSUMAMI_HISTORY", "").lower() in _OFF
