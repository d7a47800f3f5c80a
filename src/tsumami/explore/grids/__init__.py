"""Grids: one run for each combination of settings, prompts and seeds.

Guarantee: a cell is the run that its settings give alone.
"""

from tsumami.explore.grids.grid import MEASURES, Cell, Grid
from tsumami.explore.grids.gridding import Gridding, Progress, grid_receipt
from tsumami.explore.grids.plan import GridPlan, Point, plan_grid
from tsumami.explore.grids.seeds import Count, Spread, between_values, larger, spread

__all__ = [
    "MEASURES",
    "Cell",
    "Count",
    "Grid",
    "GridPlan",
    "Gridding",
    "Point",
    "Progress",
    "Spread",
    "between_values",
    "grid_receipt",
    "larger",
    "plan_grid",
    "spread",
]
