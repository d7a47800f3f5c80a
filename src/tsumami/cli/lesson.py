"""`tsumami lesson`: the lesson on next-token prediction, as a marimo notebook in the browser, or exported as a page."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from tsumami.cli.output import bars, note
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError

_NOTEBOOK = "next_token.py"


def about() -> str:
    """The help of the command."""
    return say(
        "「次のトークンの予測」の教材を marimo ノートブックで開く（Ctrl-C で終わる）。",
        "Open the lesson “Predicting the next token” as a marimo notebook (Ctrl-C ends it).",
    )


def lesson(
    model: Annotated[
        str, typer.Option("--model", metavar="<MODEL>", help=say("使うモデル", "model to use"))
    ] = "smollm2",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            show_default=False,
            help=say("待ち受けるポート（既定は空いているもの）", "port to listen on (default: a free one)"),
        ),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help=say("ブラウザーを開かない", "do not open a browser"))
    ] = False,
    edit: Annotated[
        bool,
        typer.Option(
            "--edit",
            help=say(
                f"{_NOTEBOOK} をいまのフォルダーに写し、書き換えられる形で開く",
                f"copy {_NOTEBOOK} into this folder and open it for editing",
            ),
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="<FILE>",
            show_default=False,
            help=say("開く代わりに、実行結果を HTML に書き出す", "write an HTML page with real results instead"),
        ),
    ] = None,
) -> None:
    """Start marimo on the notebook, or let it export it."""
    from tsumami.models import resolve

    if edit and html is not None:
        raise SettingsError("--edit and --html exclude each other; give one of them")
    if html is not None and (html.is_dir() or not html.parent.is_dir()):
        raise SettingsError(f"--html {html}: a file in a folder that exists is needed")
    with bars(model) as shown:  # an unknown name is known now, and what has to be fetched is fetched with a bar
        resolve(model, progress=shown.download)
    source = Path(str(resources.files("tsumami.lessons") / _NOTEBOOK))
    if html is not None:
        note(say("モデルで実行しています。1、2 分かかります…", "running it on the model; this takes a minute or two …"))
        how = ["export", "html", str(source), "--output", str(html), "--force", "--no-include-code"]
    else:
        how = ["edit" if edit else "run", str(_copied(source) if edit else source)]
        how += ["--port", str(port)] if port is not None else []
        how += ["--headless"] if headless else []
    command = [sys.executable, "-m", "marimo", *how, "--", "--lang", language(), "--model", model]
    sys.stdout.flush()
    sys.stderr.flush()
    # marimo takes this process over: what ends us ends it, and its exit code is ours
    os.execv(sys.executable, command)  # noqa: S606  (our own notebook, with arguments that are no shell's)


def _copied(source: Path) -> Path:
    """The learner's own copy; one that is there already is theirs and stays."""
    target = Path(_NOTEBOOK)
    if not target.exists():
        shutil.copyfile(source, target)
    return target
