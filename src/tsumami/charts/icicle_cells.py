"""The layout of an icicle, for whoever draws it: which token stands where.

Guarantee: cells are whole characters (tokens that only together make one are one cell); neighbouring texts share the
cells of their common beginning; a cell reaches from the left end of its first piece to the right end of its last one,
and pieces leave no gap. An integer knob's value is as wide as the distance to the next: it reaches half way to either
side. Equal texts have one colour, wherever they stand and whoever draws them; a text that stands alone is grey.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tsumami.charts.colours import PALETTE
from tsumami.charts.pieces import Characters, groups
from tsumami.explore.maps import KnobMap, MapPiece
from tsumami.knobs import get
from tsumami.runs.signs import SPACE, signed

__all__ = ["Extent", "IcicleCell", "cells", "colours", "extents", "handy", "label"]


_GREYS: Final = (7, 17)
CALM: Final = _GREYS[0]
"""The number in `PALETTE` of the colour of a text that stands alone."""
_LIVELY: Final = tuple(number for number in range(len(PALETTE)) if number not in _GREYS)


class Extent(NamedTuple):
    """From where to where something is drawn, in values of the knob."""

    left: float
    right: float


@dataclass(frozen=True, slots=True)
class IcicleCell:
    """Tokens first .. last of the pieces begin .. end of a map, all included, and their text."""

    begin: int
    end: int
    first: int
    last: int
    text: str


def cells(found: KnobMap) -> Iterator[IcicleCell]:
    """All cells of a map; those of neighbours with the same beginning as one."""
    open_cells: list[IcicleCell] = []
    before: MapPiece | None = None
    for index, piece in enumerate(found.pieces):
        common = _common(before, piece)
        kept = [cell for cell in open_cells if cell.last < common]
        made = groups(piece.pieces)
        while kept and not _same(kept[-1], made[len(kept) - 1]):
            kept.pop()
        yield from open_cells[len(kept) :]
        grown = [IcicleCell(cell.begin, index, cell.first, cell.last, cell.text) for cell in kept]
        new = [IcicleCell(index, index, group.start, group.stop - 1, group.text) for group in made[len(kept) :]]
        open_cells, before = grown + new, piece
    yield from open_cells


def _same(cell: IcicleCell, group: Characters) -> bool:
    return (cell.first, cell.last, cell.text) == (group.start, group.stop - 1, group.text)


def _common(before: MapPiece | None, piece: MapPiece) -> int:
    """How many tokens two pieces begin with in common."""
    if before is None:
        return 0
    pairs = zip(before.tokens, piece.tokens, strict=False)
    shorter = min(len(before.tokens), len(piece.tokens))
    return next((at for at, (one, other) in enumerate(pairs) if one != other), shorter)


def extents(found: KnobMap) -> list[Extent]:
    """Where each piece is drawn."""
    if get(found.knob).kind == "int":
        return [Extent(piece.low - 0.5, piece.last + 0.5) for piece in found.pieces]
    return [Extent(piece.low, piece.high) for piece in found.pieces]


def label(text: str) -> str:
    """A cell's text as it is written into it: line ends visible, spaces at its ends left out."""
    return signed(text.strip(" ")) or SPACE


def colours(made: Sequence[IcicleCell]) -> dict[str, int]:
    """The number in `PALETTE` of each text's colour."""
    times = Counter(cell.text for cell in made)
    return {text: _colour(text) if count > 1 else CALM for text, count in times.items()}


def _colour(text: str) -> int:
    """A colour that is no grey, always the same."""
    return _LIVELY[zlib.crc32(text.encode()) % len(_LIVELY)]


def handy(piece: MapPiece) -> float:
    """The value of a piece that is quickest to type: the fewest digits, and of these the nearest to the middle."""
    middle = (piece.low + piece.last) / 2
    if isinstance(piece.low, int) and isinstance(piece.last, int):
        return round(middle) if piece.low <= round(middle) <= piece.last else piece.low
    for digits in range(10):
        value = round(middle, digits)
        if piece.low <= value <= piece.last:
            return value
    return piece.low
