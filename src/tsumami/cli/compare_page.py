"""A comparison as one HTML page.

Guarantee: the page needs nothing but itself (no script, no network), reads in light and dark, and shows every text as
it is: all of it is escaped.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from tsumami.cli.reasons import lane_name, measure_rows
from tsumami.cli.words import language, say

if TYPE_CHECKING:
    from tsumami.explain import Block, Comparison
    from tsumami.runs import Run

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --mark: #e69f0055; --soft: #8889; }
body { font: 16px/1.6 "Noto Sans CJK JP", "Noto Sans JP", system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.lanes { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); }
.lane { border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-wrap: anywhere; }
.lane h3 { font-size: 1rem; margin: 0 0 .5rem; } .text { white-space: pre-wrap; }
.common { color: var(--soft); } mark { background: var(--mark); color: inherit; border-radius: 3px; }
table { border-collapse: collapse; } th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem; }
td { text-align: right; font-variant-numeric: tabular-nums; } th { text-align: left; font-weight: normal; }
.error { color: #d55e00; } footer { color: var(--soft); font-size: .85rem; margin-top: 2rem; }
"""


def page(found: Comparison) -> str:
    """The whole page."""
    title = say("生成のくらべ", "Runs side by side")
    body = [f"<h1>{title}</h1>", _prompt(found), _lanes(found)]
    if found.runs:
        body += [f"<h2>{say('測った値', 'Measures')}</h2>", _measures(found)]
    if found.divergences:
        body += [f"<h2>{say('どこで、なぜ分かれたか', 'Where they part, and why')}</h2>"]
        body += [f"<p>{html.escape(say(one.ja, one.en))}</p>" for one in found.divergences]
    body.append(_facts(found))
    return (
        f'<!doctype html>\n<html lang="{language()}">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n{chr(10).join(body)}\n</html>\n"
    )


def _prompt(found: Comparison) -> str:
    texts = dict.fromkeys(lane.plan.prompt.text for lane in found.lanes)
    return "".join(f'<p class="text">{html.escape(text)}</p>' for text in texts)


def _lanes(found: Comparison) -> str:
    blocks = iter(found.alignment.lanes if found.alignment is not None else [()] * len(found.runs))
    common = found.alignment.common if found.alignment is not None else 0
    made = []
    for index, lane in enumerate(found.lanes):
        if lane.run is None:
            text = f'<div class="error">{html.escape(str(lane.error))}</div>'
        else:
            text = f'<div class="text">{_text(lane.run, common, next(blocks))}</div>'
        made.append(f'<section class="lane"><h3>{html.escape(lane_name(index, lane))}</h3>{text}</section>')
    return f'<div class="lanes">{"".join(made)}</div>'


def _text(run: Run, common: int, blocks: tuple[Block, ...]) -> str:
    """The text: what all share dimmed, what is not beside the same in the first lane marked."""
    parts = [f'<span class="common">{_words(run, 0, common)}</span>']
    for block in blocks:
        words = _words(run, block.start, block.stop)
        parts.append(words if block.same or not words else f"<mark>{words}</mark>")
    return "".join(parts) if blocks or common else _words(run, 0, len(run.steps))


def _words(run: Run, start: int, stop: int) -> str:
    return html.escape("".join(step.text for step in run.steps[start:stop]))


def _measures(found: Comparison) -> str:
    heads = "".join(
        f"<th>{html.escape(lane_name(index, lane))}</th>"
        for index, lane in enumerate(found.lanes)
        if lane.run is not None
    )
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in measure_rows(found.metrics)
    )
    return f"<table><tr><th></th>{heads}</tr>{rows}</table>"


def _facts(found: Comparison) -> str:
    if not found.runs:
        return ""
    receipt = found.runs[0].receipt
    exact = "exact" if receipt.engine.exact else say("exact ではない", "not exact")
    facts = f"{receipt.model.name} · {receipt.model.fingerprint[:12]} · tsumami {receipt.tsumami} · {exact}"
    return f"<footer>{html.escape(facts)}</footer>"
