"""Turns and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratios of one pair of contenders over all rounds: the median is the figure, the rest is its spread."""

    median: float
    lowest: float
    highest: float


def in_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call everybody once per round, in order: A B C A B C …; what each returned, round by round.

    A machine that gets slower or busier in the meantime does so for everybody, and the ratios within a round keep.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, turn in contenders.items():
            found[name].append(turn())
    return found


def ratio(above: list[float], below: list[float]) -> Ratio:
    """Round by round `above` / `below`."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))
