"""What a worker of a sweep does, in a process of its own: load the model once, and make parts of the grid.

Guarantee: the model is loaded when it is first needed, so that what is wrong with it is an answer, not a lost worker.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tsumami.engine import EngineOptions
from tsumami.explore.grids import Cell, Gridding, GridPlan, grid_receipt
from tsumami.model import Model, load
from tsumami.prompts import Message
from tsumami.runs import Prompt, Receipt
from tsumami.runs.prompting import PromptLike
from tsumami.settings import Settings

__all__ = ["Asked", "GridPart", "PartWorker"]

#: What a prompt can be asked as: what a run can start from, or messages.
Asked = PromptLike | Sequence[Message | dict[str, str]]


@dataclass(frozen=True, slots=True)
class GridPart:
    """Some cells, the receipt of the grid as this worker would write it, tokens decoded, and the worker's process."""

    cells: tuple[Cell, ...]
    receipt: Receipt
    nodes: int
    pid: int


class PartWorker:
    """One model in one process."""

    def __init__(self, name: str, options: EngineOptions) -> None:
        self._name, self._options = name, options

    @functools.cached_property
    def _model(self) -> Model:
        return load(self._name, self._options)

    def prompts(
        self,
        asked: Sequence[Any],
        template: str | None,
        parse_special: bool | None = None,
        settings: Settings | None = None,
    ) -> tuple[Prompt, ...]:
        """The prompts as the model gets them; messages where a template is named, else as `Model.as_prompt` has it."""
        if template is None:
            return tuple(map(self._model.as_prompt, asked))
        return tuple(self._model.prompt(one, settings, template=template, parse_special=parse_special) for one in asked)

    def receipt(self, plan: GridPlan) -> Receipt:
        """What holds for the whole grid on this machine."""
        return grid_receipt(self._model, plan)

    def thinking(self) -> tuple[bool, bool]:
        """Whether the model thinks, and whether its chat template asks if it should."""
        return self._model.thinking is not None, self._model.asks_thinking

    def make(self, plan: GridPlan, numbers: Iterable[int]) -> GridPart:
        """The cells of these numbers."""
        with Gridding(self._model, plan, numbers) as cells:
            return GridPart(tuple(cells.cells()), grid_receipt(self._model, plan), cells.nodes, os.getpid())
