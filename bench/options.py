"""What all measures share: the model, how often everybody has a turn, and the prompt that everybody gets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measuring import Turns

ROOT: Final = Path(__file__).resolve().parents[1]
#: A virtual environment of its own, so that a second llama.cpp shadows nothing; `make bench` makes it.
SERVER_PYTHON: Final = Path(os.environ.get("TSUMAMI_BENCH_PYTHON", ROOT / ".cache" / "bench" / "bin" / "python"))
#: An open prompt: models go on for long.
PROMPT: Final = (
    "Once upon a time, in a small town between the mountains and the sea, there lived an old clockmaker who had never "
    "left his workshop for more than a day. Every morning he opened the shutters, wound the great clock above the "
    "door, and waited for the first customer. One winter, when snow had closed the road, a stranger knocked and"
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure. `turns`: how often everybody has one; `tokens`: how many it generates in a turn; `entries`: runs
    in the history that is searched.
    """

    model: str
    turns: Turns
    tokens: int
    threads: int | None
    entries: int = 100_000

    @property
    def n_threads(self) -> int:
        """Threads for every contender: as asked, or all usable cores."""
        if self.threads is not None:
            return self.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
