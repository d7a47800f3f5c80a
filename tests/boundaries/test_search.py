"""The loop that settles or splits, its budgets, and probing, on problems whose every number is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tsumami.boundaries.axis import Span
from tsumami.boundaries.search import Budget, probe, settle_or_split

AMPLE = Budget(boxes=8, points=0, most_boxes=10**6, most_entries=10**9)
OUTCOMES = st.lists(st.integers(0, 3), min_size=1, max_size=200)


class Known:
    """Numbers 0 .. n - 1 with known outcomes; a box is settled if all of them are the same and none is
    `doubted`, or if there is only one.
    """

    def __init__(self, outcomes: Sequence[int], doubted: Span | None = None, weight: int = 1) -> None:
        self.weight = weight
        self.rounds: list[int] = []
        self.settled: dict[int, int] = {}
        self._outcomes = outcomes
        self._doubted = doubted

    def split(self, box: Span, parts: int) -> list[Span]:
        return box.cut(parts)

    def settle(self, boxes: Sequence[Span]) -> list[Span]:
        self.rounds.append(len(boxes))
        left = []
        for box in boxes:
            held = self._outcomes[box.first : box.last + 1]
            if len(box) > 1 and (self._doubts(box) or len(set(held)) > 1):
                left.append(box)
            else:
                assert not self.settled.keys() & set(range(box.first, box.last + 1)), "settled once"
                self.settled.update(zip(range(box.first, box.last + 1), held, strict=True))
        return left

    def _doubts(self, box: Span) -> bool:
        return self._doubted is not None and box.first <= self._doubted.last and self._doubted.first <= box.last


@given(OUTCOMES)
def test_every_number_gets_its_outcome(outcomes: list[int]) -> None:
    problem = Known(outcomes)
    assert settle_or_split(problem, [Span(0, len(outcomes) - 1)], AMPLE) == []
    assert [problem.settled[i] for i in range(len(outcomes))] == outcomes
    assert problem.rounds[0] == 1, "the whole first"


@given(OUTCOMES, st.integers(0, 20), st.integers(0, 400), st.integers(1, 5))
def test_what_a_budget_leaves_open_is_handed_back_and_nothing_else(
    outcomes: list[int], most_boxes: int, most_entries: int, weight: int
) -> None:
    budget = Budget(boxes=8, points=0, most_boxes=most_boxes, most_entries=most_entries)
    problem = Known(outcomes, Span(0, len(outcomes) // 2), weight)
    left = settle_or_split(problem, [Span(0, len(outcomes) - 1)], budget)
    open_numbers = {number for box in left for number in range(box.first, box.last + 1)}
    assert open_numbers.isdisjoint(problem.settled)
    assert open_numbers | problem.settled.keys() == set(range(len(outcomes)))
    assert sum(problem.rounds[:-1]) * weight <= most_entries, "no round more than the budget has"
    if left:
        assert len(left) > most_boxes or sum(problem.rounds) * weight > most_entries


def test_boxes_are_looked_at_some_together() -> None:
    problem = Known([0] * 100 + [1] * 100)
    settle_or_split(problem, [Span(0, 199)], Budget(boxes=40, points=0, most_boxes=99, most_entries=10**6))
    assert problem.rounds[:2] == [1, 40]


def test_no_boxes_are_no_rounds() -> None:
    problem = Known([])
    assert settle_or_split(problem, [], AMPLE) == []
    assert problem.rounds == []


# --- probing ---


@given(OUTCOMES, st.integers(2, 40), st.booleans())
def test_stretches_cover_the_whole_and_change_where_the_outcome_does(
    outcomes: list[int], count: int, backwards: bool
) -> None:
    last, asked = len(outcomes) - 1, list[int]()

    def ask(numbers: Sequence[int]) -> list[int]:
        asked.extend(numbers)
        return [outcomes[number] for number in numbers]

    begin, end, way = (last, 0, -1) if backwards else (0, last, 1)
    found = list(probe(begin, end, ask, count))
    assert (found[0].begin, found[-1].end) == (begin, end)
    for one, after in itertools.pairwise(found):
        assert one.end + way == after.begin
        assert one.outcome != after.outcome
    for one in found:
        assert outcomes[one.begin] == outcomes[one.end] == one.outcome, "both sides of a change were asked"
        assert (one.end - one.begin) * way >= 0
    assert len(asked) == len(set(asked)), "nothing is asked twice"


@given(OUTCOMES)
def test_with_a_probe_for_every_number_nothing_is_missed(outcomes: list[int]) -> None:
    found = probe(0, len(outcomes) - 1, lambda numbers: [outcomes[i] for i in numbers], max(2, len(outcomes)))
    assert [one.outcome for one in found for _ in range(one.begin, one.end + 1)] == outcomes


def test_the_nearest_stretch_costs_no_later_ones() -> None:
    """Who wants only the first change does not pay for the others."""
    asked: list[int] = []

    def ask(numbers: Sequence[int]) -> list[int]:
        asked.extend(numbers)
        return [number // 100 for number in numbers]

    assert next(probe(0, 3200, ask, 33)) == (0, 99, 0)
    assert len(asked) == 33 + 7, "the probes, and one bisection"
