"""Lanes: several runs from one prompt and one roll, side by side.

Guarantee: a lane is the run that its settings give alone.
"""

from tsumami.explore.lanes.alignment import Alignment, Block, align
from tsumami.explore.lanes.comparison import (
    Comparing,
    Comparison,
    Lane,
    LanePlan,
    compared,
    differences,
    letter,
    of_runs,
    plan,
)
from tsumami.explore.lanes.plain import comparison_values

__all__ = [
    "Alignment",
    "Block",
    "Comparing",
    "Comparison",
    "Lane",
    "LanePlan",
    "align",
    "compared",
    "comparison_values",
    "differences",
    "letter",
    "of_runs",
    "plan",
]
