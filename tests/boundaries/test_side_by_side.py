"""Spans that are settled side by side have the pieces that each has by itself, and cost far fewer calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.boundaries.test_partition import RANGES, TOGETHER
from tests.support.tokens import chain_at, some_row

from tsumami.boundaries import Axis, Piece, Span, TokenProblem, settle_together, token_problem
from tsumami.boundaries.boxes import Cuts, Moves
from tsumami.settings import Settings

Asked = list[tuple[TokenProblem, list[Span]]]

#: Settings under which a chain's other stages ask for more than the row, and those of a choice that follows its own.
OTHERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "looks back": {"repeat_penalty": 1.2, "presence_penalty": 0.3, "no_repeat_ngram_size": 3},
    "xtc": {"xtc_probability": 0.7, "xtc_threshold": 0.05},
    "whole vocabulary": {"top_k": 0, "typical_p": 0.9, "top_n_sigma": 2.0},
    "min_tokens": {"min_tokens": 5, "logit_bias": {5: 1.0, 9: "-inf"}},
    "dynamic": {"dynatemp_range": 0.4},
    "greedy": {"temperature": 0.0},
}


def parts_of(axis: Axis, dice: np.random.Generator) -> list[Span]:
    """Spans of values as the nodes of a map have them: some long, some of one value."""
    spans = [part for span in axis.spans() for part in axis.cut(span, int(dice.integers(1, 5)))]
    return spans + [Span(span.first, span.first) for span in spans[:2] if len(span) > 1]


def problems(settings: Settings, axis: Axis, *, forced: int | None = None, longest: int = 5) -> Asked:
    """Tokens after texts of up to `longest` tokens, as the texts of a map are, each with values of one kind."""
    dice = np.random.default_rng(5)
    made: Asked = []
    for seed in range(3):
        for whole in axis.spans():
            chain = chain_at(settings, axis, whole.first)
            reply = dice.integers(0, 12, min(2 * seed, longest)).tolist()
            chain.follow(reply)
            spans = [part for part in parts_of(axis, dice) if whole.first <= part.first <= whole.last]
            made.append((token_problem(chain, axis, some_row(seed), None, 0, forced=forced), spans))
    return made


def found(asked: Asked) -> list[list[Piece]]:
    return [problem.find(span) for problem, spans in asked for span in spans]


#: Each knob under one of them, and one that moves and one that cuts under all.
NARROW = [name for name in OTHERS if name != "whole vocabulary"]
CASES = [(name, NARROW[number % len(NARROW)]) for number, name in enumerate(RANGES)]
CASES += [(name, others) for name in ("temperature", "top_p") for others in OTHERS]


@pytest.mark.parametrize(("name", "others"), dict.fromkeys(CASES))
def test_the_pieces_are_those_that_each_span_has_by_itself(name: str, others: str) -> None:
    order = "llama.cpp" if len(name) % 2 else "classic"
    axis = Axis.of(name, *RANGES[name])
    settings = Settings.from_mapping({"samplers": order, **TOGETHER.get(name, {}), **OTHERS[others]})
    together = problems(settings, axis)
    settle_together(together)
    assert found(together) == found(problems(settings, axis))


def test_a_token_that_is_given_stays_the_one_that_comes() -> None:
    axis = Axis.of("top_p", 0.1, 1.0)
    together = problems(Settings(), axis, forced=77)
    settle_together(together)
    assert found(together) == found(problems(Settings(), axis, forced=77))


def test_choices_that_follow_what_was_chosen_are_left_alone() -> None:
    axis = Axis.handy("mirostat_tau")
    settings = Settings(mirostat_mode=2)
    together = problems(settings, axis, longest=0)
    settle_together(together)
    assert found(together) == found(problems(settings, axis, longest=0))


@pytest.mark.parametrize("name", ["temperature", "top_k"])
def test_many_tokens_cost_fewer_calls_than_there_are_tokens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for kind in (Moves, Cuts):
        settle = kind.settle

        def counted(boxes: Any, owners: Any, spans: Any, settle: Any = settle) -> Any:
            calls.append(len(spans))
            return settle(boxes, owners, spans)

        monkeypatch.setattr(kind, "settle", counted)
    axis = Axis.of(name, 1, 40) if name == "top_k" else Axis.of(name, 0.7, 0.70001)
    asked: Asked = []
    for seed in range(24):
        row = some_row(seed)
        row[7] += np.float32(30)  # whatever the value, there is one token to come
        (span, *_) = axis.spans()[::-1]
        asked.append((token_problem(chain_at(Settings(), axis, span.first), axis, row, None, 0), [span]))
    settle_together(asked)
    assert {piece.outcome.token for pieces in found(asked) for piece in pieces} == {7}
    assert len(calls) <= 2, calls
