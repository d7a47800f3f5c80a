"""Runs side by side: what all begin with folded, and what differs from the first marked.

Guarantee: every lane's text is whole (folded, the same, or marked); a character that is made of several tokens is never
torn. A lane has its colour in the measures' charts, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from tsumami.charts.colours import COLOURS
from tsumami.charts.pieces import groups
from tsumami.charts.words import word
from tsumami.explore.lanes import Alignment
from tsumami.runs import Run
from tsumami.wording import Language


@dataclass(frozen=True, slots=True)
class LaneColumn:
    """A lane: its name, and its run, or in its place the text so far or what went wrong."""

    name: str
    run: Run | None = None
    text: str = ""
    problem: str = ""


def side_by_side(columns: Sequence[LaneColumn], alignment: Alignment | None, language: Language) -> str:
    """The lanes as HTML. `alignment` is of those that have a run, in their order; None while they grow."""
    same = iter(_same(alignment, [c.run for c in columns if c.run is not None]) if alignment else [])
    common = alignment.common if alignment else 0
    cells = "".join(
        _column(number, column, next(same, []) if column.run is not None else [], common, language)
        for number, column in enumerate(columns)
    )
    return f'<div class="tsu"><div class="tsu-lanes">{cells}</div></div>'


def _same(alignment: Alignment, runs: Sequence[Run]) -> list[list[bool]]:
    """For every token of every lane: whether it is the first lane's, too."""
    found = []
    for run, blocks in zip(runs, alignment.lanes, strict=True):
        flags = [True] * len(run.steps)
        for block in blocks:
            flags[block.start : block.stop] = [block.same] * (block.stop - block.start)
        found.append(flags)
    return found


def _column(number: int, column: LaneColumn, same: list[bool], common: int, language: Language) -> str:
    colour = COLOURS[number % len(COLOURS)]
    head = f'<h2 translate="no" style="--lane:{colour}">{escape(column.name)}</h2>'
    if column.problem:
        body = f"<p>⚠️ {escape(column.problem)}</p>"
    elif column.run is None:
        body = f'<p translate="no">{escape(column.text) or "…"}</p>'
    else:
        body = _texts(column.run, same, common, language)
    return f'<div class="tsu-lane" style="--lane:{colour}">{head}{body}</div>'


def _texts(run: Run, same: list[bool], common: int, language: Language) -> str:
    """The text in pieces: the common beginning folded, then the same and the different."""
    parts = [(_kind(same, common, group.start, group.stop), group.text) for group in groups(s.piece for s in run.steps)]
    made = []
    for kind, members in groupby(parts, key=_first):
        text = escape("".join(text for _, text in members))
        if kind == "common":
            head = escape(word(language, "common", count=common))
            made.append(f'<details><summary>{head}</summary><span translate="no">{text}</span></details>')
        else:
            made.append(f'<span translate="no" class="{kind}">{text}</span>')
    return f"<div>{''.join(made) or '∅'}</div>"


def _kind(same: list[bool], common: int, start: int, stop: int) -> str:
    if stop <= common:
        return "common"
    return "same" if not same or all(same[start:stop]) else "other"


def _first(part: tuple[str, str]) -> str:
    return part[0]
