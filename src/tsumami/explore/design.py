"""Designs: what an experiment tries.

Guarantee: all that a design does not say comes from its one base, and every settings is checked before anything is
generated.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsumami.errors import SettingsError
from tsumami.knobs import get
from tsumami.settings import Settings
from tsumami.wording import counted

__all__ = ["Design", "check_list", "listed_seeds"]


@dataclass(frozen=True, slots=True)
class Design:
    """What is tried: every settings with every seed.

    Args:
        base: what holds where nothing else is said.
        vary: values by knob; several knobs give every combination.
        settings: instead of `vary`: whole settings, or the knobs in which they differ from `base`.
        seeds: which, or how many from the seed of `base` on (from 0 if that is random); None: one.

    Raises:
        SettingsError: both `vary` and `settings`, or a list with nothing in it.
    """

    base: Settings
    vary: Mapping[str, Sequence[Any]] | None = None
    settings: Sequence[Settings | Mapping[str, Any]] | None = None
    seeds: int | Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.vary and self.settings:
            raise SettingsError("vary and settings were both given; give one of them").in_japanese(
                "vary と settings の両方が指定されました。どちらか 1 つにしてください"
            )
        for name, values in {"vary": self.vary, "settings": self.settings, **(self.vary or {})}.items():
            check_list(name, values)

    def points(self, seed: int) -> list[Settings]:
        """Every combination of `vary`, or each of `settings`; those that say no seed take this one.

        Raises:
            SettingsError: a value that a knob cannot have, or a knob that does not exist.
        """
        base = self.base.replace(seed=seed)
        return [_over(base, one) for one in self.settings or _combinations(self.vary or {})]


def listed_seeds(seeds: int, base: Settings, most: int) -> range:
    """So many seeds, from that of `base` on; from 0 if it is random.

    Raises:
        SettingsError: none, or more than `most`.
    """
    if not 1 <= seeds <= most:
        raise SettingsError(f"seeds = {seeds}: needs 1 to {counted(most, 'seed')}").in_japanese(
            f"seeds = {seeds}: シードの数は 1〜{most:,} にしてください"
        )
    first = max(base.seed, 0)
    return range(first, first + seeds)


def check_list(name: str, values: Any) -> None:
    """Refuse what is no list, and a list with nothing in it; None is no list that was left out.

    Raises:
        SettingsError: it names the list.
    """
    if values is not None and (isinstance(values, str | int) or not len(values)):
        raise SettingsError(f"{name} = {values!r}: needs a list with at least one value").in_japanese(
            f"{name} = {values!r}: 少なくとも 1 つの値のリストにしてください"
        )


def _combinations(vary: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    names = [get(name).name for name in vary]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*vary.values())]


def _over(base: Settings, given: Settings | Mapping[str, Any]) -> Settings:
    made = given if isinstance(given, Settings) else base.replace(**given)
    return made.replace(seed=base.seed) if made.seed < 0 else made
