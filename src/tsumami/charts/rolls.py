"""Where the roll fell: the final candidates as a line from 0 to 1, with the roll u marked on it.

Guarantee: a share is as wide as its candidate's final probability and lies where the roll meets it, so the mark stands
on the chosen token. Two lines under one mark show why one roll gave two tokens: a token has the same colour on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import altair as alt

from tsumami.charts import look
from tsumami.charts.microscope import Piece
from tsumami.charts.pieces import visible
from tsumami.charts.words import Language, percent, word
from tsumami.explain.tokens import Account, Share

_ROOM: Final = 0.035  # a share needs this width for its name


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is called, the final shares, and the token that was chosen."""

    name: str
    shares: Sequence[Share]
    chosen: int

    @classmethod
    def of(cls, account: Account, name: str = "") -> Line:
        """The line of an account."""
        return cls(name, account.shares, account.token)


def how(account: Account, language: Language) -> str:
    """In a line, how the token was chosen, and what the roll was."""
    if account.mode in ("greedy", "contrastive"):
        return word(language, f"how.{account.mode}")
    if account.u is None:
        return word(language, "how.alone")
    if not any(
        s.token == account.token and s.low <= account.u + 1e-6 and account.u <= s.high + 1e-6 for s in account.shares
    ):
        return word(language, "how.led")
    return word(language, f"how.{account.mode}")


def roll_strip(lines: Sequence[Line], u: float | None, piece: Piece, language: Language) -> str:
    """One or two lines as HTML, the roll marked through all of them; `u` None: nothing was rolled."""
    bars = "".join(_bar(line, lines, piece) for line in lines)
    mark = "" if u is None else f'<div class="tsu-mark" style="left:{100 * u:.4f}%"><b>u = {u:.4f}</b></div>'
    about = escape(word(language, "roll_line"))
    ends = '<div class="tsu-ends"><span>0</span><span>1</span></div>'
    return f'<div class="tsu"><div class="tsu-rolls" role="img" aria-label="{about}">{mark}{bars}{ends}</div></div>'


def _bar(line: Line, lines: Sequence[Line], piece: Piece) -> str:
    named = f'<div class="tsu-name">{escape(line.name)}</div>' if line.name else ""
    shares = "".join(_share(line, share, _kind(share.token, lines), piece) for share in line.shares)
    return f'{named}<div class="tsu-line">{shares}</div>'


def _share(line: Line, share: Share, kind: str, piece: Piece) -> str:
    name, width = visible(piece(share.token)), share.high - share.low
    on = " on" if share.token == line.chosen else ""
    about = f"{name} {percent(width)}\n{share.low:.4f} … {share.high:.4f}"
    return (
        f'<span class="tsu-share {kind}{on}" data-candidate="{share.token}" title="{escape(about)}" '
        f'style="left:{100 * share.low:.4f}%;width:{100 * width:.4f}%">{escape(name) if width >= _ROOM else ""}</span>'
    )


def _kind(token: int, lines: Sequence[Line]) -> str:
    """`first` and `second` for the tokens that the lines chose, else `quiet`."""
    if token == lines[0].chosen:
        return "first"
    return "second" if any(token == line.chosen for line in lines) else "quiet"


def roll_picture(
    lines: Sequence[Line], u: float | None, piece: Piece, language: Language, *, title: str | None = None
) -> alt.LayerChart:
    """The same as a chart."""
    names = look.distinct([line.name or word(language, "final") for line in lines])
    shares = [
        {
            "line": name,
            "token": visible(piece(share.token)),
            "low": share.low,
            "high": share.high,
            "middle": (share.low + share.high) / 2,
            "label": visible(piece(share.token)) if share.high - share.low >= _ROOM else "",
            "probability": share.high - share.low,
            "kind": _kind(share.token, lines),
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
