"""Intervals: how far every knob of a run can be turned, from the run's logits, without generating.

In this process, on one model: all knobs that can be mapped, of a run of `tokens` tokens under the default knobs. One
figure is seconds over the 2 that it may take, the other over what it took to generate the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import tsumami
from bench.explain import long_run
from bench.measuring import in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table

_GOAL = 2.0  # seconds


def measure(options: Options) -> list[Table]:
    """Seconds of each, in turns."""
    with tsumami.load(options.model, threads=options.n_threads) as model:
        run = long_run(model, options.tokens)
        turns: dict[str, Callable[[], float]] = {
            "goal": lambda: _GOAL,
            "intervals": lambda: _timed(lambda: model.intervals(run)),
            "run": lambda: _timed(lambda: model.run(PROMPT, run.settings)),
        }
        found = in_turns(turns, options.turns)
        certain = sum(one.certain for one in model.intervals(run).values())
    rows = [
        Row(
            f"intervals of {options.tokens} tokens / {_GOAL:g} s",
            Goal("<", 1),
            ratio(found["intervals"], found["goal"]),
            {"seconds": min(found["intervals"]), "certain": certain},
        ),
        Row(
            f"intervals of {options.tokens} tokens / generating them",
            "about 1",
            ratio(found["intervals"], found["run"]),
            {"seconds": min(found["run"])},
        ),
    ]
    return [Table("intervals", "how far every knob can be turned", rows)]


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
