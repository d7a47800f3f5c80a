"""Measures over the tokens: probability, entropy, rank and surprise of each, one small chart a measure.

Guarantee: the numbers are those of the steps; several runs share the axes, each in a colour of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from tsumami.charts.colours import COLOURS
from tsumami.charts.pictures import look
from tsumami.charts.words import word
from tsumami.explain.measures import MEASURES, TOKEN_MEASURES, Measure
from tsumami.runs import Run, Step
from tsumami.runs.signs import visible
from tsumami.wording import Language


def measure_lines(runs: Mapping[str, Run], language: Language, *, width: int = 260) -> alt.ConcatChart:
    """Small charts of every measure over the tokens of 1 to 8 runs, by name. `width` of each in pixels."""
    names = list(runs)
    legend = None if len(names) == 1 else alt.Legend(orient="top", title=None, labelLimit=260, columns=2)
    charts = [_one(_base(runs, legend), one.name, word(language, one.name), language, width) for one in TOKEN_MEASURES]
    return look.styled(alt.concat(*charts, columns=2, spacing=18), word(language, "measures"))


def measure_line(runs: Mapping[str, Run], measure: str, language: Language, *, width: int = 260) -> alt.Chart:
    """One of `TOKEN_MEASURES` as a chart of its own, without a legend: a lane has its colour wherever it is shown."""
    made: alt.Chart = _one(_base(runs, None), measure, None, language, width)
    return look.styled(made, word(language, measure))


def _base(runs: Mapping[str, Run], legend: alt.Legend | None) -> alt.Chart:
    """All tokens of all runs, a colour a run."""
    rows = [
        {
            "run": name,
            "step": number,
            "token": visible(step.piece),
            **{one.name: _value(step, one) for one in TOKEN_MEASURES},
        }
        for name, run in runs.items()
        for number, step in enumerate(run.steps, 1)
    ]
    names = list(runs)
    colour = alt.Color("run:N", sort=names, legend=legend, scale=alt.Scale(domain=names, range=list(COLOURS)))
    made: alt.Chart = alt.Chart(look.data(rows)).encode(color=colour)
    return made


def _value(step: Step, measure: Measure) -> float:
    assert measure.per_token is not None
    return measure.per_token(step)


def _one(base: Any, measure: str, title: str | None, language: Language, width: int) -> Any:
    form = ".0%" if measure == "final" else "~s"
    y = alt.Y(
        f"{measure}:Q",
        title=title,
        scale=alt.Scale(type="log") if MEASURES[measure].scale == "log" else alt.Scale(domainMin=0),
        axis=alt.Axis(format=form, tickCount=4),
    )
    tips = ["run:N", "step:Q", "token:N", alt.Tooltip(f"{measure}:Q", format=".3~r", title=word(language, measure))]
    x = alt.X("step:Q", title=word(language, "step"), axis=alt.Axis(tickMinStep=1, grid=False, format="d"))
    marks = base.mark_line(strokeWidth=1.6, point=alt.OverlayMarkDef(size=14), opacity=0.85)
    return marks.encode(x=x, y=y, tooltip=tips).properties(width=width, height=110)
