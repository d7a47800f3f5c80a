"""Measures, alignment and outcomes: numbers that can be worked out by hand, and what must hold for any run."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.worlds import PROMPT, fixed_world, seeded, world

from tsumami import explain
from tsumami.errors import SettingsError
from tsumami.explain.tokens.outcome import outcome_of
from tsumami.explore.lanes import align
from tsumami.runs import Run
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

WORLD = world()


def said(text: str, **knobs: Any) -> Run:
    return ScriptedModel(saying(text)).run("?", **{"temperature": 0.0, "max_tokens": len(text), **knobs})


def test_the_measures_of_a_coin_are_those_of_a_coin() -> None:
    run = fixed_world({"a": 0.5, "b": 0.5}).run("x", seed=0, max_tokens=12, repeat_penalty=1.0)
    found = explain.metrics(run)
    assert found.tokens == 12
    assert found.mean_logprob == pytest.approx(math.log(0.5))
    assert found.perplexity == pytest.approx(2)
    assert found.entropy == pytest.approx(1)
    assert found.series.perplexity == pytest.approx([2] * 12)


def test_repeats_are_counted_by_hand() -> None:
    found = explain.metrics(said("abcdeabcde"))
    assert (found.distinct_1, found.distinct_2, found.distinct_3) == (5 / 10, 5 / 9, 5 / 8)
    assert found.repeated_ngrams == 2 / 7  # abcd and bcde a second time
    assert found.series.repeated == (*[False] * 8, True, True)
    assert found.longest_repeat == 5
    assert found.series.distinct_1[-1] == 0.5


@pytest.mark.parametrize(("text", "longest"), [("abc", 0), ("aaaa", 3), ("abXab", 2), ("abcabcab", 5), ("ab", 0)])
def test_the_longest_repeat(text: str, longest: int) -> None:
    assert explain.metrics(said(text)).longest_repeat == longest


@given(st.text("ab", max_size=24))
def test_the_longest_repeat_is_that_of_a_plain_search(text: str) -> None:
    expected = max(
        (n for n in range(len(text)) for i in range(len(text) - n) if text.find(text[i : i + n], i + 1) >= 0), default=0
    )
    if text:
        assert explain.metrics(said(text)).longest_repeat == expected


def test_a_run_without_tokens_has_no_means() -> None:
    run = WORLD.run("x", logit_bias=dict.fromkeys(range(258), float("-inf")))
    found = explain.metrics(run, run)
    assert (found.tokens, found.perplexity, found.entropy, found.distinct_1, found.shared_prefix) == (
        0, None, None, None, 0,
    )  # fmt: skip


def test_a_token_without_probability_does_not_end_the_numbers() -> None:
    run = fixed_world({"a": 0.5, "b": 0.5}).run("x", logit_bias={122: 1e9}, max_tokens=3)
    assert math.isfinite(explain.metrics(run).mean_logprob or 0)


def test_what_two_runs_share_is_counted_from_the_beginning() -> None:
    runs = [said("abcdef"), said("abcxef"), said("ab")]
    assert explain.shared_prefix(runs[:2]) == 3
    assert explain.shared_prefix(runs) == 2
    assert explain.metrics(runs[1], runs[0]).shared_prefix == 3


@settings(deadline=None)  # eight runs an example: on a busy machine they take as long as they take
@given(st.lists(st.text("abc", min_size=1, max_size=12), min_size=2, max_size=8))
def test_blocks_cover_every_lane_and_say_what_is_the_same(texts: list[str]) -> None:
    runs = [said(text) for text in texts]
    found = align(runs)
    assert len(found.lanes) == len(runs)
    for run, blocks in zip(runs, found.lanes, strict=True):
        at = first_at = found.common
        assert run.tokens[: found.common] == runs[0].tokens[: found.common]
        for block in blocks:
            assert (block.start, block.first_start) == (at, first_at)
            at, first_at = block.stop, block.first_stop
            same = run.tokens[block.start : block.stop] == runs[0].tokens[block.first_start : block.first_stop]
            assert same == block.same
        assert (at, first_at) == (len(run.steps), len(runs[0].steps))


@pytest.mark.parametrize("count", [0, 1, 9, 20])
def test_more_lanes_than_can_be_read_are_refused(count: int) -> None:
    with pytest.raises(SettingsError, match=f"{count} lanes?: a comparison has 2 to 8"):
        align([said("a")] * count)


@settings(max_examples=100, deadline=None)
@given(seeded())
def test_the_last_column_of_every_ledger_sums_to_1_and_holds_the_token(made: Settings) -> None:
    run = WORLD.run(PROMPT, made)
    for index, step in enumerate(run.steps):
        ledger = explain.ledger(run, index)
        assert ledger.records[-1].probs.sum() == pytest.approx(1)
        assert ledger.token == step.id
        outcome = outcome_of(ledger, made.mode)
        assert outcome.token == step.id
        assert sum(outcome.final.values()) == pytest.approx(1)
        span = outcome.span(step.id)
        assert span is not None
        if outcome.u is not None:
            assert span.low - 1e-6 <= outcome.u <= span.high + 1e-6
