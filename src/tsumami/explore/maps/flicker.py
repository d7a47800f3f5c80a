"""Flicker: where neighbouring values of a knob give now one text, now another.

So close to a boundary the knob moves a probability or a logit by less than a 32-bit float can show, and the rounding
decides on which side of the roll a value falls. So on the way from one text to the other a map goes back and forth over
some neighbouring values: A, B, A, B.

Guarantee: every piece of a flicker has, on both sides, a text that comes back within `REACH` steps of a 32-bit float
(steps as they are at the value, or at 1 where the value is smaller: what is added to a logit is rounded with it). Knobs
with whole values have no flicker, nor those that cut: their stage compares one number with the value, in one direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tsumami.boundaries import Axis
from tsumami.explore.maps.piece import MapPiece
from tsumami.wording import counted

__all__ = ["REACH", "Flicker", "flickers"]

REACH: Final = 64


@dataclass(frozen=True, slots=True)
class Flicker:
    """The values low .. last, both included, `values` 32-bit floats; the pieces begin .. end of the map, both included,
    in which `texts` different texts alternate (with those of the pieces beside it).
    """

    low: float
    last: float
    values: int
    begin: int
    end: int
    texts: int

    @property
    def ja(self) -> str:
        """What happens here, in Japanese."""
        where = f"{self.low:.9g}" if self.low == self.last else f"{self.low:.9g}〜{self.last:.9g}"
        return (
            f"{where}（32 ビット浮動小数点数で {self.values:,} 個分）では {self.texts} つの文章が行ったり来たりします。"
            "境目のすぐそばなので、値の差より計算の丸めのほうが大きいためです。"
        )

    @property
    def en(self) -> str:
        """What happens here, in English."""
        where = f"At {self.low:.9g}" if self.low == self.last else f"From {self.low:.9g} to {self.last:.9g}"
        count = "one 32-bit float" if self.values == 1 else f"{self.values:,} neighbouring 32-bit floats"
        return (
            f"{where} ({count}) {counted(self.texts, 'text')} alternate: so close to a boundary, rounding "
            "outweighs the difference"
            " between one value and the next."
        )


def flickers(axis: Axis, pieces: Sequence[MapPiece]) -> tuple[Flicker, ...]:
    """The flickers of a map with these pieces on its axis, in the order of its range; no two of them touch."""
    if axis.whole or axis.cuts:
        return ()
    return tuple(_flicker(pieces, axis, begin, end) for begin, end in _stretches(_inside(pieces)))


def _inside(pieces: Sequence[MapPiece]) -> set[int]:
    """The pieces that stand between two others with one text, so close together."""
    last_seen: dict[object, int] = {}
    inside: set[int] = set()
    for index, piece in enumerate(pieces):
        before = last_seen.get(text := (piece.tokens, piece.stop_reason))
        last_seen[text] = index
        if before is not None and piece.low - pieces[before].last <= REACH * _step(piece.low):
            inside.update(range(before + 1, index))
    return inside


def _step(value: float) -> float:
    """From one 32-bit float to the next, at a value or at 1."""
    return float(np.spacing(np.float32(max(1.0, abs(value)))))


def _stretches(numbers: set[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of neighbouring numbers."""
    ends = (number for number in sorted(numbers) if number + 1 not in numbers)
    begins = (number for number in sorted(numbers) if number - 1 not in numbers)
    return zip(begins, ends, strict=True)


def _flicker(pieces: Sequence[MapPiece], axis: Axis, begin: int, end: int) -> Flicker:
    low, last = pieces[begin].low, pieces[end].last
    texts = {(piece.tokens, piece.stop_reason) for piece in pieces[begin - 1 : end + 2]}
    return Flicker(low, last, axis.ordinal(last) - axis.ordinal(low) + 1, begin, end, len(texts))
