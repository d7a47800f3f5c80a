"""A grid that a session has under way: it grows, is looked at while it grows, and ends when nobody wants it.

Guarantee: the page shows the cells as they are, and measures only those that are finished; looking is not the engine's
work. Cancelled, the grid keeps what there is. No Gradio here.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from tsumami.app.work.shelf import ModelChoice
from tsumami.explore.grids import Cell, Grid, Gridding, GridPlan, GridProgress
from tsumami.model import Model
from tsumami.runs.making import Pace

_LEAST_SECONDS: Final = 0.4  # between two looks
_REST: Final = 5  # a look that takes so long is followed by so many times that without one


@dataclass(frozen=True, slots=True)
class GridSight:
    """The cells at some moment, and how far they are; `progress` is None before the first token and at the end."""

    cells: tuple[Cell, ...]
    progress: GridProgress | None = None


@dataclass(slots=True, eq=False)
class GridWork:
    """One making of a grid. `beside`: the number of the cell that the others are compared with; `number`:
    another one for each work. A grid of the history has no model.
    """

    plan: GridPlan
    model: Model | None
    choice: ModelChoice
    found: Grid | None = None
    beside: int = 0
    number: int = field(default_factory=itertools.count(1).__next__)
    _cancelled: bool = False
    _making: Gridding | None = None
    _progress: GridProgress | None = None

    def grow(self) -> Generator[GridSight, None, None]:
        """Make the grid; the last sight is the finished one. Leaving the iteration cancels it; what there is stays."""
        assert self.model is not None
        with Gridding(self.model, self.plan, watch=self._note) as self._making:
            if self._cancelled:  # before there was anything to cancel
                self._making.cancel()
            try:
                for _ in self._making.looks(Pace(_LEAST_SECONDS, rest=_REST, at_once=False)):
                    yield GridSight(tuple(self._making.so_far()), self._progress)
            except GeneratorExit:
                self._making.cancel()
                self.found = self._making.grid
                raise
            self.found = self._making.grid
        yield GridSight(self.found.cells)

    def _note(self, at: GridProgress) -> None:
        self._progress = at

    def cancel(self) -> None:
        """Stop after the present batch; what there is stays."""
        self._cancelled = True
        if self._making is not None:
            self._making.cancel()
