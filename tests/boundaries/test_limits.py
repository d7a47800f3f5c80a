"""Limits against asking every number, on tokens whose every number is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.boundaries import limits
from tsumami.boundaries.axis import Span
from tsumami.boundaries.limits import Box, Limit, LimitProblem, find_limits
from tsumami.boundaries.search import Budget

TOKENS = st.lists(st.lists(st.booleans(), min_size=1, max_size=150), min_size=1, max_size=4)


def problem_of(tokens: Sequence[Sequence[bool]], *, vague: bool = False, singles_first: bool = False) -> LimitProblem:
    """Number n of a token keeps where `tokens[owner][n]` says so; `vague` boxes are open unless they are one number."""

    def keeps(boxes: Sequence[Box]) -> list[bool | None]:
        found: list[bool | None] = []
        for box in boxes:
            held = {tokens[box.owner][number] for number in range(box.span.first, box.span.last + 1)}
            found.append(None if len(held) > 1 or (vague and len(box.span) > 1) else held.pop())
        return found

    return LimitProblem(keeps=keeps, cut=Span.cut, key=_side, weight=1, points=4, singles_first=singles_first)


def _side(box: Box) -> int:
    return box.side


def brute(tokens: Sequence[Sequence[bool]], size: int, side: int) -> int:
    """The last number, from the near end, up to which all tokens keep."""
    numbers = range(size) if side > 0 else range(size - 1, -1, -1)
    kept = numbers[0] - side
    for number in numbers:
        if not all(token[number] for token in tokens):
            break
        kept = number
    return kept


@given(TOKENS, st.sampled_from([1, -1]), st.booleans(), st.integers(1, 4))
def test_a_limit_is_where_the_first_token_differs(
    tokens: list[list[bool]], side: int, vague: bool, first_group: int
) -> None:
    size = min(map(len, tokens))
    boxes = [Box(owner, Span(0, size - 1), side) for owner in range(len(tokens))]
    found = find_limits(problem_of(tokens, vague=vague), boxes[:first_group], boxes[first_group:])
    limit = found[side]
    assert limit.number == brute(tokens, size, side)
    assert limit.doubt is None
    beyond = limit.number + side
    if 0 <= beyond < size:
        assert limit.owner is not None
        assert not tokens[limit.owner][beyond], "it names a token that differs there"
    else:
        assert limit.owner is None


@given(st.lists(st.integers(0, 120), min_size=1, max_size=4), st.sampled_from([1, -1]))
def test_single_numbers_first_find_the_same(lengths: list[int], side: int) -> None:
    """With tokens that keep up to some number and nowhere beyond."""
    tokens = [[True] * n + [False] * (120 - n) if side > 0 else [False] * (120 - n) + [True] * n for n in lengths]
    boxes = [Box(owner, Span(0, 119), side) for owner in range(len(tokens))]
    found = find_limits(problem_of(tokens, singles_first=True), boxes)
    assert found[side].number == brute(tokens, 120, side)


@given(TOKENS)
def test_both_sides_at_once_do_not_disturb_each_other(tokens: list[list[bool]]) -> None:
    size = min(map(len, tokens))
    boxes = [Box(owner, Span(0, size - 1), side) for owner in range(len(tokens)) for side in (1, -1)]
    found = find_limits(problem_of(tokens), boxes)
    assert [found[side].number for side in (1, -1)] == [brute(tokens, size, side) for side in (1, -1)]


def test_what_a_budget_leaves_is_probed_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_BUDGET", Budget(boxes=8, points=4, most_boxes=2, most_entries=50, probes=9))
    tokens = [[True] * 700 + [False] * 300]
    limit = find_limits(problem_of(tokens, vague=True), [Box(0, Span(0, 999), 1)])[1]
    assert limit.number == 699, "the one change is found by bisection"
    assert limit.doubt == 0, "but nobody has asked all before it"


def test_a_limit_clips_and_keeps_the_nearest_doubt() -> None:
    for side, span, kept in ((1, Span(0, 9), Span(0, 6)), (-1, Span(0, 9), Span(6, 9))):
        limit = Limit(6, side)
        assert limit.clip(Box(0, span, side)).span == kept
        for number in (5, 3, 8):
            limit.doubts(number)
        assert limit.doubt == (3 if side > 0 else 8)
