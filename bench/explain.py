"""Explanations: what it takes to look back at a run, and what a comparison saves.

In this process, on one model. `audit`: every knob of a run of `tokens` tokens, from its logits, nothing generated; its
figure is seconds over the 2 that it may take. `ledger`: the account of the last token of a run of twice as many, over
one batched pass over the run (its logits alone). `lanes`: eight seeds one after another over eight lanes together.

Rows of logits are computed anew each time, whatever is in the cache; only the prompt of the lanes comes from there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import tsumami
from bench.measuring import in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from tsumami import explain
from tsumami.runs import Run

_GOAL = 2.0  # seconds for an audit
_LANES = 8


def measure(options: Options) -> list[Table]:
    """Seconds of each, in turns."""
    with tsumami.load(options.model, threads=options.n_threads) as model:
        run = long_run(model, options.tokens)
        longer = long_run(model, 2 * options.tokens)
        seeds = list(range(_LANES))
        turns: dict[str, Callable[[], float]] = {
            "goal": lambda: _GOAL,
            "audit": lambda: _timed(lambda: explain.audit(run)),
            "pass": lambda: _timed(lambda: _rows(longer)),
            "ledger": lambda: _timed(lambda: longer.ledger(-1)),
            "one by one": lambda: _timed(
                lambda: [model.run(PROMPT, seed=seed, max_tokens=options.tokens) for seed in seeds]
            ),
            "together": lambda: _timed(lambda: _lanes(model, seeds, options.tokens)),
        }
        found = in_turns(turns, options.turns)
    rows = [
        Row(f"audit of {options.tokens} tokens / {_GOAL:g} s", Goal("<", 1), ratio(found["audit"], found["goal"])),
        Row(
            f"ledger of the last of {2 * options.tokens} tokens / one pass over their logits",
            Goal("<=", 1.25),
            ratio(found["ledger"], found["pass"]),
            {"seconds": min(found["ledger"])},
        ),
        Row(
            f"{_LANES} runs one after another / {_LANES} lanes together",
            Goal(">=", 1.5),
            ratio(found["one by one"], found["together"]),
            {"seconds together": min(found["together"])},
        ),
    ]
    return [Table("explain", "looking back, and lanes side by side", rows)]


def long_run(model: tsumami.Model, count: int) -> Run:
    """A run that is not ended early by the model."""
    for seed in range(50):
        run = model.run(PROMPT, seed=seed, max_tokens=count)
        if len(run.steps) == count:
            return dataclasses.replace(run, ledgers=())
    raise RuntimeError("the model ends every run early; take another one")


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _rows(run: Run) -> None:
    assert run.replayer is not None
    for _ in run.replayer.rows(run):
        pass


def _lanes(model: tsumami.Model, seeds: list[int], count: int) -> None:
    with model.comparing(PROMPT, seeds=seeds, max_tokens=count) as lanes:
        for _ in lanes:
            pass
