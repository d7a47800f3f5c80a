"""Limits: how far from a number outcomes stay what they are, on either side, for many tokens at once.

Guarantee: no number up to a limit has another outcome, but for those beyond a limit's `doubt`, where not all were
asked. Boxes of numbers are settled together, each as a whole (boxes.py); what the bounds leave open is split
(search.py), the nearest part is what counts, and whatever lies beyond a number that is known to differ is dropped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tsumami.bisection import exponential_search
from tsumami.boundaries.axis import Span
from tsumami.boundaries.search import Budget, probe, settle_or_split

__all__ = ["HEAVY", "Box", "Limit", "LimitProblem", "find_limits", "narrowed"]

_BUDGET: Final = Budget(boxes=384, points=64, most_boxes=2048, most_entries=20_000_000)
_TOGETHER: Final = 16  # small boxes whose numbers are asked together
HEAVY: Final = 4096  # candidates in a box, from which on boxes are dear


class Box(NamedTuple):
    """Numbers `span` of the token `owner`; on that `side` of where one starts from, +1 or -1."""

    owner: int
    span: Span
    side: int

    @property
    def near(self) -> int:
        """The number that is the nearest to where one starts."""
        return self.span.first if self.side > 0 else self.span.last

    @property
    def far(self) -> int:
        """The farthest one."""
        return self.span.last if self.side > 0 else self.span.first

    def at(self, number: int) -> Box:
        """The box of a single number."""
        return Box(self.owner, Span(number, number), self.side)


@dataclass(slots=True)
class Limit:
    """The last number on a side with the same outcome. `owner`: whose outcome differs beyond it, None where the range
    ends. `doubt`: the nearest number from which on not all were settled, if there is one.
    """

    number: int
    side: int
    owner: int | None = None
    doubt: int | None = None

    def allows(self, box: Box) -> bool:
        """Whether a box begins before the limit ends."""
        return (self.number - box.near) * self.side >= 0

    def clip(self, box: Box) -> Box:
        """The part of a box up to the limit."""
        first, last = box.span
        span = Span(first, min(last, self.number)) if self.side > 0 else Span(max(first, self.number), last)
        return Box(box.owner, span, box.side)

    def end_before(self, box: Box) -> None:
        """All numbers of a box differ."""
        if self.allows(box):
            self.number, self.owner = box.near - box.side, box.owner

    def doubts(self, number: int) -> None:
        """From a number on not all are settled."""
        if self.doubt is None or (self.doubt - number) * self.side > 0:
            self.doubt = number


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitProblem:
    """What `find_limits` asks.

    Args:
        keeps: for each box whether it keeps its outcome (True), differs throughout (False), or is open (None; never for
            a single number).
        cut: a span in so many parts.
        key: boxes with one key share a limit; they have one side, and begin and end at the same numbers.
        weight: how many candidates a box has.
        points: so few numbers are asked one by one.
        singles_first: whether an exponential search over single numbers makes the limits small before any box is asked.
    """

    keeps: Callable[[Sequence[Box]], Sequence[bool | None]]
    cut: Callable[[Span, int], list[Span]]
    key: Callable[[Box], Hashable]
    weight: int
    points: int = _BUDGET.points
    singles_first: bool = False


def find_limits(problem: LimitProblem, *groups: Sequence[Box]) -> dict[Hashable, Limit]:
    """The limits by key. The groups come one after another, but what must be asked number by number waits until all
    have been looked at.
    """
    search = _LimitSearch(problem, {problem.key(box): Limit(box.far, box.side) for group in groups for box in group})
    if problem.singles_first:
        search.ask_singles(groups[0])
    for group in groups:
        search.look(group)
    search.one_by_one()
    return search.limits


class _LimitSearch:
    """A `Splitting` of boxes, each up to its limit."""

    def __init__(self, problem: LimitProblem, limits: dict[Hashable, Limit]) -> None:
        self.limits = limits
        self.weight = problem.weight
        self._problem = problem
        self._small: list[Box] = []

    def _limit(self, box: Box) -> Limit:
        return self.limits[self._problem.key(box)]

    def ask_singles(self, group: Sequence[Box]) -> None:
        """Make the limits small by asking for single numbers."""
        for box in group:
            narrowed(self._limit(box), box, functools.partial(self._keeps, box))

    def _keeps(self, box: Box, number: int) -> bool:
        return bool(self._problem.keeps([box.at(number)])[0])

    def look(self, group: Sequence[Box]) -> None:
        """Whole boxes first, then ever smaller ones; those of few numbers wait."""
        self._give_up(settle_or_split(self, self._clipped(group), _BUDGET))

    def split(self, box: Box, parts: int) -> list[Box]:
        """Not smaller than what is asked one by one."""
        if len(box.span) == 1:
            return [box]
        parts = min(parts, max(2, len(box.span) // self._problem.points))
        return [Box(box.owner, span, box.side) for span in self._problem.cut(box.span, parts)]

    def settle(self, boxes: Sequence[Box]) -> list[Box]:
        """What stays open, up to the limits as they are then."""
        left = self._note(boxes)
        self._small += [box for box in left if len(box.span) <= self._problem.points]
        return self._clipped([box for box in left if len(box.span) > self._problem.points])

    def _note(self, boxes: Sequence[Box]) -> list[Box]:
        """Ask for boxes; those that stay open."""
        left = []
        for box, keeps in zip(boxes, self._problem.keeps(boxes), strict=True):
            if keeps is None:
                left.append(box)
            elif not keeps:
                self._limit(box).end_before(box)
        return left

    def _clipped(self, boxes: Sequence[Box]) -> list[Box]:
        """Without what lies beyond the limits."""
        return [limit.clip(box) for box in boxes if (limit := self._limit(box)).allows(box)]

    def one_by_one(self) -> None:
        """Number by number, the nearest first, some boxes at a time."""
        boxes = sorted(self._small, key=_distance)
        for begin in range(0, len(boxes), _TOGETHER):
            some = self._clipped(boxes[begin : begin + _TOGETHER])
            self._note([box.at(number) for box in some for number in range(box.span.first, box.span.last + 1)])

    def _give_up(self, boxes: Sequence[Box]) -> None:
        """Probe each token over all of it that is open, and say that this is all that was done."""
        hulls: dict[tuple[Hashable, int], Box] = {}
        for box in boxes:
            key = self._problem.key(box), box.owner
            span = hulls.get(key, box).span
            hull = Span(min(span.first, box.span.first), max(span.last, box.span.last))
            hulls[key] = Box(box.owner, hull, box.side)
        for whole in hulls.values():
            self._limit(whole).doubts(whole.near)
            for clipped in self._clipped([whole]):
                self._probe(clipped)

    def _probe(self, hull: Box) -> None:
        def keeps(numbers: Sequence[int]) -> list[bool]:
            return [bool(one) for one in self._problem.keeps([hull.at(number) for number in numbers])]

        nearest = next(probe(hull.near, hull.far, keeps, _BUDGET.probes))
        if not nearest.outcome:
            self._limit(hull).end_before(hull)
        elif nearest.end != hull.far:
            self._limit(hull).end_before(hull.at(nearest.end + hull.side))


def narrowed(limit: Limit, box: Box, keeps: Callable[[int], bool]) -> None:
    """Make a limit small by asking for single numbers of a box. What is left is not known to keep, but it is so little
    that boxes of many candidates can be afforded.
    """
    if limit.allows(box):
        edge = exponential_search(keeps, box.near - box.side, limit.number)
        if edge is not None:
            limit.end_before(box.at(edge.other))


def _distance(box: Box) -> int:
    return box.near * box.side
