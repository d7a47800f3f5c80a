"""The icicle of a knob map as a chart: the knob's value across, tokens downward, a column for each text.

Guarantee: every cell that is at least a fifth of a pixel wide is drawn, from its first to its last value; a label
appears where it fits, whole. What was not followed is grey and says so. Where cells stand is icicle_cells.py's, as on
the interactive page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

import altair as alt

from tsumami.charts.colours import PALETTE
from tsumami.charts.icicle_cells import Extent, IcicleCell, cells, colours, extents, label
from tsumami.charts.icicle_words import icicle_facts
from tsumami.charts.pictures.look import FONT, data
from tsumami.charts.words import word
from tsumami.explore.maps import KnobMap
from tsumami.knobs import get
from tsumami.wording import Language

__all__ = ["icicle"]

_WIDE: Final = 0x2E80  # from here on characters are as wide as high
_OPEN: Final = "#e7e9ec"
_SHORTEST: Final = 4  # rows under a text that was not followed at all


def icicle(
    found: KnobMap, *, width: int = 1100, row_height: int = 22, title: str = "", language: Language = "en"
) -> alt.LayerChart:
    """The chart of a map.

    Args:
        found: the map.
        width: of the drawing, in pixels.
        row_height: of a token, in pixels.
        title: above it (default: the knob, its range, and how much of it is covered).
        language: of the title and the axes.
    """
    places = extents(found)
    low, high = places[0].left, places[-1].right
    share = (high - low) / width
    deep = max((len(piece.tokens) for piece in found.pieces), default=0)
    rest = [index for index, piece in enumerate(found.pieces) if not piece.finished]
    deep = max(1, min(found.max_tokens, deep + _SHORTEST) if rest else deep)
    made = list(cells(found))
    shown_in = colours(made)
    rows = [_row(found, cell, places, share, shown_in[cell.text]) for cell in made if _width(cell, places) >= share / 5]
    heading = title or f"{found.knob} {found.low:g} – {found.high:g} · {icicle_facts(found, language)}"
    grey = f"{word(language, 'icicle.grey')}" if rest else ""
    x = alt.X("left:Q", title=found.knob, scale=alt.Scale(domain=[low, high], nice=False), axis=_axis(found, places))
    y = alt.Y(
        "first:Q", title=word(language, "token"), scale=alt.Scale(domain=[0, deep], reverse=True, nice=False),
        axis=alt.Axis(format="d", tickMinStep=1),
    )  # fmt: skip
    layers = [
        alt.Chart(data(_unfollowed(found, places, rest, deep))).mark_rect(color=_OPEN).encode(
            x=x, x2="right:Q", y=y, y2="after:Q", tooltip=["text:N", "values:N"]
        ),
        *_cells_and_labels(rows, x, y, row_height),
    ]  # fmt: skip
    chart = alt.layer(*layers).properties(
        width=width, height=row_height * deep, title=alt.TitleParams(heading, subtitle=grey, anchor="start")
    )
    return cast(alt.LayerChart, chart.configure(font=FONT).configure_axis(grid=False).configure_view(stroke=None))


def _axis(found: KnobMap, places: list[Extent]) -> alt.Axis:
    if get(found.knob).kind != "int":
        return alt.Axis()
    few = places[-1].right - places[0].left <= 40
    return alt.Axis(format="d", tickMinStep=1, tickCount=int(found.high - found.low) + 1 if few else 20)


def _cells_and_labels(rows: list[dict[str, Any]], x: alt.X, y: alt.Y, row_height: int) -> list[alt.Chart]:
    base = alt.Chart(data(rows))
    boxes = base.mark_rect(stroke="white", strokeWidth=0.5).encode(
        x=x, x2="right:Q", y=y, y2="after:Q", tooltip=["text:N", "values:N", "number:Q"],
        color=alt.Color(
            "colour:O", legend=None, scale=alt.Scale(domain=list(range(len(PALETTE))), range=list(PALETTE))
        ),
    )  # fmt: skip
    labels = (
        base.transform_filter("datum.fits")
        .mark_text(font=FONT, fontSize=min(12, row_height - 6), color="#1b1b1b")
        .encode(x="middle:Q", y="centre:Q", text="text:N")
    )
    return [boxes, labels]


def _width(cell: IcicleCell, places: list[Extent]) -> float:
    return places[cell.end].right - places[cell.begin].left


def _row(found: KnobMap, cell: IcicleCell, places: list[Extent], share: float, colour: int) -> dict[str, Any]:
    text = label(cell.text)
    needs = sum(13 if ord(character) >= _WIDE else 7 for character in text) + 4
    left, right = places[cell.begin].left, places[cell.end].right
    return {
        "text": text,
        "left": left,
        "right": right,
        "values": f"{found.pieces[cell.begin].low} – {found.pieces[cell.end].last}",
        "first": cell.first,
        "after": cell.last + 1,
        "number": cell.first + 1,
        "middle": (left + right) / 2,
        "centre": (cell.first + cell.last + 1) / 2,
        "colour": colour,
        "fits": (right - left) / share >= needs,
    }


def _unfollowed(found: KnobMap, places: list[Extent], rest: Iterable[int], deep: int) -> list[dict[str, Any]]:
    """What lies below the pieces that were not followed to their end."""
    return [
        {
            "text": "…",
            "left": places[index].left,
            "right": places[index].right,
            "values": f"{found.pieces[index].low} – {found.pieces[index].last}",
            "first": len(found.pieces[index].tokens),
            "after": deep,
        }
        for index in rest
    ]
