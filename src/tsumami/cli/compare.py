"""`tsumami compare`: runs side by side from one prompt and one roll, and why they part.

Guarantee: stdout holds the report (text, or JSON with --json) and nothing else; the report says nothing that the
library did not compute. A lane that fails is named, and the others are shown. Ctrl-C keeps the lanes as far as they
are.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsumami.cli.exit_codes import INTERRUPTED
from tsumami.cli.following import follow
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import KeepOptions
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.options import ModelOptions, PromptOptions, json_flag
from tsumami.cli.output import bar, check_writable, console, note, save_file, warn, write_json
from tsumami.cli.reasons import lane_name, measures, paragraph
from tsumami.cli.varying import parse_seed, varied_values, vary_help
from tsumami.cli.words import say
from tsumami.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from tsumami.explore.lanes import Comparison


def about() -> str:
    """The help of the command."""
    return say(
        "1 つのプロンプトと同じ乱数から、設定の違う 2〜8 個の文章を並べて生成し、どこで、なぜ分かれたかを説明する。",
        "Two to eight texts side by side, from one prompt and the same rolls: where they part, and why.",
    )


def compare(
    prompt: PromptOptions,
    model: ModelOptions,
    knobs: KnobOptions,
    history: KeepOptions,
    vary: Annotated[list[str] | None, typer.Option("--vary", metavar="<KNOB=A,B>", help=vary_help())] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="<A,B>", help=say("比べるシード（0,1,2）", "seeds to compare, such as 0,1,2")),
    ] = None,
    as_json: Annotated[bool, json_flag()] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="<FILE>", help=say("1 枚の HTML に書き出す", "write the report as one HTML page")
        ),
    ] = None,
) -> None:
    """Read, load, generate together, explain."""
    settings, varied = knobs.settings(), varied_values(vary or [])
    texts = prompt.read()
    numbers = None if seeds is None else [parse_seed(one) for one in seeds.split(",")]
    check_writable(html)
    with model.load() as loaded:
        prompts = [prompt.made(loaded, one, settings) for one in texts]
        with bar() as show, loaded.comparing(prompts, base=settings, vary=varied or None, seeds=numbers) as lanes:
            count = itertools.count(1)
            interrupted = follow(lanes, lambda _: show(_line(next(count))))
            found = lanes.comparison
        if html is not None:
            from tsumami.cli.compare_page import page

            save_file(html, page(found, loaded.tokenizer.piece))
    if as_json:
        from tsumami.explore.lanes import comparison_values

        write_json(comparison_values(found))
    else:
        report(console(), found)
    for run in found.runs:
        history.run(run, kind="compare")
    note_idle([run.settings for run in found.runs], varied)
    if html is not None:
        note(say(f"{html} に書き出しました。", f"Written to {html}."))
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if len(found.runs) < len(found.lanes):
        raise typer.Exit(2)


def _line(count: int) -> str:
    return say(f"{count} トークン", counted(count, "token"))


def report(screen: Console, found: Comparison) -> None:
    """The texts, the measures, and why each parts from the first."""
    from rich.text import Text

    common = found.alignment.common if found.alignment is not None else 0
    for index, lane in enumerate(found.lanes):
        screen.print(Text(lane_name(index, lane), style="bold"))
        if lane.error is not None:
            warn(str(lane.error))
        if lane.run is not None:
            shared = "".join(step.text for step in lane.run.steps[:common])
            screen.print(Text(shared, "dim").append(lane.run.text[len(shared) :], "not dim"), "", sep="\n")
    if found.runs:
        screen.print(measures(found), "", sep="\n")
    for one in found.divergences:
        screen.print(paragraph(say(one.ja, one.en), screen.width), "", sep="\n")
