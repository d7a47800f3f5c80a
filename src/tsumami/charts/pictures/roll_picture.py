"""Where the roll fell: the final candidates as a line from 0 to 1, with the roll u marked on it, as a picture.

Guarantee: a share is as wide as its candidate's final probability and lies where the roll meets it, so the mark stands
on the chosen token. Two lines under one mark show why one roll gave two tokens: a token has the same colour on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from tsumami.charts.pictures import look
from tsumami.charts.pieces import Piece
from tsumami.charts.rolls import ROOM, Line, kind_of
from tsumami.charts.words import word
from tsumami.runs.signs import visible
from tsumami.wording import Language


def roll_picture(
    lines: Sequence[Line], u: float | None, piece: Piece, language: Language, *, title: str | None = None
) -> alt.LayerChart:
    """One or two lines, the roll marked through all of them; `u` None: nothing was rolled."""
    names = look.distinct([line.name or word(language, "final") for line in lines])
    shares = [
        {
            "line": name,
            "token": visible(piece(share.token)),
            "low": share.low,
            "high": share.high,
            "middle": (share.low + share.high) / 2,
            "label": visible(piece(share.token)) if share.high - share.low >= ROOM else "",
            "probability": share.high - share.low,
            "kind": kind_of(share.token, lines),
        }
        for name, line in zip(names, lines, strict=True)
        for share in line.shares
    ]
    y = alt.Y("line:N", sort=names, title=None, axis=alt.Axis(ticks=False, labels=len(lines) > 1))
    base = alt.Chart(look.data(shares)).encode(y=y)
    kinds = alt.Color(
        "kind:N",
        legend=None,
        scale=alt.Scale(domain=["first", "second", "quiet"], range=[look.CHOSEN, look.OTHER, "#c3cad3"]),
    )
    x = alt.X("low:Q", title=word(language, "roll_line"), scale=alt.Scale(domain=[0, 1], nice=False))
    ink = alt.when("datum.kind === 'first'").then(alt.value("white")).otherwise(alt.value("black"))
    tips = ["token:N", alt.Tooltip("probability:Q", format=".2%")]
    bars = base.mark_bar(stroke="white", strokeWidth=1, height=30)
    layers: list[Any] = [
        bars.encode(x=x, x2="high:Q", color=kinds, tooltip=tips),
        base.mark_text(fontSize=12).encode(x="middle:Q", text="label:N", color=ink),
    ]
    if u is not None:
        mark = alt.Chart(look.data([{"u": u, "label": f"u = {u:.4f}"}])).encode(x="u:Q")
        layers += [
            mark.mark_rule(color="#b00020", strokeWidth=2),
            mark.mark_text(color="#b00020", dy=-6, baseline="bottom", y=0, fontWeight=600).encode(text="label:N"),
        ]
    heading = title or word(language, "divergence" if len(lines) > 1 else "roll")
    height: Any = alt.Step(48)
    layered: Any = alt.layer(*layers, width=640, height=height)
    made: alt.LayerChart = look.styled(layered, heading)
    return made
