"""Experiments with banned texts: a grid's cell is its run, and what cannot be known is refused with its reason."""

from __future__ import annotations

import pytest
from tests.support.worlds import PROMPT, fixed_world

from tsumami.errors import SettingsError
from tsumami.explore.design import Design
from tsumami.explore.grids import plan_grid
from tsumami.explore.grids.gridding import Gridding
from tsumami.explore.intervals import intervals
from tsumami.explore.maps import Mapping
from tsumami.runs import Prompt
from tsumami.settings import Settings

MODEL = fixed_world({"a": 0.5, "b": 0.3, "c": 0.2})
START = Prompt(PROMPT, tuple(PROMPT.encode()))
BANNED = Settings(banned_texts=("ab", "cA"), max_tokens=9, top_k=0, seed=4)


def test_a_cell_is_the_run_by_itself() -> None:
    plan = plan_grid([START], Design(BANNED, vary={"temperature": [0.5, 1.5]}, seeds=2))
    grid = Gridding(MODEL, plan).grid
    for cell in grid.cells:
        run = MODEL.run(START, plan.settings_at(cell.point))
        assert (cell.text, cell.tokens, cell.stop_reason) == (run.text, run.tokens, run.stop_reason)
        assert not any(text.casefold() in cell.text for text in BANNED.banned_texts)


def test_maps_and_intervals_say_why_there_are_none() -> None:
    with pytest.raises(SettingsError, match=r"temperature cannot be mapped with banned_texts: whether"):
        Mapping(MODEL, START, "temperature", 0.5, 1.5, BANNED)
    with pytest.raises(SettingsError, match=r"intervals of a run with banned_texts are not known: whether"):
        intervals(MODEL, MODEL.run(START, BANNED))
