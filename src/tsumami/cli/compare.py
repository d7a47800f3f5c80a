"""`tsumami compare`: runs side by side from one prompt and one roll, and why they part.

Guarantee: stdout holds the report (text, or JSON with --json) and nothing else; the report says nothing that the
library did not compute. A lane that fails is named, and the others are shown.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsumami.cli.files import read_prompt
from tsumami.cli.knobs import KnobOptions, parse
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import check_writable, console, note, save_text, warn, write_json
from tsumami.cli.reasons import lane_name, measures, paragraph
from tsumami.cli.run import make_prompt
from tsumami.cli.words import say
from tsumami.errors import PromptError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from tsumami.explain import Comparing, Comparison


def about() -> str:
    """The help of the command."""
    return say(
        "1 つのプロンプトと同じ乱数から、設定の違う 2〜8 個の文章を並べて生成し、どこで、なぜ分かれたかを説明する。",
        "Two to eight texts side by side, from one prompt and the same rolls: where they part, and why.",
    )


def compare(
    model: ModelOptions,
    knobs: KnobOptions,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT", show_default=False, help=say("プロンプト（- は標準入力）", "the prompt (- for stdin)")
        ),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            "--prompt",
            metavar="<TEXT>",
            help=say("プロンプト。何度も書くと、プロンプトどうしを比べる", "the prompt; several compare prompts"),
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="<KNOB=A,B>",
            help=say(
                "比べるつまみと値（top_k=40,100）。何度も書くと、すべての組み合わせ",
                "a knob and its values, such as top_k=40,100; several give every combination",
            ),
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="<A,B>", help=say("比べるシード（0,1,2）", "seeds to compare, such as 0,1,2")),
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            "--template",
            "-t",
            metavar="<raw|model|llama2>",
            help=say("プロンプトの形式（既定 raw）", "the prompt's format (default raw)"),
        ),
    ] = "raw",
    as_json: Annotated[bool, typer.Option("--json", help=say("JSON で出す", "print JSON"))] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="<FILE>", help=say("1 枚の HTML に書き出す", "write the report as one HTML page")
        ),
    ] = None,
) -> None:
    """Read, load, generate together, explain."""
    settings, varied = knobs.settings(), varied_values(vary or [])
    texts = _prompts(text, prompt)
    numbers = None if seeds is None else [parse_seed(one) for one in seeds.split(",")]
    check_writable(html)
    with model.load() as loaded:
        prompts = [make_prompt(loaded, one, template, None) for one in texts]
        with loaded.comparing(prompts, base=settings, vary=varied or None, seeds=numbers) as lanes:
            _follow(lanes)
            found = lanes.comparison
        if html is not None:
            from tsumami.cli.compare_page import page

            save_text(html, page(found, loaded.tokenizer.piece))
    if as_json:
        from tsumami.explain.plain import comparison_values

        write_json(comparison_values(found))
    else:
        report(console(), found)
    if html is not None:
        note(say(f"{html} に書き出しました。", f"Written to {html}."))
    if len(found.runs) < len(found.lanes):
        raise typer.Exit(2)


def varied_values(given: list[str]) -> dict[str, list[Any]]:
    """`top_k=40,100` as a knob and its values.

    Raises:
        SettingsError: no `=`, no knob of that name, the same knob twice, or a value that it cannot have.
    """
    from tsumami.knobs import get

    found: dict[str, list[Any]] = {}
    for one in given:
        name, equals, values = one.partition("=")
        if not equals or not values:
            raise SettingsError(f"--vary {one!r}: needs KNOB=A,B, such as top_k=40,100")
        knob = get(name.strip().removeprefix("--").replace("-", "_"))
        if knob.name in found:
            raise SettingsError(f"--vary {knob.name} was given twice; give all its values in one: {knob.name}=A,B")
        found[knob.name] = [parse(knob, value.strip()) for value in values.split(",")]
    return found


def parse_seed(text: str) -> int:
    """A seed as typed; SettingsError if it cannot be one."""
    from tsumami.knobs import get

    return int(parse(get("seed"), text.strip()))


def _prompts(text: str | None, prompts: list[str] | None) -> list[str]:
    if text is not None and prompts:
        raise PromptError("the prompt was given twice, as an argument and with --prompt; give it once")
    return prompts or [read_prompt(text, None)]


def _follow(lanes: Comparing) -> None:
    """Take the steps as they come, with a bar on a terminal."""
    if not sys.stderr.isatty():
        for _ in lanes:
            pass
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        for count, _ in enumerate(lanes, 1):
            bar.update(task, description=say(f"{count} トークン", f"{count} tokens"))


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
