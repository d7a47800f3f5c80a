"""How the Altair charts look: fonts that have Japanese, colours that everybody can tell apart, nothing that shouts.

Guarantee: a chart of this room saves as PNG and SVG without a browser and without the network (vl-convert draws with
the fonts of the system; Noto Sans CJK has the Japanese).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final, Literal, TypeVar

import altair as alt

from tsumami.charts.colours import COLOURS
from tsumami.charts.embedding import ScriptJSON
from tsumami.charts.words import word
from tsumami.wording import Language

_C = TypeVar("_C")

FONT: Final = "Noto Sans CJK JP, Noto Sans JP, Hiragino Sans, Yu Gothic UI, system-ui, sans-serif"
QUIET: Final = "#8a94a3"
CHOSEN: Final = COLOURS[0]
OTHER: Final = COLOURS[1]

Form = Literal["html", "png", "svg"]
#: A page holds its scripts; a picture is sharp on a phone, too.
_SAVING: Final[Mapping[Form, dict[str, Any]]] = {
    "html": {"inline": True, "json_kwds": {"cls": ScriptJSON}},
    "png": {"scale_factor": 2},
    "svg": {},
}


def data(rows: Iterable[dict[str, Any]]) -> alt.Data:
    """Rows as they are, inside the chart."""
    made: alt.Data = alt.Data(values=list(rows))  # type: ignore[no-untyped-call] # Altair's own
    return made


def distinct(names: Sequence[str]) -> list[str]:
    """Labels that differ, since an axis puts equal ones into one place: a repeated one gets a number."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def heat(field: str, language: Language) -> alt.Color:
    """Probability as colour, the square root of it so that small ones can be told apart."""
    return alt.Color(
        f"{field}:Q",
        title=word(language, "probability"),
        scale=alt.Scale(scheme="cividis", type="sqrt", domain=[0, 1]),
        legend=alt.Legend(format=".0%", orient="bottom", gradientLength=220, values=[0, 0.1, 0.25, 0.5, 1]),
    )


def on_heat(field: str) -> Any:
    """A colour of text that can be read on `heat`, and on nothing."""
    return (
        alt.when(f"datum.{field} === null").then(alt.value(QUIET))
        .when(f"datum.{field} > 0.3").then(alt.value("#1b1b1b"))
        .otherwise(alt.value("white"))
    )  # fmt: skip


def drawn(chart: Any, form: Form) -> bytes:
    """An Altair chart as a file: a picture, or a page that needs no network."""
    file: io.BytesIO | io.StringIO = io.BytesIO() if form == "png" else io.StringIO()
    chart.save(file, format=form, **_SAVING[form])
    made = file.getvalue()
    return made.encode() if isinstance(made, str) else made


def inline(chart: Any) -> str:
    """An Altair chart as SVG for an HTML page: text in the page's colour, never wider than its place, and named by the
    chart's title.
    """
    svg = drawn(chart, "svg").decode()
    for black in ('fill="#000"', 'fill="black"'):
        svg = svg.replace(black, 'fill="currentColor"')
    title = getattr(chart, "title", None)
    about = f' role="img" aria-label="{escape(title)}"' if isinstance(title, str) else ""
    return f'<div class="tsu tsu-picture"{about}>{svg}</div>'


def styled(chart: _C, title: str) -> _C:
    """A chart with its title and our fonts."""
    plain: Any = chart
    made: _C = (
        plain.properties(title=title, background="transparent")
        .configure(font=FONT)
        .configure_title(anchor="start", fontSize=13, fontWeight=600, offset=10)
        .configure_axis(labelFontSize=11, titleFontSize=11, titleFontWeight="normal", gridOpacity=0.35, domain=False)
        .configure_legend(labelFontSize=11, titleFontSize=11, titleFontWeight="normal")
        .configure_view(stroke=None)
    )
    return made
