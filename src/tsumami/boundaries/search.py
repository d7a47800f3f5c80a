"""Search: branch and bound over whole numbers, for whatever has an outcome at each of them.

Guarantee: a box of numbers is settled as a whole, or split and looked at again, until nothing is open or a budget is
spent; boxes that are open then are handed back, none is dropped. `probe` is what remains to be done with those: it asks
for some of their numbers, and finds the changes between them.

    settle_or_split   the loop; what settles a box is the problem's affair (partition.py, limits.py)
    probe             giving up: some numbers for all
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from tsumami.bisection import bisect

__all__ = ["Budget", "Splitting", "Stretch", "probe", "settle_or_split"]

_LEAST_PARTS: Final = 4  # of a box that stays open

BoxT = TypeVar("BoxT")
OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much work a search may be.

    Args:
        boxes: about so many are looked at together.
        points: a box of at most so many numbers is not split any more; its numbers are asked one by one.
        most_boxes: with more open boxes than that, settling boxes does not help.
        most_entries: nor when so many candidates were looked at, in all boxes so far.
        most_points: more neighbouring numbers than that are not asked one by one, but probed.
        probes: how many numbers are asked for a stretch that is given up.
    """

    boxes: int
    points: int
    most_boxes: int
    most_entries: int
    most_points: int = 4096
    probes: int = 33


class Splitting(Protocol[BoxT]):
    """What `settle_or_split` asks of a problem. A box is whatever the problem says."""

    @property
    def weight(self) -> int:
        """How many candidates are looked at for a box."""

    def split(self, box: BoxT, parts: int) -> Sequence[BoxT]:
        """A box in at most so many parts, 2 or more."""

    def settle(self, boxes: Sequence[BoxT]) -> list[BoxT]:
        """Take note of what is certain; the boxes that stay open and still matter."""


def settle_or_split(problem: Splitting[BoxT], boxes: Sequence[BoxT], budget: Budget) -> list[BoxT]:
    """Settle boxes together, split what stays open, and so on; the boxes that are open when the budget is spent."""
    left = list(boxes)
    parts, spent = 1, 0
    while left:
        cut = [part for box in left for part in (problem.split(box, parts) if parts > 1 else (box,))]
        left = problem.settle(cut)
        spent += len(cut) * problem.weight
        if len(left) > budget.most_boxes or spent > budget.most_entries:
            return left
        parts = max(_LEAST_PARTS, budget.boxes // max(1, len(left)))
    return []


class Stretch(NamedTuple, Generic[OutcomeT]):
    """The numbers from `begin` to `end`, both included, as far as was asked with this outcome."""

    begin: int
    end: int
    outcome: OutcomeT


def probe(
    begin: int, end: int, outcomes: Callable[[Sequence[int]], Sequence[OutcomeT]], count: int
) -> Iterator[Stretch[OutcomeT]]:
    """The stretches from `begin` to `end` (the larger or the smaller number), one after another: `count` numbers are
    asked together, and between two that differ the places where it changes are found by bisection. What is thinner than
    the distance of two probes may be missed.
    """
    numbers = list(dict.fromkeys(begin + (end - begin) * step // (count - 1) for step in range(count)))
    known = dict(zip(numbers, outcomes(numbers), strict=True))

    def as_at(number: int) -> Callable[[int], bool]:
        def same(other: int) -> bool:
            if other not in known:
                (known[other],) = outcomes([other])
            return known[other] == known[number]

        return same

    start = begin
    for near, far in itertools.pairwise(numbers):
        at = near
        while known[at] != known[far]:
            edge = bisect(as_at(at), at, far)
            yield Stretch(start, edge.kept, known[at])
            start = at = edge.other
    yield Stretch(start, end, known[end])
