"""How far each knob of a run can be turned, in words and as bars.

Guarantee: plain functions from intervals to HTML and JSON; what a model wrote is never taken as HTML. Where numbers are
shortened they are rounded inwards, so that every value between the two that are shown leaves the text as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Final, TypedDict

from tsumami import charts
from tsumami.app.words.texts import Texts
from tsumami.boundaries import Axis
from tsumami.explore.intervals import Bend, Interval
from tsumami.knobs import KNOBS
from tsumami.runs import Run

_FIGURES: Final = 3  # that are shown of an interval's width


def sentence(texts: Texts, found: Interval, run: Run, piece: charts.Piece) -> str:
    """`0.72–0.94: same text; above it token 12 becomes "sea"`, or why every value leaves the text."""
    reason = run.settings.idle_knobs().get(found.knob)
    if reason is not None:
        return texts.pick(reason.ja, reason.en)
    low, high = inward(found)
    parts = [texts("interval.same", values=low if low == high else low + texts.pick("〜", "–") + high)]
    parts += [
        texts(f"interval.{side}", value=end, what=_becomes(texts, bend, piece))
        for side, end, bend in (("below", low, found.below), ("above", high, found.above))
        if bend is not None
    ]
    if not found.certain:
        parts.append(texts("interval.probed"))
    return texts.pick("。", "; ").join(parts)


def _becomes(texts: Texts, bend: Bend, piece: charts.Piece) -> str:
    if bend.token is None:
        return texts("interval.none", number=bend.step + 1)
    return texts("interval.becomes", number=bend.step + 1, token=charts.visible(piece(bend.token)))


def inward(found: Interval) -> tuple[str, str]:
    """Both ends with as many digits as their distance deserves, rounded towards each other."""
    width = found.high - found.low
    if KNOBS[found.knob].kind == "int" or width <= 0:
        return f"{found.low:.9g}", f"{found.high:.9g}"
    power = 10 ** max(2, _FIGURES - 1 - math.floor(math.log10(width)))
    low, high = math.ceil(found.low * power) / power, math.floor(found.high * power) / power
    return f"{low:.9g}", f"{high:.9g}"


class KnobBar(TypedDict):
    """Where the bar under a knob begins and ends, in the knob's values, and what it says."""

    low: float
    high: float
    say: str


def bars(texts: Texts, found: Mapping[str, Interval], run: Run, piece: charts.Piece) -> dict[str, KnobBar]:
    """The bars of the chat's knobs, by the knob's name."""
    return {
        name: KnobBar(low=one.low, high=one.high, say=sentence(texts, one, run, piece)) for name, one in found.items()
    }


def table(texts: Texts, found: Mapping[str, Interval], run: Run, piece: charts.Piece) -> str:
    """For the microscope: every knob with its bar, its value, and what gives way first; what does nothing is last."""
    idle = run.settings.idle_knobs()
    rows = "".join(
        _row(texts, found[name], run, piece, idle=name in idle) for name in sorted(found, key=lambda one: one in idle)
    )
    heads = "".join(f"<th>{escape(texts(f'interval.{name}'))}</th>" for name in ("knob", "range", "sentence"))
    drawn = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="audit far">{drawn}{_legend(texts)}</div>'


def _legend(texts: Texts) -> str:
    """What the bars mean."""
    return f'<p class="facts"><i class="far-sign"></i>{escape(texts("interval.table_legend"))}</p>'


def _row(texts: Texts, found: Interval, run: Run, piece: charts.Piece, *, idle: bool) -> str:
    value = getattr(run.settings, found.knob)
    axis = Axis.handy(found.knob, value, found.low, found.high)
    whole = axis.high - axis.low
    left, width, at = ((one / whole) for one in (found.low - axis.low, found.high - found.low, value - axis.low))
    say = escape(sentence(texts, found, run, piece))
    bends = [bend.step for bend in (found.below, found.above) if bend is not None]
    first = f' data-token="{min(bends)}"' if bends and not idle else ""
    return (
        f"<tr{' class=dead' if idle else ''}{first}><th><code>{found.knob}={value:.9g}</code></th>"
        f'<td><span class="far-bar" role="img" aria-label="{say}" title="{axis.low:g} – {axis.high:g}">'
        f'<i style="left:{left:.4%};width:{width:.4%}"></i><b style="left:{at:.4%}"></b></span></td><td>{say}</td></tr>'
    )
