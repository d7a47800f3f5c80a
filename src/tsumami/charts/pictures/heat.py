"""Heat maps of a grid: one knob across, the others (or the seeds) down, a square for each settings.

Guarantee: a square shows one number, the mean over the seeds where there are several, with the ends of its spread on
hover; identical texts have the same colour and number wherever they stand. What was not finished is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt

from tsumami.charts.pictures import look
from tsumami.explain.measures import MEASURES, USUAL
from tsumami.explore.grids import Cell, Grid, spread
from tsumami.knobs import KNOBS
from tsumami.knobs.typed import as_item
from tsumami.settings import Settings
from tsumami.wording import Language

__all__ = ["heat_picture", "heat_pictures", "shared_picture", "text_picture"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "texts": ("文章(同じ文章は同じ色と番号)", "texts (identical ones have one colour and number)"),
    "settings": ("設定", "settings"),
    "seed": ("シード", "seed"),
    "text": ("文章", "text"),
    "number": ("文章の番号", "text number"),
    "mean": ("平均", "mean"),
    "range": ("範囲", "range"),
    "shared": ("先頭から共通のトークン数", "tokens in common at the beginning"),
}
_MOST_LABELLED: Final = 400  # squares with a number inside
_STEP: Final = 38  # pixels of a square
_LONG: Final = 160  # characters of a text that are shown on hover
_SHORT: Final = 48  # characters of a prompt above its squares

_Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _SquareStyle:
    """Colours of squares and of the numbers in them, what is said on hover, and how the numbers are written."""

    colour: alt.Color
    ink: Any
    tips: list[alt.Tooltip]
    form: str


def text_picture(grid: Grid, language: Language) -> alt.TopLevelMixin:
    """Which settings and seeds give the same text: a square for each cell, coloured by its text. Prompts stand apart,
    and so do seeds where the rows are taken by a second knob.
    """
    made: alt.TopLevelMixin = look.styled(_texts(grid, language), _say(language, "texts"))
    return made


def heat_picture(grid: Grid, measure: str, language: Language) -> alt.TopLevelMixin:
    """One of `MEASURES` over the grid, the mean over the seeds.

    Raises:
        SettingsError: no measure of that name.
    """
    made: alt.TopLevelMixin = look.styled(_heat(grid, measure, language), _name(measure, language))
    return made


def shared_picture(grid: Grid, beside: Cell, language: Language) -> alt.TopLevelMixin:
    """How many tokens at the beginning the cells of the same prompt and seed have in common with a chosen one."""
    chosen = beside.point
    rows = [
        {
            **_place(grid, cell.point.settings),
            "part": "",
            "value": grid.shared_prefix(beside, cell),
            "text": cell.text[:_LONG],
        }
        for cell in grid.cells
        if (cell.point.prompt, cell.point.seed) == (chosen.prompt, chosen.seed)
    ]
    tips = [alt.Tooltip("text:N", title=_say(language, "text"))]
    squares = _squares(grid, rows, _SquareStyle(_ramp("d"), _on_ramp(rows), tips, "d"), language)
    made: alt.TopLevelMixin = look.styled(squares, _say(language, "shared"))
    return made


def heat_pictures(grid: Grid, language: Language, measures: Sequence[str] = USUAL) -> alt.TopLevelMixin:
    """The texts and the chosen measures on one sheet."""
    charts = [_texts(grid, language).properties(title=_say(language, "texts"))]
    charts += [_heat(grid, one, language).properties(title=_name(one, language)) for one in measures]
    sheet: Any = alt.vconcat(*charts, spacing=30)
    made: alt.TopLevelMixin = look.styled(sheet.resolve_scale(color="independent"), "")
    return made


# --- what is drawn ---


def _texts(grid: Grid, language: Language) -> Any:
    numbers = grid.text_numbers
    apart = len(_row_labels(grid)) > 1 and len(grid.plan.seeds) > 1
    rows = [
        {
            **_place(grid, cell.point.settings, None if apart else cell.point.seed),
            "part": _part(grid, cell, language, apart=apart),
            "value": numbers[cell.text],
            "seed": cell.point.seed,
            "text": cell.text[:_LONG],
        }
        for cell in grid.cells
        if cell.finished
    ]
    colour = alt.Color("value:N", legend=None, scale=alt.Scale(scheme="tableau20"))
    tips = [
        alt.Tooltip("value:N", title=_say(language, "number")),
        alt.Tooltip("seed:N", title=_say(language, "seed")),
        alt.Tooltip("text:N", title=_say(language, "text")),
    ]
    return _squares(grid, rows, _SquareStyle(colour, alt.value("#1b1b1b"), tips, "d"), language)


def _heat(grid: Grid, measure: str, language: Language) -> Any:
    spreads = spread(grid, measure)
    text, form = MEASURES[measure].text, MEASURES[measure].form
    labels = _prompt_labels(grid)
    rows = [
        {
            **_place(grid, one.settings),
            "part": labels[one.prompt],
            "value": one.mean,
            "mean": text(one.mean),
            "range": f"{text(one.low)} – {text(one.high)} ({one.cells})",
        }
        for one in spreads
        if one.mean is not None
    ]
    tips = [alt.Tooltip(f"{name}:N", title=_say(language, name)) for name in ("mean", "range")]
    return _squares(grid, rows, _SquareStyle(_ramp(form), _on_ramp(rows), tips, form), language)


def _squares(grid: Grid, rows: _Rows, style: _SquareStyle, language: Language) -> Any:
    """The squares of all parts, with their numbers where there are not too many."""
    across = alt.X(
        "column:N",
        sort=_column_labels(grid),
        title=_across(grid, language),
        axis=alt.Axis(labelAngle=-40, labelLimit=260),
    )
    many = len(_row_labels(grid)) > 1
    down_title = ", ".join(list(grid.plan.axes)[1:]) if many else _say(language, "seed")
    order = _row_labels(grid) if many else [str(seed) for seed in grid.plan.seeds]
    named = any(row["row"] for row in rows)
    down = alt.Y("row:N", sort=order, title=down_title, axis=alt.Axis(labelLimit=260) if named else None)
    base: Any = alt.Chart().encode(x=across, y=down)
    layers = [base.mark_rect(stroke="white", strokeWidth=0.5).encode(color=style.colour, tooltip=style.tips)]
    if len(rows) <= _MOST_LABELLED:
        number = alt.Text("value:Q", format=_short(style.form))
        layers.append(base.mark_text(fontSize=10).encode(text=number, color=style.ink))
    chart = alt.layer(*layers, data=look.data(rows)).properties(width=alt.Step(_STEP), height=alt.Step(_STEP - 8))
    parts = list(dict.fromkeys(row["part"] for row in rows))
    if len(parts) < 2:
        return chart
    return chart.facet(alt.Facet("part:N", sort=parts, title=None), columns=2)


def _ramp(form: str) -> alt.Color:
    return alt.Color("value:Q", title=None, scale=alt.Scale(scheme="cividis"), legend=alt.Legend(format=_short(form)))


def _on_ramp(rows: _Rows) -> Any:
    """A colour of text that can be read on the ramp."""
    values = [row["value"] for row in rows] or [0]
    middle = (min(values) + max(values)) / 2
    return alt.when(f"datum.value > {middle}").then(alt.value("#1b1b1b")).otherwise(alt.value("white"))


def _short(form: str) -> str:
    """A format of Python in few digits for Vega."""
    return ".0%" if form.endswith("%") else "d" if form == "d" else ".2~r"


# --- where it stands ---


def _place(grid: Grid, settings: int, seed: int | None = None) -> dict[str, str]:
    made = grid.plan.settings[settings]
    axes = list(grid.plan.axes)
    column = _shown(made, axes[0]) if axes else _column_labels(grid)[settings]
    if len(_row_labels(grid)) > 1:
        return {"column": column, "row": _row(grid, settings)}
    return {"column": column, "row": "" if seed is None else str(seed)}


def _column_labels(grid: Grid) -> list[str]:
    axes = grid.plan.axes
    if axes:
        name, values = next(iter(axes.items()))
        return [as_item(KNOBS[name], value) for value in values]
    named = [", ".join(f"{name}={_shown(one, name)}" for name in grid.knobs) or "–" for one in grid.plan.settings]
    return look.distinct(named)


def _row_labels(grid: Grid) -> list[str]:
    return list(dict.fromkeys(_row(grid, index) for index in range(len(grid.plan.settings))))


def _row(grid: Grid, settings: int) -> str:
    """The values of all varied knobs but the first."""
    made, others = grid.plan.settings[settings], list(grid.plan.axes)[1:]
    if len(others) == 1:
        return _shown(made, others[0])
    return ", ".join(f"{name}={_shown(made, name)}" for name in others)


def _across(grid: Grid, language: Language) -> str:
    return next(iter(grid.plan.axes), _say(language, "settings"))


def _prompt_labels(grid: Grid) -> list[str]:
    if len(grid.plan.prompts) == 1:
        return [""]
    return look.distinct([" ".join(prompt.text.split())[:_SHORT] for prompt in grid.plan.prompts])


def _part(grid: Grid, cell: Cell, language: Language, *, apart: bool) -> str:
    words = [_prompt_labels(grid)[cell.point.prompt]]
    if apart:
        words.append(f"{_say(language, 'seed')} {cell.point.seed}")
    return " · ".join(word for word in words if word)


def _shown(settings: Settings, name: str) -> str:
    return as_item(KNOBS[name], getattr(settings, name))


def _name(measure: str, language: Language) -> str:
    return MEASURES[measure].ja if language == "ja" else MEASURES[measure].en


def _say(language: Language, key: str) -> str:
    return _WORDS[key][language == "en"]
