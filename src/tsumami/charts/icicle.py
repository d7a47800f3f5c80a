"""The icicle of a knob map: the knob's value across, tokens downward, a column for each text.

Guarantee: every cell that is at least a fifth of a pixel wide is drawn, from its first to its last value; a label
appears where it fits, whole. Tokens that only together make a character are one cell. What was not followed is empty
and says so on hover.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import altair as alt

from tsumami.charts.look import FONT, data
from tsumami.explain.knob_map import KnobMap, MapPiece

__all__ = ["icicle"]

_COLOURS: Final = 20
_WIDE: Final = 0x2E80  # from here on characters are as wide as high


@dataclass(frozen=True, slots=True)
class _Cell:
    """Tokens first .. last of all texts that begin with `tokens`, from `low` to `high`."""

    tokens: tuple[int, ...]
    first: int
    last: int
    text: str
    low: float
    high: float


def icicle(found: KnobMap, *, width: int = 1100, row_height: int = 22, title: str = "") -> alt.LayerChart:
    """The chart of a map.

    Args:
        found: the map.
        width: of the drawing, in pixels.
        row_height: of a token, in pixels.
        title: above it (default: the knob, its range, and how much of it is covered).
    """
    share = (found.high - found.low) / width
    cells = [cell for cell in _cells(found) if cell.high - cell.low >= share / 5]
    deep = max((cell.last + 1 for cell in cells), default=1)
    heading = title or f"{found.knob} {found.low:g} – {found.high:g} · {len(found.texts)} · {found.coverage:.1%}"
    base = alt.Chart(data(_row(cell, share) for cell in cells)).encode(
        x=alt.X("low:Q", title=found.knob, scale=alt.Scale(domain=[found.low, found.high], nice=False)),
        x2="high:Q",
        y=alt.Y("first:Q", title="token", scale=alt.Scale(domain=[0, deep], reverse=True, nice=False)),
        y2="after:Q",
        tooltip=["text:N", "low:Q", "high:Q", "first:Q"],
    )
    boxes = base.mark_rect(stroke="white", strokeWidth=0.5).encode(
        color=alt.Color("colour:N", legend=None, scale=alt.Scale(scheme="tableau20", domain=list(range(_COLOURS))))
    )
    labels = (
        base.transform_filter("datum.fits")
        .mark_text(font=FONT, fontSize=min(12, row_height - 6), color="#1b1b1b")
        .encode(x="middle:Q", y="centre:Q", x2=alt.Undefined, y2=alt.Undefined, text="text:N")
    )
    chart = alt.layer(boxes, labels).properties(width=width, height=row_height * deep, title=heading)
    return cast(alt.LayerChart, chart.configure(font=FONT).configure_axis(grid=False))


def _row(cell: _Cell, share: float) -> dict[str, Any]:
    room = (cell.high - cell.low) / share
    needs = sum(13 if ord(character) >= _WIDE else 7 for character in cell.text) + 4
    return {
        "text": cell.text,
        "low": cell.low,
        "high": cell.high,
        "first": cell.first,
        "after": cell.last + 1,
        "middle": (cell.low + cell.high) / 2,
        "centre": (cell.first + cell.last + 1) / 2,
        "colour": zlib.crc32(cell.text.encode()) % _COLOURS,
        "fits": room >= needs,
    }


def _cells(found: KnobMap) -> Iterator[_Cell]:
    """Cells, neighbours with the same beginning as one."""
    open_cells: list[_Cell] = []
    for piece in found.pieces:
        made = [_Cell(piece.tokens[: b + 1], a, b, text, piece.low, piece.high) for a, b, text in _units(piece)]
        for index, cell in enumerate(made):
            if index < len(open_cells) and open_cells[index].tokens == cell.tokens:
                before = open_cells[index]
                made[index] = _Cell(cell.tokens, cell.first, cell.last, cell.text, before.low, cell.high)
        kept = {(cell.tokens, cell.low) for cell in made}
        yield from (cell for cell in open_cells if (cell.tokens, cell.low) not in kept)
        open_cells = made
    yield from open_cells


def _units(piece: MapPiece) -> Iterator[tuple[int, int, str]]:
    """First and last token of each part that is whole characters, and its text with spaces and line ends visible."""
    first, held = 0, b""
    for index, part in enumerate(piece.pieces):
        held += part
        try:
            text = held.decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data" and index + 1 < len(piece.pieces):
                continue
            text = held.decode("utf-8", "replace")
        yield first, index, text.strip(" ").replace("\n", "⏎") or "␣"
        first, held = index + 1, b""
