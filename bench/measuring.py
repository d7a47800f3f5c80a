"""Turns and ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratios of one pair of contenders over all rounds: the median is the figure, the rest is its spread."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: list[float]) -> Ratio:
        """The median and the spread of values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Turns:
    """How many rounds: `least`, and on to `most` as long as `seconds` are not over."""

    least: int
    most: int
    seconds: float = float("inf")

    def enough(self, done: int, spent: float) -> bool:
        """Whether `done` rounds that took `spent` seconds are as many as there shall be."""
        return done >= self.most or (done >= self.least and spent + spent / max(done, 1) > self.seconds)

    def half(self) -> Turns:
        """Half as many, for what is measured beside."""
        return replace(self, least=max(1, self.least // 2), most=max(1, self.most // 2), seconds=self.seconds / 2)


def in_turns(contenders: Mapping[str, Callable[[], float]], turns: Turns) -> dict[str, list[float]]:
    """Call everybody once per round, in order: A B C A B C …; what each returned, round by round.

    A machine that gets slower or busier in the meantime does so for everybody, and the ratios within a round keep.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    begin, done = time.monotonic(), 0
    while not turns.enough(done, time.monotonic() - begin):
        for name, turn in contenders.items():
            found[name].append(turn())
        done += 1
    return found


def ratio(above: list[float], below: list[float]) -> Ratio:
    """Round by round `above` / `below`."""
    return Ratio.of([a / b for a, b in zip(above, below, strict=True)])
