"""What many seeds say about settings: how widely a measure is spread, and which differences hold seed by seed.

Guarantee: plain counts and quantiles of the cells' own measures, of finished cells alone; no test of significance and
no model of the world. Two settings are compared with the same prompt and the same seed, so the rolls are the same.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsumami.errors import SettingsError
from tsumami.explain.measures import MEASURES as TABLE
from tsumami.explore.grids.grid import MEASURES, Cell, Grid
from tsumami.explore.grids.plan import Point
from tsumami.knobs import get

__all__ = ["Count", "Held", "Spread", "between_values", "held", "larger", "range_text", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure of one prompt with one settings over the seeds: how many cells have it, how many different texts they
    are, and its mean, ends and quartiles (None where no cell has it).
    """

    prompt: int
    settings: int
    measure: str
    cells: int
    texts: int
    mean: float | None
    low: float | None
    high: float | None
    quarter: float | None
    three_quarters: float | None

    @property
    def text(self) -> str:
        """`2.3 (1.9–2.8)`, the mean with its ends in the measure's form; the mean alone where all cells have it."""
        mean = TABLE[self.measure].text(self.mean)
        return mean if self.low == self.high else f"{mean} ({range_text(self.low, self.high, self.measure)})"


def range_text(low: float | None, high: float | None, measure: str) -> str:
    """`1.9–2.8`; one number where both ends are it."""
    text = TABLE[measure].text
    return text(low) if low == high else f"{text(low)}–{text(high)}"


@dataclass(frozen=True, slots=True)
class Count:
    """On how many of `of` pairs of cells, which differ in the settings alone, the measure of `b` is larger than that of
    `a`, and on how many it is equal.
    """

    measure: str
    larger: int
    equal: int
    of: int

    @property
    def smaller(self) -> int:
        """On how many it is smaller."""
        return self.of - self.larger - self.equal


@dataclass(frozen=True, slots=True)
class Held:
    """A knob that was varied over numbers, its smallest and its largest value, and how often the largest has the larger
    measure, all else being equal.
    """

    knob: str
    low: float
    high: float
    count: Count


def spread(grid: Grid, measure: str) -> tuple[Spread, ...]:
    """How a measure is spread over the seeds, for each prompt and settings in the order of the grid.

    Raises:
        SettingsError: no measure of that name.
    """
    _check(measure)
    groups: dict[tuple[int, int], list[Cell]] = defaultdict(list)
    for cell in grid.cells:
        groups[cell.point.prompt, cell.point.settings].append(cell)
    return tuple(_spread(prompt, settings, measure, cells) for (prompt, settings), cells in groups.items())


def _spread(prompt: int, settings: int, measure: str, cells: list[Cell]) -> Spread:
    done = [cell for cell in cells if cell.finished]
    values = [value for cell in done if (value := cell.measures[measure]) is not None]
    texts = len({cell.text for cell in done})
    if not values:
        return Spread(prompt, settings, measure, 0, texts, None, None, None, None, None)
    quarter, three = (float(value) for value in np.quantile(values, (0.25, 0.75)))
    mean = statistics.fmean(values)
    return Spread(prompt, settings, measure, len(values), texts, mean, min(values), max(values), quarter, three)


def larger(grid: Grid, measure: str, a: int, b: int) -> Count:
    """On how many prompts and seeds a measure is larger with settings `b` than with settings `a` (their indices).

    Raises:
        SettingsError: no measure of that name, or no such settings.
    """
    _check(measure)
    for index in (a, b):
        if not 0 <= index < len(grid.plan.settings):
            raise SettingsError(f"settings {index}: this grid has 0 to {len(grid.plan.settings) - 1}").in_japanese(
                f"設定 {index}: このグリッドにあるのは 0〜{len(grid.plan.settings) - 1} です"
            )
    return _count(grid, measure, [(a, b)])


def between_values(grid: Grid, measure: str, knob: str) -> Count:
    """The same between the smallest and the largest value of a knob that was varied, all other knobs being equal.

    Raises:
        SettingsError: no measure of that name, or a knob that was not varied over numbers.
    """
    _check(measure)
    name = get(knob).name
    ends = _number_ends(grid.plan.axes.get(name, ()))
    if ends is None:
        raise SettingsError(f"{name}: this grid does not vary it over two or more numbers").in_japanese(
            f"{name}: このグリッドでは、2 つ以上の数に変えていません"
        )
    low, high = ends
    index = {settings: number for number, settings in enumerate(grid.plan.settings)}
    starts = [settings for settings in index if getattr(settings, name) == low]
    return _count(grid, measure, [(index[one], index[one.replace(**{name: high})]) for one in starts])


def held(grid: Grid, measure: str) -> tuple[Held, ...]:
    """For each knob that was varied over numbers, how often its largest value has the larger measure.

    Raises:
        SettingsError: no measure of that name.
    """
    _check(measure)
    ends = {name: _number_ends(values) for name, values in grid.plan.axes.items()}
    return tuple(Held(name, *two, between_values(grid, measure, name)) for name, two in ends.items() if two is not None)


def _number_ends(values: Sequence[Any]) -> tuple[float, float] | None:
    """The smallest and the largest of a knob's values; None where they are not two or more numbers (a switch is none,
    though Python takes it for one).
    """
    if len(values) < 2 or not all(type(value) in (int, float) for value in values):
        return None
    return min(values), max(values)


def _count(grid: Grid, measure: str, pairs: list[tuple[int, int]]) -> Count:
    more = equal = of = 0
    for prompt in range(len(grid.plan.prompts)):
        for a, b in pairs:
            for seed in grid.plan.seeds:
                one, other = (_value(grid, measure, Point(prompt, index, seed)) for index in (a, b))
                if one is not None and other is not None:
                    more, equal, of = more + (other > one), equal + (other == one), of + 1
    return Count(measure, more, equal, of)


def _value(grid: Grid, measure: str, point: Point) -> float | None:
    cell = grid.cells[grid.plan.number(point)]
    return cell.measures[measure] if cell.finished else None


def _check(measure: str) -> None:
    if measure not in MEASURES:
        raise SettingsError(f"no measure is named {measure!r}; there are {', '.join(MEASURES)}").in_japanese(
            f"{measure!r} という測り方はありません。あるのは {', '.join(MEASURES)} です"
        )
