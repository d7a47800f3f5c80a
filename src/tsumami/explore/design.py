"""Points: the settings that a comparison or a grid is made of.

Guarantee: every settings was checked before anything is generated, and all that is not said comes from one base.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from tsumami.errors import SettingsError
from tsumami.knobs import get
from tsumami.settings import Settings


def check_given(
    vary: Mapping[str, Sequence[Any]] | None, settings: Sequence[Settings | Mapping[str, Any]] | None, **lists: Any
) -> None:
    """Refuse `vary` beside `settings`, and lists with nothing in them.

    Raises:
        SettingsError: it names the list.
    """
    if vary and settings:
        raise SettingsError("vary and settings were both given; give one of them")
    for name, values in {"vary": vary, "settings": settings, **lists, **(vary or {})}.items():
        if values is not None and (isinstance(values, str) or not len(values)):
            raise SettingsError(f"{name} = {values!r}: needs a list with at least one value")


def settings_of(
    base: Settings, vary: Mapping[str, Sequence[Any]] | None, settings: Sequence[Settings | Mapping[str, Any]] | None
) -> list[Settings]:
    """Every combination of `vary`, or the listed `settings` (whole ones, or the knobs that differ from `base`).

    Settings without a seed take that of `base`.

    Raises:
        SettingsError: a value that a knob cannot have, or a knob that does not exist.
    """
    return [_with(base, one) for one in settings or _combinations(vary or {})]


def _combinations(vary: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    names = [get(name).name for name in vary]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*vary.values())]


def _with(base: Settings, given: Settings | Mapping[str, Any]) -> Settings:
    made = given if isinstance(given, Settings) else base.replace(**given)
    return made.replace(seed=base.seed) if made.seed < 0 else made
