"""Falls: which stage took most of a token's probability while the token stayed in the race.

Guarantee: exact by definition. A stage takes log2(p before) - log2(p after) bits from a token, each p a share among the
candidates that are left there; of all stages that the token lives through, the one that takes most is named, the
earliest of equals. A stage that cuts other candidates gives instead of taking, and being cut is an end and no fall.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Fall", "largest_fall"]

_LEAST: Final = 1e-6  # bits; below it is the rounding of sums of float64


@dataclass(frozen=True, slots=True)
class Fall:
    """What one stage took: `at` is the index of its record, `bits` how much."""

    at: int
    bits: float


def largest_fall(logs: Sequence[float | None]) -> Fall | None:
    """The largest fall of a token, from its natural log-probability after each record, None from the stage on that cut
    it; None where no stage took anything.
    """
    found: Fall | None = None
    for at, (before, after) in enumerate(itertools.pairwise(logs), 1):
        if before is None or after is None:
            break
        bits = (before - after) / math.log(2)
        if bits > (found.bits if found is not None else _LEAST):
            found = Fall(at, bits)
    return found
