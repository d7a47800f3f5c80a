"""`tsumami explain`: where two saved runs part, and why."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.idle import note_idle_in
from tsumami.cli.kept import run_argument, saved_run
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import console, json_text
from tsumami.cli.reasons import paragraph
from tsumami.cli.verify import as_the_receipt_says
from tsumami.cli.words import say
from tsumami.errors import TsumamiError

if TYPE_CHECKING:
    from tsumami.explain import Divergence
    from tsumami.model import Model
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
    from tsumami.explain import divergence, parting

    a, b = saved_run(first), saved_run(second)
    found = parting(a, b)
    if found.kind != "parted":
        _show(found, out)
        note_idle_in([a, b], [None, None])
        return
    with ExitStack() as stack:
        try:
            models = _models(stack, model, a, b)
            found = divergence(a.attach(models[0]), b.attach(models[1]))
        except TsumamiError:
            _show(found, out)  # what the steps alone say
            raise
        _show(found, out)
        note_idle_in([a, b], models)


def _models(stack: ExitStack, options: ModelOptions, a: Run, b: Run) -> tuple[Model, Model]:
    """What each was made with; often one for both."""
    size = max(a.receipt.engine.n_ctx, b.receipt.engine.n_ctx)
    loaded = stack.enter_context(as_the_receipt_says(options.otherwise(n_ctx=size), a.receipt).load())
    if a.receipt.model.fingerprint == b.receipt.model.fingerprint:
        return loaded, loaded
    return loaded, stack.enter_context(as_the_receipt_says(options.otherwise(n_ctx=size), b.receipt).load())


def _show(found: Divergence, out: Outputs) -> None:
    from tsumami.explain.plain import divergence_values

    if not out.put({"json": lambda: json_text({"divergence": divergence_values(found)})}):
        screen = console()
        screen.print(paragraph(say(found.ja, found.en), screen.width))
