"""A piece of a knob map: values side by side that give one text.

Guarantee: a frozen value; the map that holds it says what stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MapPiece"]


@dataclass(frozen=True, slots=True)
class MapPiece:
    """The values low .. last, both included, and the one text that they give.

    `high` is the next piece's low (for the last piece the end of the range, which belongs to it): no value that the
    stage can tell apart lies between `last` and it. `tokens` with their bytes as `pieces`; `certain` is False where
    values in between were only probed, or where an engine elsewhere did not tell whole rows. `stop_reason` is None for
    a piece that is not finished.
    """

    low: float
    high: float
    last: float
    text: str
    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...]
    finished: bool
    stop_reason: str | None
    certain: bool = True
