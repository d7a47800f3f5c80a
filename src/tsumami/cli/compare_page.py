"""A comparison as one HTML page.

Guarantee: the page needs nothing but itself (no script, no network), reads in light and dark, and shows every text as
it is: all of it is escaped.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from tsumami import charts
from tsumami.cli.reasons import lane_name, measure_rows
from tsumami.cli.words import language, say, told
from tsumami.explain.measures import TOKEN_MEASURES

if TYPE_CHECKING:
    from tsumami.explore.lanes import Comparison

_STYLE: Final = """
:root { color-scheme: light dark; --soft: #8889; }
body { font: 16px/1.6 "Noto Sans CJK JP", "Noto Sans JP", system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.text, .why { white-space: pre-wrap; overflow-wrap: anywhere; }
.pictures { display: grid; gap: 1rem; margin-top: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
footer { color: var(--soft); font-size: .85rem; margin-top: 2rem; }
"""


def page(found: Comparison, piece: charts.Piece) -> str:
    """The whole page. `piece` gives the bytes of a token."""
    title = say("生成のくらべ", "Runs side by side")
    body = [f"<h1>{title}</h1>", _prompt(found), _lanes(found)]
    if found.divergences:
        body += [f"<h2>{say('どこで、なぜ分かれたか', 'Where they part, and why')}</h2>", _partings(found, piece)]
    if found.runs:
        body += [f"<h2>{say('測った値', 'Measures')}</h2>", _measures(found), _pictures(found)]
    body.append(_facts(found))
    return (
        f'<!doctype html>\n<html lang="{language()}">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}{charts.style()}</style>\n{chr(10).join(body)}\n</html>\n"
    )


def _names(found: Comparison) -> list[str]:
    """The names of the lanes that have a run."""
    return [lane_name(index, lane) for index, lane in enumerate(found.lanes) if lane.run is not None]


def _prompt(found: Comparison) -> str:
    texts = dict.fromkeys(lane.plan.prompt.text for lane in found.lanes)
    return "".join(f'<p class="text" translate="no">{html.escape(text)}</p>' for text in texts)


def _lanes(found: Comparison) -> str:
    columns = [
        charts.LaneColumn(lane_name(index, lane), lane.run, problem="" if lane.error is None else told(lane.error))
        for index, lane in enumerate(found.lanes)
    ]
    return charts.side_by_side(columns, found.alignment, language())


def _partings(found: Comparison, piece: charts.Piece) -> str:
    first, *others = _names(found)
    pairs = zip(found.divergences, others, strict=True)
    return "".join(charts.parting(piece, one, (first, name), language()) for one, name in pairs)


def _measures(found: Comparison) -> str:
    heads = "".join(
        f'<th style="--lane:{charts.COLOURS[at % len(charts.COLOURS)]}">{html.escape(name)}</th>'
        for at, name in enumerate(_names(found))
    )
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in measure_rows(found.metrics)
    )
    return (
        f'<div class="tsu"><div class="tsu-scroll"><table class="tsu-measures"><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _pictures(found: Comparison) -> str:
    """Each measure over the tokens."""
    if not any(run.steps for run in found.runs):
        return ""
    runs = dict(zip(_names(found), found.runs, strict=True))
    drawn = (charts.inline(charts.measure_line(runs, one.name, language())) for one in TOKEN_MEASURES)
    return f'<div class="pictures">{"".join(drawn)}</div>'


def _facts(found: Comparison) -> str:
    if not found.runs:
        return ""
    receipt = found.runs[0].receipt
    exact = "exact" if receipt.engine.exact else say("exact ではない", "not exact")
    facts = f"{receipt.model.name} · {receipt.model.fingerprint[:12]} · tsumami {receipt.tsumami} · {exact}"
    return f"<footer>{html.escape(facts)}</footer>"
