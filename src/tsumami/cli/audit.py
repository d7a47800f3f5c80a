"""`tsumami audit`: what each knob did in a saved run, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.idle import note_idle_in
from tsumami.cli.kept import run_argument, saved_run
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import console, json_text
from tsumami.cli.reasons import paragraph
from tsumami.cli.run import complete_text
from tsumami.cli.verify import as_the_receipt_says
from tsumami.cli.words import say

if TYPE_CHECKING:
    from rich.table import Table

    from tsumami.explain import Audit
    from tsumami.runs import Run
    from tsumami.runs.run import RunPart


def about() -> str:
    """The help of the command."""
    return say(
        "保存した実行で、つまみがそれぞれ何個のトークンで働いたか、どれが何もしなかったかを数える。",
        "What each knob did in a saved run: at how many tokens it acted, how many it decided, and which did nothing.",
    )


def audit(
    model: ModelOptions,
    file: Annotated[Path, run_argument("保存した実行", "the saved run")],
    out: Annotated[Outputs, Makes("json")],
    part: Annotated[
        str,
        typer.Option(
            "--part",
            metavar="<all|thinking|answer>",
            show_default=False,
            help=say(
                "考えてから答えた実行で、考えた部分か答えだけを数える（既定: 全体）",
                "of a run that thought first, count its thinking or its answer alone (default: all)",
            ),
        ),
    ] = "all",
) -> None:
    """Load what the receipt names, run each knob's neutral twin beside the chain, count."""
    from tsumami.explain import audit as count
    from tsumami.explain.plain import audit_values

    saved = saved_run(file)
    with as_the_receipt_says(model, saved.receipt).load() as loaded:
        found = count(saved.attach(loaded), cast("RunPart", part))
        if not out.put({"json": lambda: json_text(audit_values(found))}):
            _report(found, saved)
        note_idle_in([saved], [loaded])


def _report(found: Audit, saved: Run) -> None:
    screen = console()
    screen.print(_table(found), "", sep="\n")
    for one in found.knobs:
        screen.print(paragraph("· " + say(one.ja, one.en), screen.width))
    if found.completeness is not None:
        screen.print(paragraph("· " + complete_text(found.completeness, saved.settings), screen.width))


def _table(found: Audit) -> Table:
    from rich import box
    from rich.table import Table

    from tsumami.explain.reasons import value_text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say("つまみ", "knob"), overflow="fold")
    table.add_column(say("値", "value"), overflow="fold")
    table.add_column(say("候補を変えた", "changed candidates"), justify="right")
    table.add_column(say("トークンを決めた", "decided the token"), justify="right")
    for one in found.knobs:
        counts = (f"{one.changed} / {found.tokens}", f"{one.decided} / {found.tokens}")
        table.add_row(one.knob, value_text(one.knob, one.value), *counts, style="dim" if one.dead else "")
    return table
