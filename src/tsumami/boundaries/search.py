"""Reach: how far from a number outcomes stay what they are, on either side, for many tokens at once.

Guarantee: no number up to a limit has another outcome, but for those beyond a limit's `doubt`, where not all were
asked. Boxes of numbers are settled together, each as a whole (boxes.py); what the bounds leave open is cut up, the
nearest part is what counts, and whatever lies beyond a number that is known to differ is dropped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tsumami.boundaries.axis import Span

__all__ = ["HEAVY", "Box", "Limit", "gallop", "reach"]

_ROWS: Final = 384  # boxes that are looked at together
_MOST_BOXES: Final = 2048  # more open boxes than that: bounds do not help
_MOST_ENTRIES: Final = 20_000_000  # nor more candidates in boxes
_TOGETHER: Final = 16  # small boxes whose numbers are asked together
_PROBES: Final = 33
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


@dataclass(frozen=True, slots=True)
class Question:
    """What `reach` asks: whether a box keeps its outcome (True), differs throughout (False), or is open (None; never
    for a single number), how to cut a box, under which key boxes share a limit, how many numbers are so few that they
    are asked one by one, how many candidates a box has, and whether single numbers of the first group come first.
    """

    keeps: Callable[[Sequence[Box]], Sequence[bool | None]]
    cut: Callable[[Span, int], list[Span]]
    key: Callable[[Box], Hashable]
    few: int
    weight: int
    gallops: bool = False


def reach(question: Question, *groups: Sequence[Box]) -> dict[Hashable, Limit]:
    """The limits by key. Boxes with one key have one side, and begin and end at the same numbers. The groups come one
    after another, but what must be asked number by number waits until all have been looked at.
    """
    limits: dict[Hashable, Limit] = {question.key(box): Limit(box.far, box.side) for group in groups for box in group}
    search = _Search(question, limits)
    if question.gallops:
        search.gallop(groups[0])
    for group in groups:
        search.look(group)
    search.one_by_one()
    return limits


class _Search:
    def __init__(self, question: Question, limits: dict[Hashable, Limit]) -> None:
        self._ask = question
        self._limits = limits
        self._small: list[Box] = []

    def gallop(self, group: Sequence[Box]) -> None:
        """Make the limits small by asking for single numbers."""
        for box in group:
            gallop(box, self._limits[self._ask.key(box)], functools.partial(self._keeps, box))

    def look(self, group: Sequence[Box]) -> None:
        """Whole boxes first, then ever smaller ones."""
        boxes = self._clipped(group)
        parts, spent = 1, 0
        while boxes:
            cut = [Box(box.owner, span, box.side) for box in boxes for span in self._parts(box, parts)]
            left = self._settled(cut)
            spent += len(cut)
            self._small += [box for box in left if len(box.span) <= self._ask.few]
            boxes = self._clipped([box for box in left if len(box.span) > self._ask.few])
            if len(boxes) > _MOST_BOXES or spent * self._ask.weight > _MOST_ENTRIES:
                self._probe(boxes)
                boxes = []
            parts = max(4, _ROWS // max(1, len(boxes)))

    def _parts(self, box: Box, parts: int) -> list[Span]:
        """Not smaller than what is asked one by one."""
        parts = min(parts, max(2, len(box.span) // self._ask.few)) if parts > 1 else 1
        return [box.span] if parts == 1 or len(box.span) == 1 else self._ask.cut(box.span, parts)

    def _settled(self, boxes: Sequence[Box]) -> list[Box]:
        """Ask for boxes; those that stay open."""
        left = []
        for box, keeps in zip(boxes, self._ask.keeps(boxes), strict=True):
            if keeps is None:
                left.append(box)
            elif not keeps:
                self._limits[self._ask.key(box)].end_before(box)
        return left

    def _clipped(self, boxes: Sequence[Box]) -> list[Box]:
        """Without what lies beyond the limits."""
        limits = [self._limits[self._ask.key(box)] for box in boxes]
        return [limit.clip(box) for box, limit in zip(boxes, limits, strict=True) if limit.allows(box)]

    def one_by_one(self) -> None:
        """Number by number, the nearest first, some boxes at a time."""
        boxes = sorted(self._small, key=_distance)
        for begin in range(0, len(boxes), _TOGETHER):
            some = self._clipped(boxes[begin : begin + _TOGETHER])
            self._settled([Box(box.owner, Span(i, i), box.side) for box in some for i in range(*_ends(box.span))])

    def _probe(self, boxes: Sequence[Box]) -> None:
        """Give up: ask each token for some numbers of all that is open, and say that this is all that was done."""
        hulls: dict[tuple[Hashable, int], Box] = {}
        for box in boxes:
            key = self._ask.key(box), box.owner
            span = hulls.get(key, box).span
            hull = Span(min(span.first, box.span.first), max(span.last, box.span.last))
            hulls[key] = Box(box.owner, hull, box.side)
        for whole in hulls.values():
            limit = self._limits[self._ask.key(whole)]
            if limit.doubt is None or (limit.doubt - whole.near) * whole.side > 0:
                limit.doubt = whole.near
            for clipped in self._clipped([whole]):
                self._probe_hull(clipped)

    def _probe_hull(self, hull: Box) -> None:
        steps = range(_PROBES)
        numbers = [hull.near + (hull.far - hull.near) * step // (_PROBES - 1) for step in steps]
        found = self._ask.keeps([Box(hull.owner, Span(number, number), hull.side) for number in numbers])
        if not all(found):
            first = list(map(bool, found)).index(False)
            kept = numbers[first - 1] if first else hull.near - hull.side
            halve(hull, self._limits[self._ask.key(hull)], kept, numbers[first], functools.partial(self._keeps, hull))

    def _keeps(self, box: Box, number: int) -> bool:
        return bool(self._ask.keeps([Box(box.owner, Span(number, number), box.side)])[0])


def gallop(box: Box, limit: Limit, keeps: Callable[[int], bool]) -> None:
    """Single numbers, each twice as far as the one before, until one differs; then halving. What is left is not known
    to keep, but it is so little that boxes of many candidates can be afforded.
    """
    kept, step = box.near - box.side, 1
    while (limit.number - kept) * box.side > 0:
        number = kept + min(step, abs(limit.number - kept)) * box.side
        if not keeps(number):
            halve(box, limit, kept, number, keeps)
            return
        kept, step = number, 2 * step


def halve(box: Box, limit: Limit, kept: int, other: int, keeps: Callable[[int], bool]) -> None:
    """A limit between a number that keeps and one that does not."""
    while abs(other - kept) > 1:
        middle = (kept + other) // 2
        kept, other = (middle, other) if keeps(middle) else (kept, middle)
    limit.end_before(Box(box.owner, Span(other, other), box.side))


def _ends(span: Span) -> tuple[int, int]:
    return span.first, span.last + 1


def _distance(box: Box) -> int:
    return box.near * box.side
