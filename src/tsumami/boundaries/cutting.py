"""Cutting: how far a knob that cuts can be turned, for many tokens at once.

Guarantee: as `find_limits`, over values. Such a knob has only as many outcomes as its stage leaves different
candidates, so for each token the sizes of what is left are settled; where the stage, the real one, goes from one size
to the next is looked up only for the token that ends the interval.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from tsumami.bisection import bisect
from tsumami.boundaries.axis import Span
from tsumami.boundaries.boxes import Cuts
from tsumami.boundaries.cut_lists import Nested
from tsumami.boundaries.limits import HEAVY, Box, Limit, LimitProblem, find_limits, narrowed
from tsumami.boundaries.partition import Partition
from tsumami.boundaries.trial import Chosen, Trial

__all__ = ["find_cut_limit"]

_SINGLES: Final = 8  # tokens of heavy boxes that are asked for single values first


def find_cut_limit(
    trials: Sequence[Trial], wanted: Sequence[Chosen], owners: Sequence[int], box: Box, start: int | None
) -> Limit:
    """How far the values of `box` (its owner does not matter) choose what is wanted of each of the owners.

    Args:
        trials: the tokens.
        wanted: what each of them is to choose.
        owners: which of them are asked.
        box: the values, on one side of where one starts from.
        start: the value beside the box that is known to choose what is wanted, if there is one.
    """
    search = _CutSearch(trials, wanted, box)
    if trials[0].width > HEAVY:
        for owner in owners[:_SINGLES]:
            search.ask_singles(owner)
    if start is None:
        search.ask(owners, box.near)
        start = box.near
    search.ask_sizes(owners, start)
    return search.limit


class _CutSearch:
    def __init__(self, trials: Sequence[Trial], wanted: Sequence[Chosen], box: Box) -> None:
        self._trials = trials
        self._wanted = wanted
        self._box = box
        self.limit = Limit(box.far, box.side)

    def ask_singles(self, owner: int) -> None:
        """Make the limit small by running single values."""
        narrowed(self.limit, self._box._replace(owner=owner), functools.partial(self._keeps, owner))

    def _keeps(self, owner: int, ordinal: int) -> bool:
        return self._trials[owner].run(ordinal) == self._wanted[owner]

    def ask(self, owners: Sequence[int], ordinal: int) -> None:
        """Run a single value."""
        for owner in owners:
            if not self._keeps(owner, ordinal):
                self._end_before(owner, ordinal)
                return

    def _end_before(self, owner: int, ordinal: int) -> None:
        self.limit.end_before(self._box._replace(owner=owner).at(ordinal))

    def ask_sizes(self, owners: Sequence[int], start: int) -> None:
        """From a value that is as wanted to the limit."""
        nested: dict[int, Nested] = {}
        for owner in owners:
            if (self.limit.number - start) * self._box.side <= 0:
                return
            found = self._trials[owner].cut_lists.nested(self._between(start))
            if found is None:
                self._by_pieces(owner, start)
            elif found.smallest != found.largest:
                nested[owner] = found
        if nested:
            self._by_sizes(nested, start)

    def _between(self, start: int) -> Span:
        """The ordinals from `start` to the limit."""
        first, last = sorted((start, self.limit.number))
        return Span(first, last)

    def _by_pieces(self, owner: int, start: int) -> None:
        """The stage cuts in one way here and in another there, so look at all there is."""
        side = self._box.side
        found = Partition(self._trials[owner]).find(self._between(start))[::side]
        for piece in found:
            box = Box(owner, piece.span, side)
            if not piece.certain:
                self.limit.doubts(box.near)
            if piece.outcome != self._wanted[owner]:
                self.limit.end_before(box)
                return

    def _by_sizes(self, nested: dict[int, Nested], start: int) -> None:
        """The first sizes that are not as wanted, and where the stage comes to them."""
        owners = list(nested)
        cuts = Cuts([self._trials[owner] for owner in owners], [nested[owner] for owner in owners])

        def keeps(boxes: Sequence[Box]) -> list[bool | None]:
            found = cuts.settle([box.owner for box in boxes], [box.span for box in boxes])
            return [
                None if outcome is None else outcome == self._wanted[owners[box.owner]]
                for box, outcome in zip(boxes, found, strict=True)
            ]

        boxes = [Box(i, *self._sizes(nested[owner])) for i, owner in enumerate(owners)]
        problem = LimitProblem(keeps=keeps, cut=Span.cut, key=_owner, weight=cuts.columns, points=1)
        limits = find_limits(problem, boxes)
        for i, owner in enumerate(owners):
            limit = limits[i]
            if limit.doubt is not None:  # a number of sizes beyond all measure
                self.limit.doubts(start)
            if limit.owner is not None:
                self._come_to(owner, start, limit.number + limit.side, limit.side)

    def _sizes(self, nested: Nested) -> tuple[Span, int]:
        """All sizes between the ends, and on which side those of larger values are."""
        side = -self._box.side if nested.falling else self._box.side
        return Span(nested.smallest, nested.largest), side

    def _come_to(self, owner: int, start: int, size: int, sizes_side: int) -> None:
        """Find the first value at which the stage has come to a size; it may pass over it, and then one looks on."""
        trial = self._trials[owner]

        def before(ordinal: int) -> bool:
            return (trial.cut_lists.size_at(ordinal) - size) * sizes_side < 0

        if before(self.limit.number):
            return
        first = bisect(before, start, self.limit.number).other
        if self._keeps(owner, first):
            self.ask_sizes([owner], first)
        else:
            self._end_before(owner, first)


def _owner(box: Box) -> int:
    return box.owner
