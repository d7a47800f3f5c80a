"""How a comparison looks: why two runs part, and their measures.

Guarantee: plain functions from values to HTML; the sentence is the library's. What a model wrote is never
taken as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tsumami import charts
from tsumami.app.words.texts import Texts
from tsumami.errors import RunFileError
from tsumami.explain import Divergence, Metrics, divergence, parting
from tsumami.explain.measures import TEXT_MEASURES
from tsumami.explore.lanes import align
from tsumami.runs import Run


def pair(texts: Texts, piece: charts.Piece, runs: tuple[Run, Run], names: tuple[str, str]) -> str:
    """Two runs side by side, and why they part."""
    columns = [charts.LaneColumn(name, run) for name, run in zip(names, runs, strict=True)]
    beside = charts.side_by_side(columns, align(runs), texts.language)
    return f"{beside}{charts.parting(piece, divergence(*runs), names, texts.language)}"


def several(
    texts: Texts,
    piece: charts.Piece,
    runs: Sequence[Run],
    names: Sequence[str],
) -> str:
    """Runs side by side, and where and why each parts from the first; where that cannot be computed, only where."""
    columns = [charts.LaneColumn(name, run) for name, run in zip(names, runs, strict=True)]
    said = "".join(
        charts.parting(piece, _parting(runs[0], run), (names[0], name), texts.language)
        for run, name in zip(runs[1:], names[1:], strict=True)
    )
    return f"{charts.side_by_side(columns, align(runs), texts.language)}{said}"


def _parting(a: Run, b: Run) -> Divergence:
    try:
        return divergence(a, b)
    except RunFileError:
        return parting(a, b)


def measures(texts: Texts, names: Sequence[str], found: Sequence[Metrics]) -> str:
    """The measures of each lane as a table."""
    heads = "".join(
        f'<th style="--lane:{charts.COLOURS[at % len(charts.COLOURS)]}">{escape(name)}</th>'
        for at, name in enumerate(names)
    )
    rows = "".join(
        f"<tr><th>{escape(texts.pick(measure.ja, measure.en))}</th>"
        f"{''.join(f'<td>{measure.text(getattr(one, measure.name))}</td>' for one in found)}</tr>"
        for measure in TEXT_MEASURES
    )
    return (
        f'<div class="tsu"><div class="tsu-scroll"><table class="tsu-measures"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )
