"""Whether an engine can do what the settings ask for.

Guarantee: whoever refuses something, or greys it, has the same reasons: those that the engine gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS
from tsumami.settings import Settings

__all__ = ["check_possible", "refuses"]


class Lacking(Protocol):
    """What may lack something."""

    @property
    def lacks(self) -> Mapping[str, tuple[str, str]]:
        """The knobs that cannot be used with it, each with the reason in ja and en."""


def check_possible(backend: Lacking, settings: Settings) -> None:
    """Refuse what this engine cannot do.

    Raises:
        SettingsError: a knob that it lacks is turned.
    """
    for one in (settings, settings.while_thinking):
        for name, (why_ja, why) in backend.lacks.items():
            if refuses(one, name):
                raise SettingsError(
                    f"{name} = {getattr(one, name)!r}: {why}", knob=name, value=getattr(one, name)
                ).in_japanese(f"{name} = {getattr(one, name)!r}: {why_ja}")


def refuses(settings: Settings, name: str) -> bool:
    """Whether an engine that lacks this knob cannot run under the settings: it is turned, and would do something."""
    return bool(getattr(settings, name) != KNOBS[name].neutral) and name not in settings.idle_knobs()
