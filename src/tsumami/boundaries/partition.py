"""Pieces: at one token, which values of a knob choose which token.

Guarantee: the pieces cover the values that were asked for without gap or overlap, and a piece that is `certain` has no
other token inside, however thin. The truth is always the real chain: it is run at both sides of every boundary. In
between, whole boxes of values are settled at once by bounds of what the stages can do there (bounds/transfer.py); a
box that the bounds leave open is cut up, down to single values, which are simply run.

A knob that cuts (top_k, top_p …) has only as many outcomes as its stage leaves different candidates, so there a box is
a range of sizes and the values come from the real stage (`_Sizes`). A knob that moves logits (temperature, penalties …)
has boxes of values (`_Values`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tsumami.bisection import bisect
from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.boxes import Cuts, Moves
from tsumami.boundaries.cut_lists import Nested
from tsumami.boundaries.search import Budget, probe, settle_or_split
from tsumami.boundaries.trial import DEAD_END, Chosen, Trial
from tsumami.native import Float32Array
from tsumami.sampling import Chain

__all__ = ["DEAD_END", "Chosen", "Partition", "Piece", "pieces"]

_BUDGET: Final = Budget(boxes=48, points=64, most_boxes=2048, most_entries=30_000_000)
_MOST_WAYS: Final = 8  # in which a stage may cut, from one end of a span to the other


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring values with one outcome. `certain` is False where values inside were only probed."""

    span: Span
    outcome: Chosen
    certain: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class WholeSpan:
    """A `span` of values of one token as a `box` that can be settled: of values, or of sizes of a `nested` list."""

    trial: Trial
    span: Span
    box: Span
    nested: Nested | None

    @property
    def width(self) -> int:
        """How many candidates it has."""
        return len((self.nested or self.trial.moved_logits.listed).ids)


class Problem(Protocol):
    """Something with an outcome at every whole number."""

    def settle(self, boxes: Sequence[Span]) -> list[Chosen | None]:
        """The outcome of each box where it is certainly the same throughout, else None; a single number is run."""

    def run(self, number: int) -> Chosen:
        """The outcome at one number, by the real chain."""

    def cut(self, box: Span, parts: int) -> list[Span]:
        """A box in parts."""

    @property
    def weight(self) -> int:
        """How many candidates a box has."""


def pieces(chain: Chain, axis: Axis, row: Float32Array, span: Span) -> list[Piece]:
    """The pieces of a span (within one of `axis.spans()`), in its order.

    Args:
        chain: in the state before the token, with any of the span's values.
        axis: of the knob.
        row: the logits that the token is chosen from, shape (n_vocab,).
        span: the values to look at.
    """
    return Partition(Trial(chain, axis, row)).find(span)


class Partition:
    """A token whose logits alone say what a value chooses (a `TokenProblem`)."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        #: Spans of which it is known already that all their values choose this (side_by_side.py).
        self.settled: dict[Span, Chosen] = {}

    def look(self, span: Span) -> WholeSpan | None:
        """What there is to be settled of a whole span; None where it is as easily found."""
        trial = self._trial
        if trial.idle:
            return None
        if not trial.cuts:
            return WholeSpan(trial, span, span, None)
        nested = trial.cut_lists.nested(span) if len(span) > 1 else None
        if nested is None or nested.smallest == nested.largest:
            return None
        return WholeSpan(trial, span, Span(nested.smallest, nested.largest), nested)

    def find(self, span: Span) -> list[Piece]:
        """`pieces` for a trial that is at hand."""
        trial = self._trial
        if span in self.settled:
            return [Piece(span, self.settled[span])]
        if trial.idle or len(span) == 1:
            return [Piece(span, trial.run(span.first))]
        if trial.cuts:
            return _confirmed(trial, _cut_pieces(trial, span))
        return _confirmed(trial, solve(_Values(trial), span, _BUDGET))

    def after(self, _outcome: Chosen, _spans: Sequence[Span], /) -> None:
        """Later tokens need nothing of it."""


# --- branch and bound ---


def solve(problem: Problem, whole: Span, budget: Budget) -> list[Piece]:
    """All pieces of `whole`: settle boxes, split what stays open, run what is small, probe what is too much."""
    solving = _Solving(problem, budget)
    for box in _connected(settle_or_split(solving, [whole], budget)):
        solving.found += _probed(problem, box, budget.probes)
    return joined(solving.found)


class _Solving:
    """A `Splitting` of spans that takes note of their pieces."""

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self.found: list[Piece] = []
        self.weight = problem.weight
        self.split = problem.cut
        self._problem = problem
        self._budget = budget

    def settle(self, boxes: Sequence[Span]) -> list[Span]:
        """What is small is run at once."""
        left: list[Span] = []
        for box, outcome in zip(boxes, self._problem.settle(boxes), strict=True):
            if outcome is not None:
                self.found.append(Piece(box, outcome))
            else:
                left.append(box)
        for box in _connected([box for box in left if len(box) <= self._budget.points]):
            self.found += self._one_by_one(box)
        return [box for box in left if len(box) > self._budget.points]

    def _one_by_one(self, box: Span) -> list[Piece]:
        if len(box) > self._budget.most_points:
            return _probed(self._problem, box, self._budget.probes)
        points = [Span(number, number) for number in range(box.first, box.last + 1)]
        outcomes = self._problem.settle(points)
        return joined([Piece(point, _there(outcome)) for point, outcome in zip(points, outcomes, strict=True)])


def _there(outcome: Chosen | None) -> Chosen:
    assert outcome is not None, "a single number is always settled"
    return outcome


def _probed(problem: Problem, box: Span, probes: int) -> list[Piece]:
    """A box of which only some numbers were run, as its pieces say."""

    def outcomes(numbers: Sequence[int]) -> list[Chosen]:
        return [problem.run(number) for number in numbers]

    found = probe(box.first, box.last, outcomes, probes)
    return [Piece(Span(begin, end), outcome, certain=False) for begin, end, outcome in found]


def joined(found: list[Piece]) -> list[Piece]:
    """Pieces in order, neighbours with the same outcome as one."""
    made: list[Piece] = []
    for piece in sorted(found, key=_first):
        if made and made[-1].outcome == piece.outcome:
            last = made.pop()
            span, certain = Span(last.span.first, piece.span.last), last.certain and piece.certain
            made.append(Piece(span, piece.outcome, certain))
        else:
            made.append(piece)
    return made


def _first(piece: Piece) -> int:
    return piece.span.first


def _connected(boxes: Sequence[Span]) -> list[Span]:
    """Boxes that touch, as one."""
    made: list[Span] = []
    for box in sorted(boxes):
        if made and made[-1].last + 1 == box.first:
            box = Span(made.pop().first, box.last)
        made.append(box)
    return made


def _confirmed(trial: Trial, found: list[Piece]) -> list[Piece]:
    """The same, after the real chain was run on both sides of every boundary."""
    for left, right in itertools.pairwise(found):
        for ordinal, piece in ((left.span.last, left), (right.span.first, right)):
            outcome = trial.run(ordinal)
            assert outcome == piece.outcome, (trial.axis.knob.name, trial.axis.value(ordinal), outcome, piece)
    return found


# --- the two kinds of problems ---


class _Values:
    """A knob that moves logits: the numbers are ordinals on the axis."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._moves = Moves([trial])

    def settle(self, boxes: Sequence[Span]) -> list[Chosen | None]:
        return self._moves.settle([0] * len(boxes), boxes)

    def run(self, number: int) -> Chosen:
        return self._trial.run(number)

    def cut(self, box: Span, parts: int) -> list[Span]:
        return self._trial.axis.cut(box, parts)

    @property
    def weight(self) -> int:
        return self._moves.columns


class _Sizes:
    """A knob that cuts: the numbers are how many candidates its stage leaves."""

    def __init__(self, trial: Trial, nested: Nested) -> None:
        self._trial = trial
        self._nested = nested
        self._cuts = Cuts([trial], [nested])

    def settle(self, boxes: Sequence[Span]) -> list[Chosen | None]:
        return self._cuts.settle([0] * len(boxes), boxes)

    def run(self, number: int) -> Chosen:
        return self._trial.run_size(self._nested, number)

    def cut(self, box: Span, parts: int) -> list[Span]:
        return box.cut(parts)

    @property
    def weight(self) -> int:
        return len(self._nested.ids)


def _cut_pieces(trial: Trial, span: Span, ways: int = 0) -> list[Piece]:
    """Pieces over sizes, and for each boundary between sizes the values where the real stage goes from one to the
    other.
    """
    nested = trial.cut_lists.nested(span)
    if nested is None:
        return _two_ways(trial, span, ways + 1) if ways < _MOST_WAYS else _probed(_Values(trial), span, _BUDGET.probes)
    if nested.smallest == nested.largest:
        return [Piece(span, trial.run(span.first))]
    found = solve(_Sizes(trial, nested), Span(nested.smallest, nested.largest), _BUDGET)
    if nested.falling:
        found = found[::-1]
    made: list[Piece] = []
    start = span.first
    for piece in found:
        last = span.last if piece is found[-1] else _last_of(trial, nested, piece.span, Span(start - 1, span.last))
        if last >= start:
            made.append(Piece(Span(start, last), piece.outcome, piece.certain))
        start = max(start, last + 1)
    return joined(made)


def _last_of(trial: Trial, nested: Nested, sizes: Span, ordinals: Span) -> int:
    """The last of the ordinals at which the real stage has not gone beyond these sizes; it has at `ordinals.last`, and
    `ordinals.first` counts as within.
    """

    def within(ordinal: int) -> bool:
        size = trial.cut_lists.size_at(ordinal)
        return size >= sizes.first if nested.falling else size <= sizes.last

    return bisect(within, ordinals.first, ordinals.last).kept


def _two_ways(trial: Trial, span: Span, ways: int) -> list[Piece]:
    """The stage cuts in one way up to some value and in another beyond it (XTC fires or not, min_p falls back to
    min_keep): the values that leave the very list of the smaller end are one piece, the others are looked at by
    themselves.
    """
    first, last = (trial.cut_lists.left_at(ordinal) for ordinal in span)
    small_first = len(first) <= len(last)
    fixed = (first if small_first else last).ids

    def same(ordinal: int) -> bool:
        return np.array_equal(trial.cut_lists.left_at(ordinal).ids, fixed)

    begin, end = span if small_first else span[::-1]
    edge = bisect(same, begin, end)
    rest = Span(*sorted((edge.other, end)))
    return joined([Piece(Span(*sorted((begin, edge.kept))), trial.run(begin)), *_cut_pieces(trial, rest, ways)])
