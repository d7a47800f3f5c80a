"""`tsumami explain`: where two saved runs part, and why."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import run_argument, saved_run
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import console, json_text
from tsumami.cli.reasons import paragraph
from tsumami.cli.verify import as_the_receipt_says
from tsumami.cli.words import say
from tsumami.errors import TsumamiError

if TYPE_CHECKING:
    from tsumami.explain import Divergence
    from tsumami.runs import Run


def about() -> str:
    """The help of the command."""
    return say(
        "保存した 2 つの実行がどこで、なぜ分かれたかを、確かめたうえで 1 段落で説明する。",
        "Where two saved runs part, and why: one paragraph, and checked.",
    )


def explain(
    model: ModelOptions,
    first: Annotated[Path, run_argument("1 つ目の実行", "the first saved run", "A.JSON")],
    second: Annotated[Path, run_argument("2 つ目の実行", "the second saved run", "B.JSON")],
    out: Annotated[Outputs, Makes("json")],
) -> None:
    """Read both, load what their receipts name, explain."""
    from tsumami.explain import parting

    a, b = saved_run(first), saved_run(second)
    found, problem = parting(a, b), None
    if found.kind == "parted":
        try:
            found = _explained(model, a, b)
        except TsumamiError as error:
            problem = error  # what the steps alone say can still be shown
    _show(found, out)
    if problem is not None:
        raise problem
    note_idle([a.settings, b.settings])


def _explained(options: ModelOptions, a: Run, b: Run) -> Divergence:
    from tsumami.explain import divergence

    with ExitStack() as stack:
        size = max(a.receipt.engine.n_ctx, b.receipt.engine.n_ctx)
        loaded = stack.enter_context(as_the_receipt_says(options.otherwise(n_ctx=size), a.receipt).load())
        other = loaded
        if a.receipt.model.fingerprint != b.receipt.model.fingerprint:
            other = stack.enter_context(as_the_receipt_says(options.otherwise(n_ctx=size), b.receipt).load())
        return divergence(a.attach(loaded), b.attach(other))


def _show(found: Divergence, out: Outputs) -> None:
    from tsumami.explain.plain import divergence_values

    if not out.put({"json": lambda: json_text({"divergence": divergence_values(found)})}):
        screen = console()
        screen.print(paragraph(say(found.ja, found.en), screen.width))
