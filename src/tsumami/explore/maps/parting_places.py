"""Where a knob map changes most: the values at which a text that holds over a wide range gives way to quite another.

Guarantee: every change is one that the map holds, between two neighbours that were followed to their ends; values where
texts alternate (a flicker) count as one change. The order says which of them to look at first, and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsumami.explore.maps.piece import MapPiece

if TYPE_CHECKING:
    from tsumami.explore.maps.knob_map import KnobMap

__all__ = ["TextChange", "changes"]


@dataclass(frozen=True, slots=True)
class TextChange:
    """From `at` on the text is that of `after` instead of `before`; `common`: how many tokens both begin with."""

    at: float
    before: MapPiece
    after: MapPiece
    common: int

    @property
    def share(self) -> float:
        """The part of the longer text that comes after the common beginning, in 0..1."""
        longest = max(len(self.before.tokens), len(self.after.tokens))
        return 1 - self.common / longest if longest else 0.0

    @property
    def size(self) -> float:
        """How much of the text changes, times how wide the narrower of its two neighbours is."""
        return self.share * min(one.high - one.low for one in (self.before, self.after))


def changes(found: KnobMap) -> tuple[TextChange, ...]:
    """Every change of a map, the largest first."""
    return tuple(sorted(_changes(found), key=lambda one: (-one.size, one.at)))


def _changes(found: KnobMap) -> Iterator[TextChange]:
    flickering = {at for one in found.flickers for at in range(one.begin, one.end + 1)}
    steady = [piece for at, piece in enumerate(found.pieces) if at not in flickering]
    for before, after in itertools.pairwise(steady):
        if before.text != after.text and before.finished and after.finished:
            yield TextChange(after.low, before, after, _common(before.tokens, after.tokens))


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return next((at for at, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
