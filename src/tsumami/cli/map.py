"""`tsumami map`: every text that one knob gives over a range.

Guarantee: stdout holds a summary, with --all also every piece (or what was asked for with --json or another form), and
nothing else. Ctrl-C keeps what there is, the map as far as it is, and exits with 130.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tsumami.cli.exit_codes import INTERRUPTED
from tsumami.cli.following import follow
from tsumami.cli.forms import Makers, Makes, Outputs
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import KeepOptions, id_note
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.options import ModelOptions, PromptOptions
from tsumami.cli.output import bar, console, note
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError
from tsumami.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from tsumami import charts
    from tsumami.explore.maps import KnobMap, MapMaking, MapPiece, MapProgress

_SHOWN: Final = 5  # changes in the summary
_WIDE: Final = 120  # columns where there is no terminal


def about() -> str:
    """The help of the command."""
    return say(
        "1 つのつまみの範囲から出るすべての文章を、境目の値まで正確に調べる。",
        "Every text that one knob gives over a range, with the exact values where it changes.",
    )


def map(  # noqa: A001  (the command's name)
    prompt: PromptOptions,
    out: Annotated[Outputs, Makes("json", "csv", "html", "svg", "png")],
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
    everything: Annotated[
        bool,
        typer.Option("--all", help=say("まとめのあとに、すべての区間を並べる", "list every piece after the summary")),
    ] = False,
) -> None:
    """Read, load, map, report."""
    settings = knobs.settings()
    low, high = _range(span)
    asked = prompt.read_one()
    tokens = knobs.short(settings).max_tokens
    with model.load() as loaded:
        mapping = loaded.mapping(prompt.made(loaded, asked, settings), knob, low, high, settings)
        with bar() as show:

            def watch(at: MapProgress) -> None:
                show(_line(at), at.depth, tokens)

            made: MapMaking[None] = mapping.start(max_tokens=tokens, leaves=leaves, seconds=seconds, watch=watch)
            stopped = follow(made)
        found = made.result
        if not out.put(_forms(found)):
            _summary(found)
            if everything:
                _print(found)
        note(_facts(found) + id_note(history.result(found.to_json(), "map", found.receipt)))
        ends = [settings.unchecked(knob, end) for end in (low, high)]
        note_idle(ends, [knob], ask=loaded, template=prompt.template)
    if stopped:
        raise typer.Exit(INTERRUPTED)


def _forms(found: KnobMap) -> Makers:
    pictures: tuple[charts.Form, ...] = ("html", "svg", "png")
    return {
        "json": lambda: found.to_json(indent=1) + "\n",
        "csv": found.to_csv,
        **{form: functools.partial(_drawn, found, form) for form in pictures},
    }


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
        raise SettingsError(f"--range {text}: needs LOW:HIGH, two numbers such as 0.05:2").in_japanese(
            f"--range {text}: LOW:HIGH の形で、0.05:2 のように 2 つの数が要ります"
        )
    return ends


def _line(at: MapProgress) -> str:
    return say(
        f"{at.texts} 文章、範囲の {at.coverage:.0%}、{at.nodes} トークン、追跡中 {at.followed}",
        f"{counted(at.texts, 'text')}, {at.coverage:.0%} of the range, {counted(at.nodes, 'token')}, following"
        f" {at.followed}",
    )


def _summary(found: KnobMap) -> None:
    """How many texts there are, and where they change most: the text before and after, from where they differ."""
    from rich.table import Table
    from rich.text import Text

    from tsumami.explore.maps import changes

    screen, every = _screen(), changes(found)
    screen.print(_count_line(found, len(every)))
    if not every:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(f"{found.knob}", justify="right", no_wrap=True)
    table.add_column(say("どのトークンから", "from token"), justify="right", no_wrap=True)
    for title in (say("それまでの文章", "the text before"), say("そこからの文章", "the text from there on")):
        table.add_column(title, ratio=1)
    for one in sorted(every[:_SHOWN], key=lambda one: one.at):
        texts = (_from_there(each, one.common) for each in (one.before, one.after))
        cut = (Text(text, overflow="ellipsis", no_wrap=True) for text in texts)
        table.add_row(f"{one.at:.9g}", str(one.common + 1), *cut)
    screen.print(table)


def _count_line(found: KnobMap, count: int) -> str:
    """`7 texts over top_k 1 to 100; the 5 largest of 6 changes:`."""
    where = f"{found.knob} {found.low:g}"
    said = say(
        f"{where}〜{found.high:g} で {len(found.texts)} 種類の文章",
        f"{counted(len(found.texts), 'text')} over {where} to {found.high:g}",
    )
    if not count:
        return said
    if count <= _SHOWN:
        return said + say(f"。変わる所は {count} か所:", f"; {counted(count, 'change')}:")
    return said + say(
        f"。変わる {count} か所のうち大きい {_SHOWN} か所（すべて見るには --all）:",
        f"; the {_SHOWN} largest of {counted(count, 'change')} (--all lists everything):",
    )


def _from_there(piece: MapPiece, common: int) -> str:
    """A piece's text from a token on, in one line."""
    text = b"".join(piece.pieces[common:]).decode("utf-8", "replace")
    return ("…" if common else "") + " ".join(text.split())


def _screen() -> Console:
    screen = console()
    if not screen.is_terminal:
        screen.width = max(screen.width, _WIDE)
    return screen


def _print(found: KnobMap) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in (found.knob, say("まで（含む）", "up to (included)"), say("文章", "text")):
        table.add_column(title)
    for low, last, shown in _rows(found):
        table.add_row(f"{low:.9g}", f"{last:.9g}", Text(shown, overflow="ellipsis", no_wrap=True))
    _screen().print("", table, sep="\n")


def _rows(found: KnobMap) -> Iterator[tuple[float, float, str]]:
    """Low, last and text of what is printed: a piece, or all of a flicker in one row."""
    flickers = {one.begin: one for one in found.flickers}
    done = -1
    for at, piece in enumerate(found.pieces):
        if at in flickers:
            one = flickers[at]
            done = one.end
            count = say(f"{one.values:,} 個の値", counted(one.values, "value"))
            said = say(
                f"⇅ {one.texts} つの文章が交互（{count}）", f"⇅ {counted(one.texts, 'text')} alternate ({count})"
            )
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
