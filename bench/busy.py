"""A busy machine: how much of its speed generation keeps while another process wants the cores as well.

Beside ours runs either a busy loop (one process that wants a whole core, pinned nowhere) or another llama.cpp process
that decodes as fast as it can with as many threads as there are cores, in the library's own environment. Each figure is
the speed with the other divided by the speed alone, both from the same process, in turns; every stretch begins when the
other has just begun, so the time to notice it counts. What the other one gets is shown as well: a strategy that starves
its neighbour is no good neighbour.

The second table repeats this for ways of waiting: `GOMP_SPINCOUNT`, which says how long an OpenMP thread spins at a
barrier before it sleeps, with the choice of threads (engine/threads.py) and with all threads always. 300000 is what
libgomp takes by itself (env.c); `native.DEFAULT_ENVIRONMENT` holds our choice, and this table is what it rests on.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.measuring import Ratio, in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Row, Table
from bench.workers import Worker, busy_loop

_SECONDS = 3.0
_SPIN_COUNTS = ("0", "1000", "10000", "100000", "300000")


def measure(options: Options) -> list[Table]:
    """Speed kept beside a busy loop and beside another llama.cpp."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        facts = ours.facts
        prompt = ours.ask("tokenize", text=PROMPT)
        other = stack.enter_context(Worker("bare", path=facts["path"], options=facts["options"], parameters="default"))
        alone = statistics.median(other.ask("speed", prompt=prompt, seconds=_SECONDS) for _ in range(3))
        chosen = _Strategy(ours, other, prompt, alone).compare(options.rounds)
        table = Table(
            "busy",
            "speed beside another process / speed alone",
            [
                Row("beside a busy loop", ">= 0.4", chosen.loop, chosen.loop_figures),
                Row("beside another llama.cpp process", ">= 0.4", chosen.llama, chosen.llama_figures),
            ],
            f"Our environment: {facts['environment']}, {options.n_threads} threads at most.",
        )
        ours.close()
        rows = []
        for spin in _SPIN_COUNTS:
            for governor in (True, False):
                found = _strategy(options, spin, governor, other, prompt, alone)
                name = f"GOMP_SPINCOUNT={spin}, {'threads chosen' if governor else 'all threads always'}"
                rows.append(Row(f"{name}; beside a loop", None, found.loop, found.loop_figures))
                rows.append(Row(f"{name}; beside llama.cpp", None, found.llama, found.llama_figures))
    return [table, Table("busy, ways of waiting", "speed beside another process / speed alone", rows)]


def _strategy(options: Options, spin: str, governor: bool, other: Worker, prompt: list[int], alone: float) -> _Kept:
    environment = {"GOMP_SPINCOUNT": spin}
    with Worker(
        "ours", environment=environment, model=options.model, threads=options.n_threads, governor=governor
    ) as ours:
        return _Strategy(ours, other, prompt, alone).compare(max(2, options.rounds // 2))


class _Kept:
    """What one strategy kept of its speed."""

    def __init__(self, found: dict[str, list[float]], shares: list[float]) -> None:
        speed = {name: statistics.median(values) for name, values in found.items()}
        self.loop: Ratio = ratio(found["loop"], found["idle"])
        self.llama: Ratio = ratio(found["llama"], found["idle"])
        self.loop_figures: dict[str, float | str] = {"alone tok/s": speed["idle"], "beside it": speed["loop"]}
        self.llama_figures: dict[str, float | str] = {
            "beside it tok/s": speed["llama"],
            "the other keeps": f"{statistics.median(shares):.2f}",
        }


class _Strategy:
    """Ours in one environment, alone and beside others."""

    def __init__(self, ours: Worker, other: Worker, prompt: list[int], alone: float) -> None:
        self._ours, self._other, self._prompt, self._alone = ours, other, prompt, alone
        self._shares: list[float] = []

    def compare(self, rounds: int) -> _Kept:
        """Alone, beside a loop, beside llama.cpp, and again."""
        self._speed()
        contenders: dict[str, Callable[[], float]] = {
            "idle": self._speed,
            "loop": self._beside_loop,
            "llama": self._beside_llama,
        }
        return _Kept(in_turns(contenders, rounds), self._shares)

    def _speed(self) -> float:
        found: Any = self._ours.ask("speed", prompt=self._prompt, seconds=_SECONDS)
        return float(found)

    def _beside_loop(self) -> float:
        with busy_loop():
            return self._speed()

    def _beside_llama(self) -> float:
        self._other.begin("speed", prompt=self._prompt, seconds=_SECONDS + 0.3)
        time.sleep(0.2)
        found = self._speed()
        self._shares.append(self._other.answer() / self._alone)
        return found
