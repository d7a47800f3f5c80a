"""`tsumami map`: every text that one knob gives over a range.

Guarantee: stdout holds the table of pieces (or what was asked for with --json or --csv and no file) and nothing else.
Ctrl-C keeps what there is, the map as far as it is, and exits with 130.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tsumami.cli.exit_codes import INTERRUPTED
from tsumami.cli.following import follow
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import KeepOptions, id_note
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.options import FileOptions, ModelOptions, PromptOptions
from tsumami.cli.output import bar, console, note
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError
from tsumami.wording import counted

if TYPE_CHECKING:
    from tsumami import charts
    from tsumami.explore.maps import KnobMap, MapMaking, MapProgress


def about() -> str:
    """The help of the command."""
    return say(
        "1 つのつまみの範囲から出るすべての文章を、境目の値まで正確に調べる。",
        "Every text that one knob gives over a range, with the exact values where it changes.",
    )


def map(  # noqa: A001  (the command's name)
    prompt: PromptOptions,
    files: FileOptions,
    model: ModelOptions,
    knobs: KnobOptions,
    history: KeepOptions,
    knob: Annotated[str, typer.Option("--knob", metavar="<KNOB>", help=say("調べるつまみ", "the knob to map"))],
    span: Annotated[
        str,
        typer.Option("--range", metavar="<LOW:HIGH>", help=say("範囲（0.05:2 など）", "the range, such as 0.05:2")),
    ],
    leaves: Annotated[
        int,
        typer.Option("--leaves", metavar="<N>", help=say("同時にたどる文章の数", "texts that are followed at once")),
    ] = 64,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="<S>", help=say("かけてよい時間", "stop after about so many seconds")),
    ] = None,
) -> None:
    """Read, load, map, report."""
    settings = knobs.settings()
    low, high = _range(span)
    asked = prompt.read_one()
    files.check()
    tokens = knobs.short(settings).max_tokens
    with model.load() as loaded:
        mapping = loaded.mapping(prompt.made(loaded, asked, settings), knob, low, high, settings)
        with bar() as show:

            def watch(at: MapProgress) -> None:
                show(_line(at), at.depth, tokens)

            made: MapMaking[None] = mapping.start(max_tokens=tokens, leaves=leaves, seconds=seconds, watch=watch)
            stopped = follow(made)
        found = made.result
        files.draw(functools.partial(_drawn, found))
        if not files.put(functools.partial(_json, found), found.to_csv):
            _print(found)
        note(_facts(found) + id_note(history.result(found.to_json(), "map", found.receipt)))
        note_idle([settings.unchecked(knob, end) for end in (low, high)], [knob])
    if stopped:
        raise typer.Exit(INTERRUPTED)


def _json(found: KnobMap) -> str:
    return found.to_json(indent=1) + "\n"


def _drawn(found: KnobMap, form: charts.Form) -> bytes:
    """The icicle: a chart as PNG and SVG; as HTML the page that can be pointed at and zoomed."""
    from tsumami import charts

    if form == "html":
        return charts.icicle_page(found, language()).encode()
    return charts.drawn(charts.icicle(found, language=language()), form)


def _range(text: str) -> tuple[float, float]:
    """`0.05:2` as two numbers.

    Raises:
        SettingsError: it is not two numbers with a colon between them.
    """
    low, colon, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        colon = ""
        ends = 0.0, 0.0
    if not colon:
        raise SettingsError(f"--range {text}: needs LOW:HIGH, two numbers such as 0.05:2")
    return ends


def _line(at: MapProgress) -> str:
    return say(
        f"{at.texts} 文章、範囲の {at.coverage:.0%}、{at.nodes} トークン、追跡中 {at.followed}",
        f"{counted(at.texts, 'text')}, {at.coverage:.0%} of the range, {counted(at.nodes, 'token')}, following"
        f" {at.followed}",
    )


def _print(found: KnobMap) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in (found.knob, say("まで（含む）", "up to (included)"), say("文章", "text")):
        table.add_column(title)
    for low, last, shown in _rows(found):
        table.add_row(f"{low:.9g}", f"{last:.9g}", Text(shown, overflow="ellipsis", no_wrap=True))
    console().print(table)


def _rows(found: KnobMap) -> Iterator[tuple[float, float, str]]:
    """Low, last and text of what is printed: a piece, or all of a flicker in one row."""
    flickers = {one.begin: one for one in found.flickers}
    done = -1
    for at, piece in enumerate(found.pieces):
        if at in flickers:
            one = flickers[at]
            done = one.end
            count = say(f"{one.values:,} 個の値", f"{one.values:,} value{'s' * (one.values != 1)}")
            said = say(f"⇅ {one.texts} つの文章が交互（{count}）", f"⇅ {one.texts} texts alternate ({count})")
            yield one.low, one.last, said
        elif at > done:
            rest = "" if piece.finished else say(" …（追っていない）", " … (not followed)")
            yield piece.low, piece.last, " ".join(piece.text.split()) + rest


def _facts(found: KnobMap) -> str:
    count, share = len(found.texts), f"{found.coverage:.1%}"
    parts = [
        say(f"{count} 文章", counted(count, "text")),
        say(f"範囲の {share}", f"{share} of the range"),
        say(f"{found.nodes} トークン", counted(found.nodes, "token")),
        say(f"{found.seconds:.1f} 秒", f"{found.seconds:.1f} s"),
    ]
    line = " · ".join(parts)
    if flickers := found.flickers:
        line += "\n⇅ " + say(flickers[0].ja, flickers[0].en)
    if not found.exact:
        from tsumami.charts import word

        line += "\n" + word(language(), "icicle.probed" if found.receipt.engine.exact else "icicle.inexact")
    return line
