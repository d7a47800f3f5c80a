"""`tsumami models`: which models there are, and what each needs before it can run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.output import console, json_text, note, write
from tsumami.cli.words import say
from tsumami.wording import size_text

if TYPE_CHECKING:
    from tsumami.models import ModelEntry


def about() -> str:
    """The help of the command."""
    return say(
        "使えるモデルの一覧: 種類、量子化、言語、大きさ、ライセンス、ここにあるかどうか。名前のあるもの、"
        "ハブのキャッシュにあるもの、--models-dir のフォルダーにあるもの。または、ほかの場所で動くエンジンのモデル。",
        "List the models, those that have a name, those in the hub's cache and those below --models-dir: architecture,"
        " quantisation, languages, size, licence, and whether they are here; or those of an engine elsewhere.",
    )


def models(
    out: Annotated[Outputs, Makes("json")],
    models_dir: Annotated[
        list[Path] | None,
        typer.Option(
            "--models-dir",
            metavar="<DIR>",
            show_default=False,
            help=say(
                "このフォルダーの下の GGUF ファイルも並べる。何度でも指定できる（既定: TSUMAMI_MODELS）",
                "list the GGUF files below this folder, too; may be given several times (default: TSUMAMI_MODELS)",
            ),
        ),
    ] = None,
    elsewhere: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="<NAME>",
            show_default=False,
            help=say(
                "ほかの場所で動くエンジンにあるモデルを尋ねる（ollama+http://host:11434 など）",
                "ask an engine elsewhere which models it has (ollama+http://host:11434, say)",
            ),
        ),
    ] = None,
) -> None:
    """Print the catalogue; reads this machine only, never the network, unless an engine elsewhere is named."""
    from tsumami.models import catalogue, offer

    if elsewhere is not None:
        _print_elsewhere(elsewhere, out)
        return
    offer(models_dir or ())
    entries = catalogue()
    values = [asdict(entry) | {"here": entry.here} for entry in entries]
    if not out.put({"json": lambda: json_text(values)}):
        _print(entries)


def _print_elsewhere(name: str, out: Outputs) -> None:
    """The models of one engine, as it names them, each with the end of the name that leads to it."""
    from tsumami.models import remote_name
    from tsumami.remote import models_of

    where = remote_name(name, whole=False)
    found = models_of(where)
    if out.put({"json": lambda: json_text({"engine": where.title, "models": found})}):
        return
    for one in found:
        write(f"{one}\n")
    note(
        say(
            "使うには、アドレスのうしろに / と名前を書きます。"
            "何ができるかは、その名前を -m に渡した tsumami doctor が調べます。",
            "To use one, put / and its name behind the address; `tsumami doctor -m` with it finds out what it can do.",
        )
        if where.kind != "llama-server"
        else say(
            "何ができるかは、同じ -m で tsumami doctor が調べます。",
            "`tsumami doctor` with the same -m finds out what it can do.",
        )
    )


def _print(entries: list[ModelEntry]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say("名前", "name"), style="bold cyan", overflow="fold")
    table.add_column(say("説明", "what it is"), overflow="fold", ratio=2)
    table.add_column(say("大きさ", "size"), justify="right")
    table.add_column(say("ライセンス", "licence"), overflow="fold")
    table.add_column(say("どこに", "where"), overflow="fold", ratio=2)
    for entry in entries:
        table.add_row(
            entry.name,
            "\n".join(filter(None, (say(entry.description_ja, entry.description_en), _facts(entry)))),
            size_text(entry.size),
            entry.license or "?",
            f"{_place(entry)}\n{_origin(entry)}",
            style="" if entry.here else "dim",
        )
    screen = console()
    screen.print(table)
    screen.print()
    screen.print(
        say(
            "GGUF ファイルのパス、owner/repo:file.gguf、ほかの場所で動く llama-server+http://host:8080 も、"
            "そのまま -m に渡せます（何ができるかは、同じ -m で tsumami doctor が調べます）。",
            "-m also takes the path of a GGUF file, owner/repo:file.gguf on the hub, or an engine elsewhere, "
            "llama-server+http://host:8080 (`tsumami doctor` with the same -m finds out what it can do).",
        )
    )


def _facts(entry: ModelEntry) -> str:
    """`llama · Q4_K_M · ja, en`: what its file says of itself."""
    return " · ".join(filter(None, (entry.architecture, entry.quantization, ", ".join(entry.languages))))


def _place(entry: ModelEntry) -> str:
    words = {
        "installed": say("✓ パッケージにある", "✓ here, in a package"),
        "cached": say("✓ キャッシュにある", "✓ here, in the cache"),
        "folder": say("✓ モデルのフォルダーにある", "✓ here, in a folder of models"),
        "absent": say("✗ まだない", "✗ not here"),
    }
    return words[entry.place]


def _origin(entry: ModelEntry) -> str:
    """Where it is from, or how to get it."""
    if entry.here:
        return entry.source
    if entry.install is not None:
        return entry.install
    return say(f"初回に取得: {entry.source}", f"fetched on first use: {entry.source}")
