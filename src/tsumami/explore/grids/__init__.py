"""Grids: one run for each combination of settings, prompts and seeds.

Guarantee: a cell is the run that its settings give alone.
"""

from tsumami.explore.grids.grid import MEASURES, Cell, Grid, text_numbers
from tsumami.explore.grids.gridding import Gridding, GridProgress, grid_receipt
from tsumami.explore.grids.plan import GridPlan, Point, plan_grid
from tsumami.explore.grids.seeds import Count, Held, Spread, between_values, held, larger, range_text, spread

__all__ = [
    "MEASURES",
    "Cell",
    "Count",
    "Grid",
    "GridPlan",
    "GridProgress",
    "Gridding",
    "Held",
    "Point",
    "Spread",
    "between_values",
    "grid_receipt",
    "held",
    "larger",
    "plan_grid",
    "range_text",
    "spread",
    "text_numbers",
]
