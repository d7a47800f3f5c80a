"""`tsumami lesson`: the lesson on next-token prediction, as a marimo notebook in the browser, or as a page.

Guarantee: nothing is written into our package; the page needs no network.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import bar, bars, note, save_file
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError
from tsumami.quoting import theirs
from tsumami.storage import cache_directory, replace_file

_NOTEBOOK = "next_token.py"


def about() -> str:
    """The help of the command."""
    return say(
        "「次のトークンの予測」の教材を marimo ノートブックで開く（Ctrl-C で終わる）。--html や -o を付けると、"
        "開く代わりに、本物の結果の入った 1 枚のページ（ネットワークなしで読める）を作る。",
        "Open the lesson “Predicting the next token” as a marimo notebook (Ctrl-C ends it). With --html or -o it makes"
        " one page with real results instead, which is read without a network.",
    )


def lesson(
    out: Annotated[Outputs, Makes("html")],
    model: Annotated[
        str, typer.Option("--model", metavar="<MODEL>", help=say("使うモデル", "model to use"))
    ] = "smollm2",
    host: Annotated[
        str, typer.Option("--host", metavar="<ADDRESS>", help=say("待ち受けるアドレス", "address to listen on"))
    ] = "127.0.0.1",
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
) -> None:
    """Start marimo on the notebook, or write the page."""
    if out.printed or out.files:
        if edit:
            raise SettingsError("--edit and a page (--html, -o) exclude each other; give one of them").in_japanese(
                "--edit とページ（--html、-o）は、どちらか 1 つにしてください"
            )
        page = _page(model)
        out.put({"html": lambda: page})
        return
    from tsumami.models import resolve

    with bars(model) as shown:  # an unknown name is known now, and what has to be fetched is fetched with a bar
        resolve(model, progress=shown.download)
    source = Path(str(resources.files("tsumami.lessons") / _NOTEBOOK))
    how = ["edit", str(_copied(source))] if edit else ["run", str(_lent(source))]
    how += ["--host", host]
    how += ["--port", str(port)] if port is not None else []
    how += ["--headless"] if headless else []
    command = [sys.executable, "-m", "marimo", *how, "--", "--lang", language(), "--model", model]
    sys.stdout.flush()
    sys.stderr.flush()
    # marimo takes this process over: what ends us ends it, and its exit code is ours
    os.execv(sys.executable, command)  # noqa: S606  (our own notebook, with arguments that are no shell's)


def _page(model: str) -> str:
    """The lesson as one page, computed now."""
    from tsumami.app.tabs.learn.still import still_page, still_parts
    from tsumami.course import PARTS, Words

    words = Words(language())
    with ModelOptions(model).load() as loaded, bar() as shown:
        note(
            say("モデルで計算しています。1、2 分かかります…", "computing it on the model; this takes a minute or two …")
        )
        parts = []
        for done, part in enumerate(still_parts(loaded, words), 1):
            parts.append(part)
            shown(words("title"), done, len(PARTS) + 1)
    return still_page(parts, words)


def _copied(source: Path) -> Path:
    """The learner's own copy; one that is there already is theirs and stays."""
    target = Path(_NOTEBOOK)
    if not target.exists():
        save_file(target, source.read_bytes())
    return target


def _lent(source: Path) -> Path:
    """A copy to run: beside a notebook marimo writes files of its own, and our package is no place for them."""
    target = cache_directory() / "lesson" / _NOTEBOOK
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, source.read_bytes())
        return target
    except OSError:  # no home, or one that only lets itself be read
        return _temporary(source)


def _temporary(source: Path) -> Path:
    try:
        target = Path(tempfile.mkdtemp(prefix="tsumami-"), _NOTEBOOK)
        replace_file(target, source.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"there is no folder to run the lesson in ({error.strerror}); set TSUMAMI_CACHE to one that can be written"
        ).in_japanese(
            f"教材を動かすフォルダーがありません（{theirs(error.strerror)}）。書き込めるフォルダーを "
            "TSUMAMI_CACHE に指定してください"
        ) from error
    return target
