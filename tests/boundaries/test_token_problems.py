"""Both kinds of problem answer alike."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.support.tokens import chain_at, some_row

from tsumami.boundaries.axis import Axis
from tsumami.boundaries.token_problems import token_problem
from tsumami.settings import Settings


@pytest.mark.parametrize(
    ("name", "knobs"), [("top_p", {}), ("temperature", {}), ("mirostat_tau", {"mirostat_mode": 2})]
)
def test_the_pieces_of_a_token_cover_its_values(name: str, knobs: dict[str, Any]) -> None:
    axis, made = Axis.handy(name), Settings(**knobs)
    for span in axis.spans():
        problem = token_problem(chain_at(made, axis, span.first), axis, some_row(1), None, 0)
        found = problem.find(span)
        assert (found[0].span.first, found[-1].span.last) == (span.first, span.last)
        assert all(left.span.last + 1 == right.span.first for left, right in itertools.pairwise(found))
        past = problem.after(found[0].outcome, [found[0].span])
        assert (past is not None) == (name == "mirostat_tau"), "only there do later tokens depend on it"


def test_a_token_that_is_forced_comes_at_every_value() -> None:
    axis, made = Axis.handy("top_p"), Settings()
    (span,) = (span for span in axis.spans() if span.first <= axis.ordinal(0.5) <= span.last)
    problem = token_problem(chain_at(made, axis, span.first), axis, some_row(1), None, 0, forced=77)
    assert {piece.outcome.token for piece in problem.find(span)} == {77}
