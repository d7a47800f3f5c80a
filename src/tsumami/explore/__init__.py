"""Experiments: many runs at once, from one prompt.

Guarantee: every text that an experiment shows is, bit for bit, the run that its settings and seed give alone.

Four wings that do not know each other: `lanes` (side by side), `grids` (every combination), `maps` (every text that a
knob can give) and `intervals` (how far each knob can be turned).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.explore.design import Design as Design
    from tsumami.explore.grids import Cell as Cell
    from tsumami.explore.grids import Grid as Grid
    from tsumami.explore.grids import Gridding as Gridding
    from tsumami.explore.grids import GridPlan as GridPlan
    from tsumami.explore.grids import Point as Point
    from tsumami.explore.grids import plan_grid as plan_grid
    from tsumami.explore.intervals import Bend as Bend
    from tsumami.explore.intervals import Interval as Interval
    from tsumami.explore.lanes import Alignment as Alignment
    from tsumami.explore.lanes import Block as Block
    from tsumami.explore.lanes import Comparing as Comparing
    from tsumami.explore.lanes import Comparison as Comparison
    from tsumami.explore.lanes import Lane as Lane
    from tsumami.explore.lanes import LanePlan as LanePlan
    from tsumami.explore.lanes import align as align
    from tsumami.explore.maps import KnobMap as KnobMap
    from tsumami.explore.maps import MapPiece as MapPiece
    from tsumami.explore.maps import Mapping as Mapping

_HOMES: Final = {
    "Design": "tsumami.explore.design",
    "Alignment": "tsumami.explore.lanes",
    "Block": "tsumami.explore.lanes",
    "Comparing": "tsumami.explore.lanes",
    "Comparison": "tsumami.explore.lanes",
    "Lane": "tsumami.explore.lanes",
    "LanePlan": "tsumami.explore.lanes",
    "align": "tsumami.explore.lanes",
    "Cell": "tsumami.explore.grids",
    "Grid": "tsumami.explore.grids",
    "GridPlan": "tsumami.explore.grids",
    "Gridding": "tsumami.explore.grids",
    "Point": "tsumami.explore.grids",
    "plan_grid": "tsumami.explore.grids",
    "KnobMap": "tsumami.explore.maps",
    "MapPiece": "tsumami.explore.maps",
    "Mapping": "tsumami.explore.maps",
    "Bend": "tsumami.explore.intervals",
    "Interval": "tsumami.explore.intervals",
}

__all__ = [
    "Alignment",
    "Bend",
    "Block",
    "Cell",
    "Comparing",
    "Comparison",
    "Design",
    "Grid",
    "GridPlan",
    "Gridding",
    "Interval",
    "KnobMap",
    "Lane",
    "LanePlan",
    "MapPiece",
    "Mapping",
    "Point",
    "align",
    "plan_grid",
]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
