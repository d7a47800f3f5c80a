"""Sweeps: a grid made by several machines.

Guarantee: the grid is the one that a single machine makes, row for row, as long as the machines compute alike (an exact
engine on the same processor and build); where they do not, the grid says that it is not exact. A worker that is lost
takes nothing with it: its part is done again by another.
"""

from tsumami.sweep.over_ray import Sweep

__all__ = ["Sweep"]
