"""Pieces: at one token, which values of a knob choose which token.

Guarantee: the pieces cover the values that were asked for without gap or overlap, and a piece that is `certain` has no
other token inside, however thin. The truth is always the real chain: it is run at both sides of every boundary. In
between, whole boxes of values are settled at once by bounds of what the stages can do there (bounds/transfer.py); a
box that the bounds leave open is cut up, down to single values, which are simply run.

A knob that cuts (top_k, top_p …) has only as many outcomes as its stage leaves different candidates, so there a box is
a range of sizes and the values come from the real stage (`_Cut`). A knob that moves logits (temperature, penalties …)
has boxes of values (`_Move`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.boxes import Cuts, Moves
from tsumami.boundaries.trial import DEAD_END, Nested, Outcome, Trial
from tsumami.native import Float32Array
from tsumami.sampling import Chain

__all__ = ["DEAD_END", "Outcome", "Piece", "pieces"]

_BOXES: Final = 48  # boxes that are looked at together
_POINTS: Final = 64  # a box of so few values is settled value by value
_MOST_BOXES: Final = 2048  # more open boxes than that: bounds do not help
_MOST_ENTRIES: Final = 30_000_000  # nor more candidates in boxes
_MOST_POINTS: Final = 4096  # beyond that, what bounds leave open is only probed
_PROBES: Final = 33
_MOST_WAYS: Final = 8  # in which a stage may cut, from one end of a span to the other


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring values with one outcome. `certain` is False where values inside were only probed."""

    span: Span
    outcome: Outcome
    certain: bool = True


class Problem(Protocol):
    """Something with an outcome at every whole number."""

    def settle(self, boxes: Sequence[Span]) -> list[Outcome | None]:
        """The outcome of each box where it is certainly the same throughout, else None; a single number is run."""

    def run(self, number: int) -> Outcome:
        """The outcome at one number, by the real chain."""

    def cut(self, box: Span, parts: int) -> list[Span]:
        """A box in parts."""

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
    trial = Trial(chain, axis, row)
    return find(trial, span)


def find(trial: Trial, span: Span) -> list[Piece]:
    """`pieces` for a trial that is at hand."""
    if trial.idle or len(span) == 1:
        return [Piece(span, trial.run(span.first))]
    if trial.cuts:
        return _confirmed(trial, _cut_pieces(trial, span))
    return _confirmed(trial, solve(_Move(trial), span))


# --- branch and bound ---


def solve(problem: Problem, whole: Span) -> list[Piece]:
    """All pieces of `whole`: settle boxes together, cut up what stays open, run what is small."""
    found: list[Piece] = []
    open_boxes = [whole]
    parts, spent = 1, 0
    while open_boxes:
        boxes = [part for box in open_boxes for part in problem.cut(box, parts)]
        left: list[Span] = []
        for begin in range(0, len(boxes), _BOXES):
            some = boxes[begin : begin + _BOXES]
            for box, outcome in zip(some, problem.settle(some), strict=True):
                if outcome is not None:
                    found.append(Piece(box, outcome))
                else:
                    left.append(box)
        open_boxes = [box for box in left if len(box) > _POINTS]
        rest = [box for box in left if len(box) <= _POINTS]
        spent += len(boxes) * problem.weight()
        if len(open_boxes) > _MOST_BOXES or spent > _MOST_ENTRIES:
            open_boxes, rest = [], left
        for box in _joined(rest):
            found += _one_by_one(problem, box)
        parts = max(3, _BOXES // max(1, len(open_boxes)))
    return joined(found)


def _one_by_one(problem: Problem, box: Span) -> list[Piece]:
    if len(box) > _MOST_POINTS:
        return _probe(problem, box)
    found = []
    for begin in range(box.first, box.last + 1, 8 * _BOXES):
        points = [Span(i, i) for i in range(begin, min(begin + 8 * _BOXES, box.last + 1))]
        found += [Piece(point, _there(outcome)) for point, outcome in zip(points, problem.settle(points), strict=True)]
    return joined(found)


def _there(outcome: Outcome | None) -> Outcome:
    assert outcome is not None, "a single number is always settled"
    return outcome


def _probe(problem: Problem, box: Span) -> list[Piece]:
    """The pieces between probes, each boundary found by halving: what is thinner than the probes' distance may be
    missed, and the pieces say so.
    """
    at = sorted({int(place) for place in np.linspace(box.first, box.last, _PROBES)})
    known = {place: problem.run(place) for place in at}
    starts = [box.first]
    for low, high in itertools.pairwise(at):
        while known[low] != known[high]:
            start = _first_other(problem, low, high, known)
            starts.append(start)
            low = start
    ends = [*(start - 1 for start in starts[1:]), box.last]
    return [Piece(Span(a, b), known[a], certain=False) for a, b in zip(starts, ends, strict=True)]


def _first_other(problem: Problem, low: int, high: int, known: dict[int, Outcome]) -> int:
    """A number in low + 1 .. high whose outcome is not low's while its neighbour's below is."""
    outcome = known[low]
    while high - low > 1:
        middle = (low + high) // 2
        known[middle] = problem.run(middle)
        low, high = (middle, high) if known[middle] == outcome else (low, middle)
    return high


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


def _joined(boxes: list[Span]) -> list[Span]:
    made: list[Span] = []
    for box in sorted(boxes):
        if made and made[-1].last + 1 == box.first:
            box = Span(made.pop().first, box.last)
        made.append(box)
    return made


def _confirmed(trial: Trial, found: list[Piece]) -> list[Piece]:
    """The same, after the real chain was run on both sides of every boundary."""
    for left, right in itertools.pairwise(found):
        for place, piece in ((left.span.last, left), (right.span.first, right)):
            outcome = trial.run(place)
            assert outcome == piece.outcome, (trial.axis.knob.name, trial.axis.value(place), outcome, piece)
    return found


# --- the two kinds of problems ---


class _Move:
    """A knob that moves logits: the numbers are places on the axis."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._moves = Moves([trial])

    def settle(self, boxes: Sequence[Span]) -> list[Outcome | None]:
        return self._moves.settle([0] * len(boxes), boxes)

    def run(self, number: int) -> Outcome:
        return self._trial.run(number)

    def cut(self, box: Span, parts: int) -> list[Span]:
        return self._trial.axis.cut(box, parts)

    def weight(self) -> int:
        return self._moves.columns


class _Sizes:
    """A knob that cuts: the numbers are how many candidates its stage leaves."""

    def __init__(self, trial: Trial, nested: Nested) -> None:
        self._trial = trial
        self._nested = nested
        self._cuts = Cuts([trial], [nested])

    def settle(self, boxes: Sequence[Span]) -> list[Outcome | None]:
        return self._cuts.settle([0] * len(boxes), boxes)

    def run(self, number: int) -> Outcome:
        return self._trial.run_size(self._nested, number)

    def cut(self, box: Span, parts: int) -> list[Span]:
        edges = sorted({int(i) for i in np.linspace(box.first, box.last + 1, parts + 1)})
        return [Span(a, b - 1) for a, b in itertools.pairwise(edges)]

    def weight(self) -> int:
        return len(self._nested.ids)


def _cut_pieces(trial: Trial, span: Span, ways: int = 0) -> list[Piece]:
    """Pieces over sizes, and for each boundary between sizes the values where the real stage goes from one to the
    other.
    """
    nested = trial.nested(span)
    if nested is None:
        return _two_ways(trial, span, ways + 1) if ways < _MOST_WAYS else _probe(_Move(trial), span)
    if nested.smallest == nested.largest:
        return [Piece(span, trial.run(span.first))]
    found = solve(_Sizes(trial, nested), Span(nested.smallest, nested.largest))
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


def _last_of(trial: Trial, nested: Nested, sizes: Span, places: Span) -> int:
    """The last place after `places.first` at which the real stage has not gone beyond these sizes; `places.first` if
    there is none. It has at `places.last`.
    """
    low, high = places
    while high - low > 1:
        middle = (low + high) // 2
        size = trial.size_at(middle)
        within = size >= sizes.first if nested.falling else size <= sizes.last
        low, high = (middle, high) if within else (low, middle)
    return low


def _two_ways(trial: Trial, span: Span, ways: int) -> list[Piece]:
    """The stage cuts in one way up to some value and in another beyond it (XTC fires or not, min_p falls back to
    min_keep): the values that leave the very list of the smaller end are one piece, the others are looked at by
    themselves.
    """
    first, last = (trial.left_at(place) for place in span)
    small_first = len(first) <= len(last)
    fixed = (first if small_first else last).ids
    low, high = span
    while high - low > 1:
        middle = (low + high) // 2
        same = np.array_equal(trial.left_at(middle).ids, fixed)
        low, high = (middle, high) if same == small_first else (low, middle)
    if small_first:
        return joined([Piece(Span(span.first, low), trial.run(low)), *_cut_pieces(trial, Span(high, span.last), ways)])
    return joined([*_cut_pieces(trial, Span(span.first, low), ways), Piece(Span(high, span.last), trial.run(high))])
