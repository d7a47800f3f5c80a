"""`tsumami grid`: the texts of many settings, seeds and prompts, and what they have in common.

Guarantee: stdout holds the tables (or what was asked for with --json or another form) and nothing else. Ctrl-C
keeps what there is: the cells that are finished, and the others as far as they are.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tsumami.cli.exit_codes import INTERRUPTED
from tsumami.cli.following import follow
from tsumami.cli.forms import Makers, Makes, Outputs
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import KeepOptions, id_note
from tsumami.cli.knobs import KnobOptions, show
from tsumami.cli.options import ModelOptions, PromptOptions
from tsumami.cli.output import Show, bar, console, note
from tsumami.cli.varying import parse_seeds, seeds_option, varied_values, vary_help
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError
from tsumami.wording import counted

if TYPE_CHECKING:
    from rich.table import Table

    from tsumami import charts
    from tsumami.explore.design import Design
    from tsumami.explore.grids import Count, Grid, Gridding, GridProgress
    from tsumami.sweep import Sweep

_COLUMNS: Final = 4  # of measures: a terminal has no room for more
_WIDE: Final = 120  # columns where there is no terminal


def about() -> str:
    """The help of the command."""
    return say(
        "つまみの値、シード、プロンプトのすべての組み合わせから文章を生成し、並べて測る。共通の先頭は一度だけ計算する。",
        "The texts of every combination of knob values, seeds and prompts, measured side by side; what texts share is"
        " computed once.",
    )


def grid(
    prompt: PromptOptions,
    out: Annotated[Outputs, Makes("json", "csv", "html", "svg", "png")],
    model: ModelOptions,
    knobs: KnobOptions,
    history: KeepOptions,
    vary: Annotated[list[str] | None, typer.Option("--vary", metavar="<KNOB=A,B>", help=vary_help())] = None,
    seeds: Annotated[str | None, seeds_option()] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="<auto|local|HOST:PORT>",
            help=say(
                "Ray で複数のマシンに分ける。auto: 動いているクラスタ、なければこのマシンで始める",
                "spread it over machines with Ray; auto: the cluster that runs, or else one on this machine",
            ),
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="<N>",
            help=say("--ray のワーカー数（既定: マシンごとに 1）", "workers of --ray (default: one for each machine)"),
        ),
    ] = None,
) -> None:
    """Read, load, generate together, report."""
    from tsumami.explore.design import Design
    from tsumami.explore.grids import Gridding, plan_grid
    from tsumami.runs import Prompt

    if workers is not None and ray is None:
        raise SettingsError(f"--workers {workers}: needs --ray, which says where the workers are").in_japanese(
            f"--workers {workers}: ワーカーがどこにいるかを言う --ray が要ります"
        )
    settings, varied, chosen = knobs.short(knobs.settings()), varied_values(vary or []), parse_seeds(seeds)
    texts = prompt.read()
    design = Design(settings, varied or None, seeds=chosen)
    with contextlib.ExitStack() as stack:
        cells: Gridding | Sweep
        if ray is None:
            loaded = stack.enter_context(model.load())
            plan = plan_grid([Prompt("", ())] * len(texts), design)
            plan = plan.with_prompts(lambda told: [prompt.made(loaded, text, told) for text in texts])
            watch = _watch(stack.enter_context(bar()))
            cells = Gridding(loaded, plan, watch=watch)
            note_idle(plan.settings, varied, ask=loaded, template=prompt.template)
        else:
            asked = [prompt.messages(text) for text in texts]
            watch = _watch(stack.enter_context(bar()))
            cells = _sweep(asked, design, model, prompt, (ray, workers), watch)
            note_idle(design.points(0), varied, ask=cells, template=prompt.template)
        stack.push(cells)
        interrupted = follow(cells)
        found = cells.grid
    report(found, out, id_note(history.result(found.to_json(), "grid", found.receipt)))
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _sweep(
    asked: list[list[dict[str, str]]],
    design: Design,
    model: ModelOptions,
    prompt: PromptOptions,
    where: tuple[str, int | None],
    watch: Callable[[GridProgress], None],
) -> Sweep:
    """The same over Ray, at an address with so many workers, which load the model."""
    from tsumami.sweep import Sweep

    address, workers = where
    return Sweep(
        asked, design, model=model.name, options=model.engine, template=prompt.template,
        parse_special=prompt.parse_special, address=address, workers=workers, watch=watch,
    )  # fmt: skip


# --- while it is made ---


def _watch(show: Show) -> Callable[[GridProgress], None]:
    """What shows the progress."""

    def watch(at: GridProgress) -> None:
        show(_line(at), at.done, at.cells)

    return watch


def _line(at: GridProgress) -> str:
    return say(
        f"{at.done} / {at.cells} セル、{at.texts} 文章、{at.nodes} トークン、追跡中 {at.followed}、待ち {at.waiting}",
        f"{at.done} of {counted(at.cells, 'cell')}, {counted(at.texts, 'text')}, {counted(at.nodes, 'token')},"
        f" following {at.followed}, waiting {at.waiting}",
    )


# --- what it says ---


def report(found: Grid, out: Outputs, kept: str = "") -> None:
    """The tables or what was asked for instead, and the facts."""
    if not out.put(_forms(found)):
        screen = console()
        if not screen.is_terminal:
            screen.width = max(screen.width, _WIDE)
        screen.print(_settings_table(found))
        held = _held_table(found)
        if held.row_count:
            screen.print("", held, sep="\n")
    note(_facts(found) + kept)


def _forms(found: Grid) -> Makers:
    def drawn(form: charts.Form) -> bytes:
        from tsumami import charts

        return charts.drawn(charts.heat_pictures(found, language()), form)

    pictures: tuple[charts.Form, ...] = ("html", "svg", "png")
    return {
        "json": lambda: found.to_json(indent=1) + "\n",
        "csv": found.to_csv,
        **{form: functools.partial(drawn, form) for form in pictures},
    }


def _settings_table(found: Grid) -> Table:
    """A row for each prompt and settings: its knobs, its measures, and its text or how many there are."""
    from rich.table import Table
    from rich.text import Text

    from tsumami.explain.measures import USUAL
    from tsumami.explore.grids import Point, spread

    shown = USUAL[:_COLUMNS]
    several, prompts = len(found.plan.seeds) > 1, len(found.plan.prompts) > 1
    table = Table(box=None, pad_edge=False)
    heads = [say("プロンプト", "prompt")] * prompts + list(found.knobs)
    for head in [*heads, *map(_measure_name, shown), say("文章の数", "texts") if several else "#"]:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(say("最初のシードの文章", "the first seed's text") if several else say("文章", "text"))
    numbers = found.text_numbers
    for rows in zip(*(spread(found, measure) for measure in shown), strict=True):
        settings = found.plan.settings[rows[0].settings]
        cell = found.cells[found.plan.number(Point(rows[0].prompt, rows[0].settings, found.plan.seeds[0]))]
        table.add_row(
            *[str(rows[0].prompt + 1)] * prompts,
            *(show(name, getattr(settings, name)) for name in found.knobs),
            *(one.text for one in rows),
            str(rows[0].texts if several else numbers[cell.text]),
            Text(" ".join(cell.text.split()), overflow="ellipsis", no_wrap=True),
        )
    return table


def _held_table(found: Grid) -> Table:
    """On how many prompts, seeds and values of the other knobs a measure is larger at a knob's largest value."""
    from rich.table import Table

    from tsumami.explain.measures import USUAL
    from tsumami.explore.grids import held

    shown = USUAL[:_COLUMNS]
    title = say(
        "大きいほうの値で測った値が大きくなった数（ほかの条件は同じ）",
        "how often the larger value has the larger measure, all else equal",
    )
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="dim")
    for head in ("", *map(_measure_name, shown)):
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    for row in zip(*(held(found, measure) for measure in shown), strict=True):
        one = row[0]
        name = f"{one.knob} {show(one.knob, one.low)} → {show(one.knob, one.high)}"
        table.add_row(name, *(_count_text(each.count) for each in row))
    return table


def _count_text(one: Count) -> str:
    equal = say(f"（同じ {one.equal}）", f" ({one.equal} equal)") if one.equal else ""
    return f"{one.larger} / {one.of}{equal}"


def _measure_name(measure: str) -> str:
    from tsumami.explain.measures import MEASURES

    return say(MEASURES[measure].ja, MEASURES[measure].en)


def _facts(found: Grid) -> str:
    done = sum(cell.finished for cell in found.cells)
    tokens = sum(len(cell.tokens) for cell in found.cells)
    parts = [
        say(f"{done} / {len(found.cells)} セル", f"{done} of {counted(len(found.cells), 'cell')}"),
        say(f"{len(found.texts)} 文章", counted(len(found.texts), "text")),
        say(f"{tokens} トークン中 {found.nodes} を計算", f"{found.nodes} of {counted(tokens, 'token')} decoded"),
        say(f"{found.seconds:.1f} 秒", f"{found.seconds:.1f} s"),
        say("シード", "seeds")
        + f" {found.plan.seeds[0]}"
        + (f"–{found.plan.seeds[-1]}" if len(found.plan.seeds) > 1 else ""),
        "exact" if found.exact else say("exact ではない", "not exact"),
    ]
    return " · ".join(parts)
