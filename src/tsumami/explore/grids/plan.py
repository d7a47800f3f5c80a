"""The plan of a grid: which prompts, settings and seeds its cells are made of.

Guarantee: a plan that exists can be made: every settings and seed was checked, and there are at most `MOST_CELLS`
cells. They are numbered prompt by prompt, in a prompt settings by settings, in settings seed by seed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.explore.design import Design, check_list, listed_seeds
from tsumami.knobs import get
from tsumami.runs import Prompt
from tsumami.sampling import effective_seed
from tsumami.settings import Settings
from tsumami.wording import counted

__all__ = ["MOST_CELLS", "GridPlan", "Point", "plan_grid"]

MOST_CELLS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Point:
    """Where a cell stands: the indices of its prompt and settings, and its seed."""

    prompt: int
    settings: int
    seed: int


@dataclass(frozen=True, slots=True)
class GridPlan:
    """Every prompt with every settings and every seed. `axes`: the values of each knob that was varied, in the order in
    which they vary (the last one fastest); empty where settings were listed. `otherwise`: the same prompts as a chat
    template makes them that is told something else; `told`: for each of the settings, which are its prompts: 0 for
    `prompts`, then those of `otherwise` (empty: all have the same).
    """

    prompts: tuple[Prompt, ...]
    settings: tuple[Settings, ...]
    seeds: tuple[int, ...]
    axes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    otherwise: tuple[tuple[Prompt, ...], ...] = ()
    told: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.prompts) * len(self.settings) * len(self.seeds)

    def point(self, number: int) -> Point:
        """Where the cell of this number stands."""
        rest, seed = divmod(number, len(self.seeds))
        prompt, settings = divmod(rest, len(self.settings))
        return Point(prompt, settings, self.seeds[seed])

    def number(self, point: Point) -> int:
        """The number of the cell that stands there.

        Raises:
            SettingsError: no cell does.
        """
        inside = 0 <= point.prompt < len(self.prompts) and 0 <= point.settings < len(self.settings)
        if not inside or point.seed not in self.seeds:
            raise SettingsError(
                f"prompt {point.prompt}, settings {point.settings}, seed {point.seed} is not in this grid of"
                f" {counted(len(self.prompts), 'prompt')}, {len(self.settings)} settings and the seeds"
                f" {_listed(self.seeds)}"
            ).in_japanese(
                f"プロンプト {point.prompt}、設定 {point.settings}、シード {point.seed} "
                f"は、このグリッド（プロンプト {len(self.prompts)}、設定 {len(self.settings)}、"
                f"シード {_listed(self.seeds)}）にありません"
            )
        before = point.prompt * len(self.settings) + point.settings
        return before * len(self.seeds) + self.seeds.index(point.seed)

    def with_prompts(self, make: Callable[[Settings], Sequence[Prompt]]) -> GridPlan:
        """The same plan of as many other prompts: those that `make` gives for settings, asked once for all that tell a
        chat template the same.
        """
        numbers: dict[str, int] = {}
        told = tuple(numbers.setdefault(_telling(one), len(numbers)) for one in self.settings)
        first, *others = (tuple(make(self.settings[told.index(number)])) for number in numbers.values())
        assert len(first) == len(self.prompts)
        return replace(self, prompts=first, otherwise=tuple(others), told=told if others else ())

    def prompt_key(self, point: Point) -> tuple[int, int]:
        """What tells the prompts of the cells apart."""
        return (self.told[point.settings] if self.told else 0), point.prompt

    def prompt_at(self, point: Point) -> Prompt:
        """The prompt of a cell."""
        told, number = self.prompt_key(point)
        return (self.prompts, *self.otherwise)[told][number]

    def settings_at(self, point: Point) -> Settings:
        """The settings of a cell, its seed among them."""
        return self.settings[point.settings].replace(seed=point.seed)


def plan_grid(prompts: Sequence[Prompt], design: Design) -> GridPlan:
    """The grid of every prompt with every settings and every seed of a design. A value that is varied twice counts
    once; seeds that are counted begin at that of the base (at 0 if it is random).

    Raises:
        SettingsError: an unknown knob, a value that a knob cannot have, an empty list, no seed, or too many cells.
    """
    chosen = _seeds(design.seeds, design.base)
    check_list("prompts", prompts)
    axes = {get(name).name: _values(name, values) for name, values in (design.vary or {}).items()}
    points = math.prod(map(len, axes.values())) if axes else len(design.settings or (design.base,))
    cells = len(prompts) * points * len(chosen)
    if cells > MOST_CELLS:
        raise SettingsError(
            f"{counted(cells, 'cell')} ({counted(len(prompts), 'prompt')}, {points:,} settings, "
            f"{counted(len(chosen), 'seed')}):"
            f" a grid has at most {MOST_CELLS:,}; give fewer values, seeds or prompts"
        ).in_japanese(
            f"{cells:,} セル（プロンプト {len(prompts)}、設定 {points:,}、シード "
            f"{len(chosen)}）になります。グリッドは {MOST_CELLS:,} セルまでなので、"
            "値かシードかプロンプトを減らしてください"
        )
    made = replace(design, vary=axes or None).points(chosen[0])
    return GridPlan(tuple(prompts), tuple(one.replace(seed=chosen[0]) for one in made), chosen, axes)


def _telling(settings: Settings) -> str:
    return json.dumps(settings.template_values, sort_keys=True)


def _values(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    knob = get(name)
    if knob.name == "seed":
        raise SettingsError(
            "seed is an axis of its own in a grid: give seeds (--seeds) instead of varying it"
        ).in_japanese("グリッドのシードは独立した軸です。変える代わりに、シード（--seeds）を指定してください")
    return tuple(dict.fromkeys(knob.validate(value) for value in values))


def _seeds(seeds: int | Sequence[int] | None, base: Settings) -> tuple[int, ...]:
    if seeds is None:
        return (effective_seed(base),)
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        seeds = listed_seeds(seeds, base, MOST_CELLS)
    if isinstance(seeds, str | bool) or not len(seeds):
        raise SettingsError(f"seeds = {seeds!r}: needs how many, or a list with at least one seed").in_japanese(
            f"seeds = {seeds!r}: シードの数か、少なくとも 1 つのシードのリストにしてください"
        )
    found = tuple(dict.fromkeys(int(get("seed").validate(seed)) for seed in seeds))
    random = [seed for seed in found if seed < 0]
    if random:
        raise SettingsError(
            f"seed = {random[0]}: a seed of a grid is 0 or more, so that its cells can be run again"
        ).in_japanese(f"seed = {random[0]}: セルをもう一度実行できるように、グリッドのシードは 0 以上にしてください")
    return found


def _listed(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds[:8])) + (" …" if len(seeds) > 8 else "")
