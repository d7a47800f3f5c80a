"""Inputs from a strategy and a seed.

Guarantee: same strategy, same seed, same inputs in the same order, as long as the same modules are loaded (Hypothesis
looks for constants in them, so a door is opened before its first input is made). Nothing is remembered and nothing is
shrunk: an input that breaks something is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st

#: Inputs that come from one seed of Hypothesis: what a process that died has to make again.
CHUNK: Final = 250


def each(strategy: st.SearchStrategy[Any], seed: int, count: int, act: Callable[[int, Any], None]) -> int:
    """Call `act(number, input)` for about `count` inputs; how many there were. `act` must not raise."""
    made = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @hypothesis.given(strategy)
    def one(given: Any) -> None:
        nonlocal made
        act(made, given)
        made += 1

    one()
    return made


def chunk_seed(seed: int, chunk: int) -> int:
    """The seed of a chunk of a campaign."""
    return seed * 1_000_003 + chunk
