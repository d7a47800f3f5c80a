"""Interval arithmetic on rows of logits: boxes of values in, bounds of what a stage makes of them out.

Guarantee: pure functions of arrays; no chain, no trial, no run.
"""

from tsumami.boundaries.bounds.bounds import Bounds, CertainChoice, Flags, Reals, Whole, certainly_drawn
from tsumami.boundaries.bounds.transfer import Keep

__all__ = ["Bounds", "CertainChoice", "Flags", "Keep", "Reals", "Whole", "certainly_drawn"]
