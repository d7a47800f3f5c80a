"""`tsumami compare`: runs side by side from one prompt and one roll, and why they part.

Guarantee: stdout holds the report (text, or JSON with --json) and nothing else; the report says nothing that the
library did not compute. A lane that fails is named, and the others are shown. Ctrl-C keeps the lanes as far as they
are.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Annotated

import typer

from tsumami.cli.compare_there import compare_there
from tsumami.cli.exit_codes import INTERRUPTED
from tsumami.cli.following import follow
from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.idle import note_idle, note_idle_in
from tsumami.cli.kept import KeepOptions, saved_run
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.options import ModelOptions, PromptOptions
from tsumami.cli.output import bar, console, json_text, warn
from tsumami.cli.reasons import lane_name, measures, paragraph
from tsumami.cli.run_there import generates_by_itself
from tsumami.cli.varying import parse_seeds, seeds_option, varied_values, vary_help
from tsumami.cli.verify import as_the_receipt_says
from tsumami.cli.words import UsageProblem, say, told
from tsumami.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from tsumami.explore.design import Design
    from tsumami.explore.lanes import Comparison, LanePlan
    from tsumami.model import Model


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
    out: Annotated[Outputs, Makes("json", "html")],
    vary: Annotated[list[str] | None, typer.Option("--vary", metavar="<KNOB=A,B>", help=vary_help())] = None,
    seeds: Annotated[str | None, seeds_option()] = None,
    saved: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="<RUN.JSON|ID>",
            help=say(
                "生成する代わりに、保存した実行を比べる（ファイル、または履歴の id。2〜8 回書く）",
                "compare saved runs instead of generating: a file or an id, two to eight times",
            ),
        ),
    ] = None,
) -> None:
    """Read, load, generate together, explain."""
    from tsumami.explore.design import Design
    from tsumami.explore.lanes import Comparing

    if not saved and generates_by_itself(model):
        design = Design(knobs.settings(), varied_values(vary or []) or None, seeds=parse_seeds(seeds))
        compare_there(model.name, prompt, design, out)
        return
    if saved:
        _check_alone(prompt, vary, seeds)
        _compare_saved(model, saved, out)
        return
    settings, varied, chosen = knobs.settings(), varied_values(vary or []), parse_seeds(seeds)
    texts = prompt.read()
    with model.load() as loaded:
        plans = _plans(loaded, prompt, texts, Design(settings, varied or None, seeds=chosen))
        with bar() as show, Comparing(loaded, plans) as lanes:
            count = itertools.count(1)
            interrupted = follow(lanes, lambda _: show(_line(next(count))))
            found = lanes.comparison
        _show(found, loaded, out)
        note_idle([run.settings for run in found.runs], varied, ask=loaded, template=prompt.template)
    for run in found.runs:
        history.run(run, kind="compare")
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if len(found.runs) < len(found.lanes):
        raise typer.Exit(2)


def _plans(loaded: Model, prompt: PromptOptions, texts: list[str], design: Design) -> list[LanePlan]:
    """The lanes: each has the prompt that its own settings make of a text."""
    from tsumami.explore.lanes import LanePlan, plan
    from tsumami.runs import Prompt

    made: dict[tuple[str, str], Prompt] = {}
    lanes: list[LanePlan] = []
    for lane in plan([Prompt(text, ()) for text in texts], design):
        key = lane.prompt.text, json.dumps(lane.settings.template_values)
        if key not in made:
            made[key] = prompt.made(loaded, lane.prompt.text, lane.settings)
        lanes.append(LanePlan(made[key], lane.settings))
    return lanes


def _check_alone(prompt: PromptOptions, vary: list[str] | None, seeds: str | None) -> None:
    """Refuse what says how to generate beside runs that there are already."""
    if prompt.argument is not None or prompt.texts or prompt.file is not None or vary or seeds is not None:
        raise UsageProblem(
            "--run compares what was generated before; leave the prompt, --vary and --seeds out"
        ).in_japanese("--run は生成済みのものを比べます。プロンプト、--vary、--seeds は付けないでください")


def _compare_saved(model: ModelOptions, names: list[str], out: Outputs) -> None:
    """Compare saved runs, with the model of the first one."""
    from tsumami.explore.lanes import of_runs

    runs = [saved_run(name) for name in names]
    size = max(run.receipt.engine.n_ctx for run in runs)
    with as_the_receipt_says(model.otherwise(n_ctx=size), runs[0].receipt).load() as loaded:
        ours = loaded.model_card.fingerprint
        made = [run.attach(loaded) if run.receipt.model.fingerprint == ours else run for run in runs]
        _show(of_runs(made), loaded, out)
        note_idle_in(runs, [loaded if run.receipt.model.fingerprint == ours else None for run in runs])


def _show(found: Comparison, loaded: Model, out: Outputs) -> None:
    """Report it, in the forms that were asked for."""

    def as_json() -> str:
        from tsumami.explore.lanes import comparison_values

        return json_text(comparison_values(found))

    def as_html() -> str:
        from tsumami.cli.compare_page import page

        return page(found, loaded.tokenizer.piece)

    if not out.put({"json": as_json, "html": as_html}):
        report(console(), found)


def _line(count: int) -> str:
    return say(f"{count} トークン", counted(count, "token"))


def report(screen: Console, found: Comparison) -> None:
    """The texts, the measures, and why each parts from the first."""
    from rich.text import Text

    common = found.alignment.common if found.alignment is not None else 0
    for index, lane in enumerate(found.lanes):
        screen.print(Text(lane_name(index, lane), style="bold"))
        if lane.error is not None:
            warn(told(lane.error))
        if lane.run is not None:
            shared = "".join(step.text for step in lane.run.steps[:common])
            screen.print(Text(shared, "dim").append(lane.run.text[len(shared) :], "not dim"), "", sep="\n")
    if found.runs:
        screen.print(measures(found), "", sep="\n")
    for one in found.divergences:
        screen.print(paragraph(say(one.ja, one.en), screen.width), "", sep="\n")
