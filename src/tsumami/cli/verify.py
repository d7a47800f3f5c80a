"""`tsumami verify`: run a saved run again and say whether it is the same, bit for bit, or what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.kept import run_argument, saved_run
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import json_text, note, piece, write
from tsumami.cli.words import say
from tsumami.errors import ModelNotFoundError, RunFileError
from tsumami.wording import counted, percent

if TYPE_CHECKING:
    from tsumami.runs import Receipt, Run, Verification


def about() -> str:
    """The help of the command."""
    return say(
        "保存した実行をもう一度行い、トークンと確率がビット単位で同じかを調べる（同じなら 0、違えば 1 で終わる）。",
        "Run a saved run again: are tokens and probabilities the same bit for bit? Exits with 0 if so, 1 if not.",
    )


def verify(
    model: ModelOptions,
    file: Annotated[Path, run_argument("保存した実行", "the saved run")],
    out: Annotated[Outputs, Makes("json")],
) -> None:
    """Load what the receipt names, run it again, compare."""
    saved = saved_run(file)
    if not saved.steps:
        raise RunFileError(
            f"{file} holds no tokens, so there is nothing to compare; save a run that generated some"
        ).in_japanese(f"{file} にはトークンがないので、比べるものがありません。何か生成した実行を保存してください")
    with as_the_receipt_says(model, saved.receipt).load() as loaded:
        found = loaded.verify(saved)
    if not out.put({"json": lambda: json_text(_values(found))}):
        _report(found)
    if not found.same:
        raise typer.Exit(1)


def _values(found: Verification) -> dict[str, Any]:
    return {
        "same": found.same,
        "same_tokens": found.same_tokens,
        "same_numbers": found.same_numbers,
        "first_difference": found.first_difference,
        "circumstances": [say(*pair) for pair in found.circumstances],
    }


def as_the_receipt_says(options: ModelOptions, receipt: Receipt) -> ModelOptions:
    """The options, and for what was not said the receipt's own."""
    if receipt.model.elsewhere:
        if options.model is None:
            raise ModelNotFoundError(
                f"this run was made with {receipt.model.name} on an engine elsewhere; where that is, no receipt says: "
                "name it with --model llama-server+http://host:8080"
            ).in_japanese(
                f"この実行は、ほかの場所のエンジンの {receipt.model.name} で作られました。"
                "その場所はレシートに残らないので、--model llama-server+http://host:"
                "8080 で指定してください"
            )
        return options
    hub = receipt.model.source.removeprefix("hub ")
    # A hub name leads to the same file on any machine; an alias may have moved on.
    name = hub if hub != receipt.model.source else receipt.model.name
    engine = receipt.engine
    said = options.otherwise(model=name, n_ctx=engine.n_ctx, fast=engine.mode == "fast")
    return said if said.fast else said.otherwise(repack=engine.repacked)


def _report(found: Verification) -> None:
    count = len(found.original.steps)
    if found.same:
        write(
            say(
                f"同じです: {count} トークンのすべての確率が、ビット単位で一致しました。",
                f"The same, bit for bit: {counted(count, 'token')} and every probability.",
            )
            + "\n"
        )
    else:
        write(_difference(found) + "\n")
    for pair in found.circumstances:
        note("· " + say(*pair))
    if not found.same and not found.circumstances:
        note(
            say(
                "· モデル、エンジン、正確さの条件はすべて同じです。ファイルが書き換えられた可能性があります。",
                "· model, engine and exactness are all the same: the file may have been edited.",
            )
        )


def _difference(found: Verification) -> str:
    index = found.first_difference
    assert index is not None
    then, now = _token(found.original, index), _token(found.again, index)
    if found.same_tokens:
        return say(
            f"違います: トークンは同じですが、{index + 1} 番目から数値が違います（{then} → {now}）。",
            f"Different: the tokens are the same, but from number {index + 1} on numbers differ ({then} → {now}).",
        )
    return say(
        f"違います: {index + 1} 番目のトークンから（{then} → {now}）。",
        f"Different from token {index + 1} on ({then} → {now}).",
    )


def _token(run: Run, index: int) -> str:
    if index >= len(run.steps):
        return say("終わり", "the end")
    step = run.steps[index]
    return f"{piece(step.piece)} {percent(step.p_final)}"
