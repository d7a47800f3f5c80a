"""How a grid looks: the data that grid.js draws, and the words around it.

Guarantee: plain functions from values to JSON values and HTML; numbers, means, spreads and counts are the library's.
Identical texts have one number, that of the tables and pictures, and a text that several cells have, one colour. What a
model wrote is never taken as HTML.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any, Final

from tsumami import charts
from tsumami.app.views.knob_line import given
from tsumami.app.words.texts import Texts
from tsumami.charts import PALETTE
from tsumami.explain.measures import MEASURES as ALL_MEASURES
from tsumami.explore.grids import (
    MEASURES,
    Cell,
    Count,
    Grid,
    GridPlan,
    GridProgress,
    Spread,
    held,
    larger,
    range_text,
    spread,
    text_numbers,
)
from tsumami.knobs import KNOBS
from tsumami.knobs.typed import as_item
from tsumami.runs import STOP_REASONS
from tsumami.settings import IdleReason

FILE_KINDS: Final = ("csv", "json", "png", "svg")
_SAID: Final = (
    "seed", "open", "number", "text", "more", "mean", "spread", "quartiles", "differ", "several", "same", "alike",
)  # fmt: skip
_DO: Final = ("inside", "apply", "compare", "choose")

Values = list[tuple[float, str] | None]
"""For each square its place on the scale, 0 to 1, and its number as text; None: there is none."""


def skeleton(texts: Texts) -> str:
    """The HTML that the script fills."""
    words = escape(json.dumps({name: texts(f"grid.{name}") for name in _SAID}, ensure_ascii=False))
    names = {name: _name(texts, name) for name in MEASURES}
    names = {"text": texts("grid.by.text"), **names, "shared": texts("grid.by.shared")}
    measures = "".join(f'<option value="{name}">{escape(said)}</option>' for name, said in names.items())
    files = "".join(f'<button type="button" data-file="{kind}">{kind.upper()}</button>' for kind in FILE_KINDS)
    do = "".join(f'<button type="button" data-do="{name}">{escape(texts(f"grid.do.{name}"))}</button>' for name in _DO)
    return (
        f'<div class="tsu tsu-grid" data-words="{words}"><div class="grid-body" hidden>'
        '<p class="grid-line"><span class="grid-facts" role="status"></span> <small class="grid-notes"></small>'
        f'<span class="grid-files">{escape(texts("map.files"))} {files}</span></p>'
        f'<p class="grid-line"><label>{escape(texts("grid.show"))} '
        f'<select class="grid-measure">{measures}</select></label>'
        f'<label class="grid-of">{escape(texts("grid.seed"))} <select class="grid-seed"></select></label>'
        f'<small class="grid-key"></small></p>'
        '<div class="grid-main">'
        f'<div class="grid-picture" role="group" aria-label="{escape(texts("grid.about"))}"></div>'
        f'<div class="grid-side"><p class="tsu-note">{escape(texts("grid.hint"))}</p><ul class="grid-held"></ul>'
        '<div class="grid-picked" aria-live="polite" hidden><b class="grid-head"></b><small class="grid-cell"></small>'
        '<span class="grid-seeds"></span><p class="grid-said" translate="no"></p><code class="grid-settings"></code>'
        f'<span class="grid-do">{do}</span></div></div></div><div class="grid-pair" hidden></div>'
        f'<details class="grid-spread" hidden><summary>{escape(texts("grid.spreads"))}</summary>'
        '<div class="tsu-scroll"><table class="grid-table"></table></div></details>'
        f'<details class="grid-list" open><summary>{escape(texts("grid.list"))}</summary>'
        '<div class="grid-rows" translate="no"><table class="grid-table"></table></div>'
        '<p class="tsu-note grid-rest"></p></details>'
        "</div></div>"
    )


def grid_data(
    texts: Texts, plan: GridPlan, cells: Sequence[Cell], *, facts: str, found: Grid | None = None, beside: int = 0
) -> dict[str, Any]:
    """What the script draws, as plain JSON values.

    Args:
        texts: the page's words.
        plan: of the grid.
        cells: all of the plan, finished or not; only those that are finished are measured.
        facts: the line above it.
        found: the grid, once it has ended; only then means, spreads and counts are given.
        beside: number of the cell that the others are compared with.
    """
    numbers = text_numbers(cells)
    base = {name: value for name, value in plan.settings[0].changed().items() if name not in (*plan.axes, "seed")}
    return {
        "knobs": list(plan.axes),
        "axes": [[as_item(KNOBS[name], value) for value in values] for name, values in plan.axes.items()],
        "seeds": list(plan.seeds),
        "base": given(base),
        "texts": list(numbers),
        "colours": _colours([cell.text for cell in cells], list(numbers)),
        "cells": [_cell(texts, cell, numbers) for cell in cells],
        "values": {**{name: _values(cells, name) for name in MEASURES}, "shared": _shared(found, beside)},
        "facts": facts,
        "notes": "" if found is None else _notes(texts, found),
        "beside": beside,
        "ended": found is not None,
        **({"spreads": {}, "held": {}} if found is None else _over_seeds(texts, found)),
    }


def facts(texts: Texts, found: Grid) -> str:
    """What was made, in one line."""
    return " · ".join(
        (
            texts("grid.done", done=f"{sum(cell.finished for cell in found.cells):,}", cells=f"{len(found.cells):,}"),
            texts("grid.texts", texts=len(found.texts)),
            texts("grid.nodes", nodes=f"{found.nodes:,}", saved=f"{found.saved:,}"),
            texts("grid.seconds", seconds=f"{found.seconds:.1f}"),
        )
    )


def progress(texts: Texts, at: GridProgress | None) -> str:
    """How far a grid is, in one line."""
    if at is None:
        return texts("grid.begun")
    return " · ".join(
        (
            texts("grid.done", done=f"{at.done:,}", cells=f"{at.cells:,}"),
            texts("grid.texts", texts=at.texts),
            texts("grid.nodes", nodes=f"{at.nodes:,}", saved=f"{at.saved:,}"),
            texts("grid.following", followed=at.followed, waiting=at.waiting),
        )
    )


def name_of(found: Grid, cell: Cell) -> str:
    """A cell by its knobs and seed, such as `temperature=0.5, seed=3`."""
    settings = found.plan.settings[cell.point.settings]
    return given({**{name: getattr(settings, name) for name in found.plan.axes}, "seed": cell.point.seed})


def larger_on(texts: Texts, count: Count) -> str:
    """`larger on 18 of 20 (1 equal)`."""
    said = texts("grid.larger", larger=count.larger, of=count.of)
    return said + (texts("grid.equal", equal=count.equal) if count.equal else "")


def over_seeds(texts: Texts, found: Grid, a: Cell, b: Cell) -> str:
    """On how many seeds each measure is larger with the settings of `b` than with those of `a`, as HTML."""
    if len(found.plan.seeds) < 2 or a.point.settings == b.point.settings:
        return ""
    counts = [larger(found, name, a.point.settings, b.point.settings) for name in MEASURES]
    rows = "".join(f"<li>{escape(_name(texts, one.measure))}: {escape(larger_on(texts, one))}</li>" for one in counts)
    return f'<h2>{escape(texts("grid.b_over_a"))}</h2><ul class="grid-held">{rows}</ul>'


def pictures(texts: Texts, found: Grid, form: charts.Form) -> bytes:
    """The library's heat maps as a file."""
    return charts.drawn(charts.heat_pictures(found, texts.language), form)


# --- cells ---


def _cell(texts: Texts, cell: Cell, numbers: dict[str, int]) -> list[Any]:
    """Which text (its place among them), whether it is finished, and how it ended."""
    return [numbers[cell.text] - 1, cell.finished, texts.pick(*STOP_REASONS[cell.stop_reason])]


def _colours(texts: Sequence[str], different: Sequence[str]) -> list[str | None]:
    """A colour for each text that stands more than once."""
    times, used = Counter(texts), 0
    made: list[str | None] = []
    for text in different:
        made.append(PALETTE[used % len(PALETTE)] if times[text] > 1 else None)
        used += times[text] > 1
    return made


def _values(cells: Sequence[Cell], measure: str) -> Values:
    return _on_scale([cell.measures[measure] if cell.finished else None for cell in cells], measure)


def _shared(found: Grid | None, beside: int) -> Values:
    if found is None:
        return []
    one = found.cells[beside]
    return _on_scale([found.shared_prefix(one, cell) if cell.finished else None for cell in found.cells], "tokens")


def _on_scale(numbers: Sequence[float | None], measure: str) -> Values:
    known = [number for number in numbers if number is not None]
    low, width = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    return [
        None
        if number is None
        else (round((number - low) / width, 4) if width else 0.0, ALL_MEASURES[measure].text(number))
        for number in numbers
    ]


def _notes(texts: Texts, found: Grid) -> str:
    notes = [f"{name}: {texts.pick(why.ja, why.en)}" for name, why in _idle(found.plan).items()]
    if not all(cell.finished for cell in found.cells):
        notes.append(texts("grid.stopped"))
    if not found.exact:
        notes.append(texts("grid.inexact"))
    return " · ".join(notes)


def _idle(plan: GridPlan) -> dict[str, IdleReason]:
    """The knobs that were varied and do nothing in any of the settings, and why."""
    reasons = {name: plan.settings[0].idle_knobs().get(name) for name in plan.axes}
    return {
        name: why
        for name, why in reasons.items()
        if why is not None and all(name in one.idle_knobs() for one in plan.settings)
    }


# --- over the seeds ---


def _over_seeds(texts: Texts, found: Grid) -> dict[str, Any]:
    """Means with their spreads for each settings, and on how many pairs the larger value has the larger measure."""
    several = len(found.plan.seeds) > 1
    return {
        "spreads": {name: _spreads(spread(found, name)) for name in MEASURES} if several else {},
        "held": {name: _held(texts, found, name) for name in MEASURES},
    }


def _spreads(spreads: Sequence[Spread]) -> list[list[Any]]:
    """For each settings: its mean as a square, its mean, ends, quartiles as texts, and how many texts it has."""
    squares = _on_scale([one.mean for one in spreads], spreads[0].measure)
    return [
        [square, *(range_text(*ends, one.measure) for ends in _ends(one)), one.texts]
        for one, square in zip(spreads, squares, strict=True)
    ]


def _ends(one: Spread) -> tuple[tuple[float | None, float | None], tuple[float | None, float | None]]:
    return (one.low, one.high), (one.quarter, one.three_quarters)


def _held(texts: Texts, found: Grid, measure: str) -> list[str]:
    """`temperature 0 → 2: larger on 18 of 20`, for each knob of numbers."""
    return [
        f"{one.knob} {as_item(KNOBS[one.knob], one.low)} → {as_item(KNOBS[one.knob], one.high)}:"
        f" {larger_on(texts, one.count)}" + _means(texts, found, measure, one.knob)
        for one in held(found, measure)
        if one.count.of > 1
    ]


def _means(texts: Texts, found: Grid, measure: str, name: str) -> str:
    """The means at both ends with their spread, where one knob alone was varied over several seeds."""
    if len(found.plan.axes) > 1 or len(found.plan.seeds) == 1:
        return ""
    order = sorted(spread(found, measure), key=lambda one: getattr(found.plan.settings[one.settings], name))
    low, high = order[0], order[-1]
    if low.mean is None or high.mean is None:
        return ""
    return texts("grid.means", low=low.text, high=high.text)


# --- words ---


def _name(texts: Texts, measure: str) -> str:
    return texts.pick(ALL_MEASURES[measure].ja, ALL_MEASURES[measure].en)
