"""A busy machine: how much of its speed generation keeps while another process wants the cores as well.

Beside ours runs either a busy loop (one process that wants a whole core, pinned nowhere) or another llama.cpp process
that decodes as fast as it can with as many threads as there are cores, in the library's own environment. Each figure is
the speed with the other divided by the speed alone just before, both from the same process; every stretch begins when
the other has just begun, so the time to notice it counts, and each stretch alone begins with a fresh choice of threads,
so that the one before it leaves nothing behind. What the other one gets is shown as well: a strategy that starves
its neighbour is no good neighbour.

The second table repeats this for ways of waiting: `GOMP_SPINCOUNT`, which says how long an OpenMP thread spins at a
barrier before it sleeps, with the choice of threads (engine/threads.py) and with all threads always. 300000 is what
libgomp takes by itself (env.c); `native.DEFAULT_ENVIRONMENT` holds our choice, and this table is what it rests on: the
figure that counts is tokens per second beside the other, against what the strategy costs alone. About ten minutes.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.measuring import Turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker, busy_loop

_SECONDS = 3.0
_SPIN_COUNTS = ("0", "1000", "3000", "10000", "100000", "300000")


def measure(options: Options) -> list[Table]:
    """Speed kept beside a busy loop and beside another llama.cpp, as shipped and in other ways of waiting."""
    with ExitStack() as stack:
        shipped = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        facts = shipped.facts
        alone = facts["options"] | {"n_sequences": 1}  # by default each sequence has a share of the cells to itself
        other = stack.enter_context(Worker("bare", path=facts["path"], options=alone, parameters="default"))
        prompt = shipped.ask("tokenize", text=PROMPT)
        neighbour = Neighbour(other, prompt)
        kept = compare({"as shipped": shipped}, neighbour, options.turns)
        strategies = {
            f"GOMP_SPINCOUNT={spin}, {'threads chosen' if governor else 'all threads always'}": stack.enter_context(
                Worker(
                    "ours",
                    environment={"GOMP_SPINCOUNT": spin},
                    model=options.model,
                    threads=options.n_threads,
                    governor=governor,
                )
            )
            for spin in _SPIN_COUNTS
            for governor in (True, False)
        }
        others = compare(strategies, neighbour, options.turns.half())
    environment = " ".join(f"{name}={value}" for name, value in facts["environment"].items())
    title = "speed beside another process / speed alone"
    return [
        Table("busy", title, _rows(kept, Goal(">=", 0.4)), f"{environment}, at most {options.n_threads} threads."),
        Table("busy, ways of waiting", title, _rows(others, None)),
    ]


class Neighbour:
    """Another llama.cpp process, and its own speed when it is alone."""

    def __init__(self, worker: Worker, prompt: list[int]) -> None:
        self._worker = worker
        self.prompt = prompt
        self.alone = statistics.median(worker.ask("speed", prompt=prompt, seconds=_SECONDS) for _ in range(3))

    def beside(self, turn: Callable[[], float]) -> tuple[float, float]:
        """Decode while `turn` runs; what that returned, and the share of its own speed that the neighbour kept."""
        self._worker.begin("speed", prompt=self.prompt, seconds=_SECONDS + 0.3)
        time.sleep(0.2)
        found = turn()
        return found, self._worker.answer() / self.alone


@dataclass(slots=True)
class Kept:
    """One strategy's speeds, round by round: beside a loop and alone just before, beside llama.cpp and alone just
    before; and the shares that the other llama.cpp kept.
    """

    before_loop: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    before_llama: list[float] = field(default_factory=list)
    llama: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


def compare(strategies: Mapping[str, Worker], neighbour: Neighbour, turns: Turns) -> dict[str, Kept]:
    """Every strategy alone, beside a loop, alone, beside llama.cpp, and again."""
    kept = {name: Kept() for name in strategies}
    for worker in strategies.values():
        _speed(worker, neighbour.prompt)
    begin, done = time.monotonic(), 0
    while not turns.enough(done, time.monotonic() - begin):
        done += 1
        for name, worker in strategies.items():
            turn = functools.partial(_speed, worker, neighbour.prompt)
            worker.ask("reset_threads")
            kept[name].before_loop.append(turn())
            with busy_loop():
                kept[name].loop.append(turn())
            worker.ask("reset_threads")
            kept[name].before_llama.append(turn())
            found, share = neighbour.beside(turn)
            kept[name].llama.append(found)
            kept[name].shares.append(share)
    return kept


def _speed(worker: Worker, prompt: list[int]) -> float:
    return float(worker.ask("speed", prompt=prompt, seconds=_SECONDS))


def _rows(kept: Mapping[str, Kept], goal: Goal | None) -> list[Row]:
    rows = []
    for name, one in kept.items():
        alone = statistics.median(one.before_loop + one.before_llama)
        loop, llama = statistics.median(one.loop), statistics.median(one.llama)
        share = f"{statistics.median(one.shares):.2f} of its speed"
        rows += [
            Row(
                f"{name}; beside a loop",
                goal,
                ratio(one.loop, one.before_loop),
                {"alone tok/s": alone, "beside it": loop},
            ),
            Row(
                f"{name}; beside llama.cpp",
                goal,
                ratio(one.llama, one.before_llama),
                {"beside it tok/s": llama, "the other keeps": share},
            ),
        ]
    return rows
