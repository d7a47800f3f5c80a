"""A grid: the texts of many settings, seeds and prompts, with measures, as a value.

Guarantee: every cell's text is that of a run by itself with its prompt, settings and seed. Saved and reopened the grid
is equal to the original, and needs no model; with its model, each cell becomes a run with all its steps again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from tsumami.errors import SettingsError
from tsumami.explain.measures import TEXT_MEASURES
from tsumami.explain.reasons import Divergence, divergence
from tsumami.explore.grids.plan import GridPlan, Point
from tsumami.explore.saved import Saved
from tsumami.knobs import KNOBS, get
from tsumami.runs import Prompt
from tsumami.runs.backend import Backend
from tsumami.runs.healing import healed
from tsumami.runs.restore import restore
from tsumami.runs.run import Run
from tsumami.runs.values import STOP_REASONS, Receipt, StopReason
from tsumami.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "Cell", "Grid", "text_numbers"]

#: What is measured of each cell's text; see `Metrics`, of which these are fields (`tokens` is its length).
MEASURES: Final = tuple(one.name for one in TEXT_MEASURES if not one.between)


@dataclass(frozen=True, slots=True)
class Cell:
    """One text: where it stands, its token ids, why it stopped (the stop string, if it was one), and `measures` by
    name, None where the text is too short for one. A cell that was not finished stopped as `cancelled`.
    """

    point: Point
    text: str
    tokens: tuple[int, ...]
    stop_reason: StopReason
    stop_string: str | None
    measures: Mapping[str, float | None]

    @property
    def finished(self) -> bool:
        """Whether it was made to its end."""
        return self.stop_reason != "cancelled"


def text_numbers(cells: Iterable[Cell]) -> dict[str, int]:
    """The different texts of cells, numbered from 1 in the order in which they come."""
    numbers: dict[str, int] = {}
    for cell in cells:
        numbers.setdefault(cell.text, len(numbers) + 1)
    return numbers


@dataclass(frozen=True, slots=True)
class Grid(Saved):
    """The cells of `plan`, by number. `receipt`: model, engine, and the settings that hold where nothing else is said;
    `nodes`: tokens that were decoded after the prompts; `seconds`: how long it took.
    """

    kind: ClassVar = "grid"
    version: ClassVar = 1

    plan: GridPlan
    cells: tuple[Cell, ...]
    receipt: Receipt
    nodes: int
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether a run by itself gives the very same texts; otherwise what is computed together may differ in its last
        bits, and so may texts.
        """
        return self.receipt.engine.exact

    @property
    def texts(self) -> tuple[str, ...]:
        """The different texts of finished cells, in their order."""
        return tuple(dict.fromkeys(cell.text for cell in self.cells if cell.finished))

    @property
    def text_numbers(self) -> dict[str, int]:
        """Every text with its number, wherever it stands: the same in tables, on pages and in pictures."""
        return text_numbers(self.cells)

    @property
    def saved(self) -> int:
        """Tokens that runs by themselves would have decoded on top of `nodes` (a run's last one needs no decoding)."""
        return max(sum(max(len(cell.tokens) - 1, 0) for cell in self.cells) - self.nodes, 0)

    def at(self, *, prompt: int = 0, seed: int | None = None, **knobs: Any) -> Cell:
        """The cell with these values of its knobs (those not named may be any), the first one if there are several.

        Raises:
            SettingsError: there is none.
        """
        wanted = {get(name).name: get(name).validate(value) for name, value in knobs.items()}
        chosen = self.plan.seeds[0] if seed is None else seed
        for index, settings in enumerate(self.plan.settings):
            if all(getattr(settings, name) == value for name, value in wanted.items()):
                return self.cells[self.plan.number(Point(prompt, index, chosen))]
        values = ", ".join(f"{name} = {value!r}" for name, value in wanted.items())
        raise SettingsError(f"{values}: no settings of this grid are so; it varies {self._varied()}").in_japanese(
            f"{values}: このグリッドにそういう設定はありません。変えているのは {self._varied()} です"
        )

    def _varied(self) -> str:
        axes = [f"{name} ({', '.join(map(str, values))})" for name, values in self.plan.axes.items()]
        return ", ".join(axes) or ", ".join(self.knobs) or "no knob"

    @property
    def knobs(self) -> tuple[str, ...]:
        """The knobs that differ between the settings, those that were varied first."""
        first = self.plan.settings[0]
        others = [
            name for name in KNOBS if any(getattr(one, name) != getattr(first, name) for one in self.plan.settings)
        ]
        return tuple(dict.fromkeys([*self.plan.axes, *others]))

    def shared_prefix(self, cell: Cell, other: Cell) -> int:
        """How many tokens at the beginning two cells have in common."""
        pairs = zip(cell.tokens, other.tokens, strict=False)
        return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(cell.tokens), len(other.tokens)))

    # --- with the model ---

    def run(self, backend: Backend, cell: Cell) -> Run:
        """The run of a cell with all its steps, computed from its tokens in one pass.

        Raises:
            RunFileError: another model than the grid's, or (of an engine that is not exact) a token does not come out
                again.
        """
        settings = self.plan.settings_at(cell.point)
        prompt = healed(backend, self.plan.prompt_at(cell.point), settings)
        receipt = replace(
            self.receipt,
            prompt=prompt.text,
            prompt_tokens=prompt.tokens,
            template=prompt.template,
            begun=prompt.begun,
            parse_special=prompt.parse_special,
            healing=prompt.healing,
            settings=settings,
            seed=cell.point.seed,
        )
        return restore(backend, receipt, cell.tokens)

    def divergence(self, backend: Backend, a: Cell, b: Cell) -> Divergence:
        """Where two cells part, and why.

        Raises:
            RunFileError: as `run`.
        """
        return divergence(self.run(backend, a), self.run(backend, b))

    # --- tables and files ---

    def rows(self, beside: Cell | None = None) -> Iterator[dict[str, Any]]:
        """One row a cell, for tables: `prompt` and `settings` (their indices), the knobs that differ, `seed`, the
        measures, `shared_prefix` (with `beside`, or the first cell), `stop_reason`, `text_number` (equal texts have the
        same, counted from 1), and `text`.
        """
        first = self.cells[0] if beside is None else beside
        numbers = self.text_numbers
        for cell in self.cells:
            settings = self.plan.settings[cell.point.settings]
            yield {
                "prompt": cell.point.prompt,
                "settings": cell.point.settings,
                **{name: getattr(settings, name) for name in self.knobs},
                "seed": cell.point.seed,
                **cell.measures,
                "shared_prefix": self.shared_prefix(first, cell),
                "stop_reason": cell.stop_reason,
                "text_number": numbers[cell.text],
                "text": cell.text,
            }

    def to_pandas(self, beside: Cell | None = None) -> pd.DataFrame:
        """`rows` as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows(beside))

    def to_csv(self, beside: Cell | None = None) -> str:
        """`rows` as CSV, with a header."""
        rows = list(self.rows(beside))
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def _values(self) -> dict[str, Any]:
        """`prompts` (with `otherwise` and `told`, where a chat template is told different things), `settings` (each as
        the knobs that differ from the receipt's), `seeds`, `axes`, `cells` (each `prompt`, `settings`, `seed`, `text`,
        `tokens`, `stop_reason`, `stop_string`, `measures`), `nodes`, `seconds`.
        """
        base, plan = self.receipt.settings.to_dict(), self.plan
        return {
            "prompts": [_prompt_values(prompt) for prompt in plan.prompts],
            **_otherwise_values(plan),
            "settings": [_difference(one.to_dict(), base) for one in plan.settings],
            "seeds": list(plan.seeds),
            "axes": {name: list(values) for name, values in plan.axes.items()},
            "cells": [_cell_values(cell) for cell in self.cells],
            "nodes": self.nodes,
            "seconds": self.seconds,
        }

    @classmethod
    def _read(cls, form: dict[str, Any], receipt: Receipt) -> Self:
        plan = _plan_of(form, receipt.settings)
        return cls(plan, _cells_of(form, plan), receipt, int(form["nodes"]), float(form["seconds"]))


def _difference(values: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != base[name]}


def _prompt_values(prompt: Prompt) -> dict[str, Any]:
    return {
        "text": prompt.text,
        "tokens": list(prompt.tokens),
        "template": prompt.template,
        "begun": list(prompt.begun),
        **({} if prompt.parse_special else {"parse_special": False}),
    }


def _otherwise_values(plan: GridPlan) -> dict[str, Any]:
    """What only a plan with prompts of several kinds has."""
    if not plan.told:
        return {}
    others = [[_prompt_values(prompt) for prompt in prompts] for prompts in plan.otherwise]
    return {"otherwise": others, "told": list(plan.told)}


def _cell_values(cell: Cell) -> dict[str, Any]:
    names = ("text", "tokens", "stop_reason", "stop_string")
    point = {name: getattr(cell.point, name) for name in ("prompt", "settings", "seed")}
    return {**point, **{name: getattr(cell, name) for name in names}, "measures": dict(cell.measures)}


def _plan_of(form: dict[str, Any], base: Settings) -> GridPlan:
    prompts = tuple(map(_prompt_of, form["prompts"]))
    settings = tuple(base.replace(**changes) for changes in form["settings"])
    axes = {name: tuple(get(name).validate(value) for value in values) for name, values in form["axes"].items()}
    if not prompts or not settings:
        raise ValueError("it needs a prompt and settings")
    otherwise = tuple(tuple(map(_prompt_of, one)) for one in form.get("otherwise", []))
    told = _whole(form.get("told", []))
    if any(len(one) != len(prompts) for one in otherwise) or not _fits(told, len(settings), len(otherwise)):
        raise ValueError("what its chat template was told does not fit its prompts and settings")
    return GridPlan(prompts, settings, _whole(form["seeds"]), axes, otherwise, told)


def _fits(told: tuple[int, ...], settings: int, otherwise: int) -> bool:
    """Whether each of the settings has prompts."""
    if not told:
        return not otherwise
    return len(told) == settings and all(0 <= number <= otherwise for number in told)


def _prompt_of(form: dict[str, Any]) -> Prompt:
    """A prompt; a grid that does not say it is from when special tokens were read in all of it."""
    special = form.get("parse_special", True)
    if not isinstance(special, bool):
        raise ValueError(f"parse_special is true or false, not {special!r}")  # noqa: TRY004  (as all that does not fit)
    return Prompt(form["text"], _whole(form["tokens"]), form["template"], _whole(form["begun"]), special)


def _cells_of(form: dict[str, Any], plan: GridPlan) -> tuple[Cell, ...]:
    cells = tuple(_cell_of(cell) for cell in form["cells"])
    if [plan.number(cell.point) for cell in cells] != list(range(len(plan))):
        raise ValueError("its cells are not those of its prompts, settings and seeds")
    return cells


def _cell_of(form: dict[str, Any]) -> Cell:
    point = Point(*_whole([form["prompt"], form["settings"], form["seed"]]))
    if not isinstance(form["text"], str) or form["stop_reason"] not in STOP_REASONS:
        raise ValueError(f"a cell needs a text and a stop reason, not {form['text']!r} and {form['stop_reason']!r}")
    measures = {name: form["measures"][name] for name in MEASURES}
    return Cell(point, form["text"], _whole(form["tokens"]), form["stop_reason"], form["stop_string"], measures)


def _whole(values: list[Any]) -> tuple[int, ...]:
    if not all(type(value) is int for value in values):
        raise ValueError(f"whole numbers are expected, not {values!r}")
    return tuple(values)
