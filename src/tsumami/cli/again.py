"""What was kept, made again: in the page's microscope, or run after run to see whether it is the same.

Guarantee: every run is made with what its receipt names; one whose model is not here is said, and none is skipped in
silence.
"""

from __future__ import annotations

import webbrowser
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from tsumami.cli.options import ModelOptions
from tsumami.cli.output import note, warn, write
from tsumami.cli.verify import as_the_receipt_says
from tsumami.cli.words import language, say, told
from tsumami.errors import TsumamiError
from tsumami.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsumami.history import Entry, History
    from tsumami.runs import Run

__all__ = ["open_page", "run_again"]


def open_page(entry: Entry, run: Run, model: ModelOptions) -> None:
    """Serve the page with the run's model, and open it there in the microscope."""
    from tsumami.app.serving import server
    from tsumami.app.work.shelf import ModelChoice

    options = as_the_receipt_says(model, run.receipt)

    def ready(url: str) -> None:
        address = f"{url}/?run={entry.key}"
        note(say(f"{address} で開きます。Ctrl-C で終わります。", f"opening {address} — Ctrl-C ends it"))
        webbrowser.open(address)

    choice = ModelChoice(options.name, options.engine)
    server.serve(choice, server.ServerOptions(port=0), language=language(), ready=ready)


def run_again(store: History, entries: Sequence[Entry], model: ModelOptions) -> None:
    """Run entries again, those of one model after the other.

    Raises:
        typer.Exit: one is not the same, or could not be run.
    """
    wrong = 0
    for _, group in groupby(sorted(entries, key=_model_of), _model_of):
        wrong += _again(store, list(group), model)
    same = len(entries) - wrong
    write(
        say(
            f"{len(entries)} 件をもう一度実行し、{same} 件がビット単位で同じでした。\n",
            f"Run again: {counted(len(entries), 'run')}, the same bit for bit: {same}.\n",
        )
    )
    if wrong:
        raise typer.Exit(1)


def _model_of(entry: Entry) -> tuple[str, str]:
    return entry.fingerprint, entry.model


def _again(store: History, entries: list[Entry], model: ModelOptions) -> int:
    """How many of one model's runs are not the same."""
    runs = [(entry, store.get(entry.key)) for entry in entries]
    longest = max(runs, key=lambda pair: pair[1].receipt.engine.n_ctx)[1]
    try:
        with as_the_receipt_says(model, longest.receipt).load() as loaded:
            different = [entry for entry, run in runs if not loaded.verify(run).same]
    except TsumamiError as error:
        warn(say(f"{entries[0].model} は実行できません: {told(error)}", f"{entries[0].model} cannot be run: {error}"))
        return len(entries)
    for entry in different:
        warn(say(f"{entry.key[:8]} は同じではありません", f"{entry.key[:8]} is not the same"))
    return len(different)
