"""Bisection: among whole numbers, where something that holds ceases to hold.

Guarantee: what is found are two neighbours: one that holds, one that does not. If it holds up to some number and
nowhere beyond, that is the one place; else it is one of the places where it changes. Numbers are asked in both
directions: `other` may be the smaller end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Edge", "bisect", "exponential_search"]


class Edge(NamedTuple):
    """Two neighbours: `kept` holds, `other` does not."""

    kept: int
    other: int


def bisect(keeps: Callable[[int], bool], kept: int, other: int) -> Edge:
    """Where `keeps` changes between `kept`, which holds, and `other`, which does not; neither is asked again.

    About log2(|other - kept|) numbers are asked.
    """
    while abs(other - kept) > 1:
        middle = (kept + other) // 2
        kept, other = (middle, other) if keeps(middle) else (kept, middle)
    return Edge(kept, other)


def exponential_search(keeps: Callable[[int], bool], kept: int, last: int) -> Edge | None:
    """The same from `kept`, which holds and is not asked, towards `last`: each step is twice as long as the one before
    (1, 2, 4 …), until a number does not hold; then bisection. None if even `last` holds.

    About 2·log2(d) numbers are asked for a change at a distance d, however far away `last` is.
    """
    step, way = 1, 1 if last > kept else -1
    while kept != last:
        number = kept + way * min(step, abs(last - kept))
        if not keeps(number):
            return bisect(keeps, kept, number)
        kept, step = number, 2 * step
    return None
