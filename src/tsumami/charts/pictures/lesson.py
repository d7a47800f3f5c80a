"""The lesson's pictures: bars of lengths, times with their line, and which position sees which.

Guarantee: what is drawn is the table that came in; titles and headings come from the caller, in its language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import altair as alt
import pandas as pd

from tsumami.charts.colours import COLOURS
from tsumami.charts.pictures.look import QUIET, styled

_LONGEST_LABEL: Final = 40


def length_bars(table: pd.DataFrame, *, title: str, tokens: str, characters: str) -> alt.LayerChart:
    """A bar of tokens for each text, its characters as a mark on the same scale.

    `table` has the columns text, tokens, characters; the other arguments are words of the reader's language.
    """
    shown = table.assign(label=[_label(text) for text in table["text"]])
    y = alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=320))
    tips = [alt.Tooltip("text:N"), alt.Tooltip("tokens:Q", title=tokens), alt.Tooltip("characters:Q", title=characters)]
    base = alt.Chart(shown).encode(y=y, tooltip=tips)
    bars = base.mark_bar(color=COLOURS[0]).encode(x=alt.X("tokens:Q", title=f"{tokens}  │ {characters}"))
    marks = base.mark_tick(color=QUIET, thickness=3, size=16).encode(x="characters:Q")
    numbers = base.mark_text(align="left", dx=4, color=QUIET).encode(x="tokens:Q", text="tokens:Q")
    drawn: alt.LayerChart = styled(alt.LayerChart(layer=[bars, marks, numbers], width=420, height=alt.Step(26)), title)
    return drawn


def _label(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_LABEL else flat[: _LONGEST_LABEL - 1] + "…"


def time_line(
    table: pd.DataFrame, *, x: str, y: str, line: tuple[float, float] | None, title: str, x_title: str, y_title: str
) -> alt.LayerChart:
    """Measured times as points and, if there is one, their straight line.

    `table` has a measurement in each row, with the columns `x` (tokens) and `y` (seconds); `line` is start and slope in
    seconds and seconds per token; the titles are words of the reader's language.
    """
    points = (
        alt.Chart(table)
        .mark_circle(size=60, color=COLOURS[0], opacity=0.7)
        .encode(x=alt.X(f"{x}:Q", title=x_title), y=alt.Y(f"{y}:Q", title=y_title), tooltip=[x, y])
    )
    layers = [points]
    if line is not None and len(table):
        ends = [0.0, float(table[x].max())]
        path = pd.DataFrame({x: ends, y: [line[0] + line[1] * end for end in ends]})
        layers.insert(0, alt.Chart(path).mark_line(color=QUIET).encode(x=f"{x}:Q", y=f"{y}:Q"))
    drawn: alt.LayerChart = styled(alt.LayerChart(layer=layers, width=420, height=260), title)
    return drawn


def sight(table: pd.DataFrame, *, title: str) -> alt.Chart:
    """Which position (row) sees which (column): dark where it does.

    Args:
        table: columns row, column, row_piece, column_piece, seen.
        title: in the reader's language.
    """
    rows, columns = (_named(table, side) for side in ("row", "column"))
    sees = ["yes" if seen else "no" for seen in table["seen"]]
    shown = table.assign(row_label=rows, column_label=columns, sees=sees)
    drawn = (
        alt.Chart(shown)
        .mark_rect(stroke="#ffffff", strokeWidth=1)
        .encode(
            x=alt.X("column_label:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-45)),
            y=alt.Y("row_label:N", sort=None, title=None),
            color=alt.Color(
                "seen:N", scale=alt.Scale(domain=[True, False], range=[COLOURS[0], "#e2e8f0"]), legend=None
            ),
            tooltip=["row_piece:N", "column_piece:N", "sees:N"],
        )
        .properties(width=alt.Step(24), height=alt.Step(24))
    )
    picture: alt.Chart = styled(drawn, title)
    return picture


def _named(table: pd.DataFrame, side: str) -> Sequence[str]:
    """Labels of one side; the number keeps equal pieces apart."""
    return [f"{number} {piece!s}" for number, piece in zip(table[side], table[f"{side}_piece"], strict=True)]
