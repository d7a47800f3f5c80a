"""`tsumami app`: the chat page in the browser. `tsumami` alone does the same with its defaults."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from tsumami.cli.options import ModelOptions
from tsumami.cli.output import bars, note
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError

_MODEL = ModelOptions()


def about() -> str:
    """The help of the command."""
    return say(
        "チャットの画面をブラウザーで使えるようにする（Ctrl-C で終わる）。",
        "Serve the chat page for the browser (Ctrl-C ends it).",
    )


def app(
    model: ModelOptions,
    host: Annotated[
        str, typer.Option("--host", help=say("待ち受けるアドレス", "address to listen on"), metavar="<ADDRESS>")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help=say("待ち受けるポート", "port to listen on"), min=0, max=65535)
    ] = 7860,
    auth: Annotated[
        str | None,
        typer.Option(
            "--auth",
            help=say("入るのに要る名前とパスワード", "name and password that are needed to come in"),
            metavar="<USER:PASSWORD>",
        ),
    ] = None,
    root_path: Annotated[
        str,
        typer.Option(
            "--root-path",
            help=say("前に置いたプロキシーが付けるパス", "path that a proxy in front puts before ours"),
            metavar="</PATH>",
        ),
    ] = "",
) -> None:
    """Load the model and serve the page until Ctrl-C."""
    if auth is not None and not all(auth.partition(":")):
        raise SettingsError("--auth needs the form user:password, neither part empty")
    if root_path and not root_path.startswith("/"):
        raise SettingsError(f"--root-path {root_path!r}: needs to begin with a slash")
    note(say("画面を準備しています…", "preparing the page …"))
    from tsumami.app.serving.server import ServerOptions, serve
    from tsumami.app.work.shelf import ModelChoice

    choice = ModelChoice(model.name, model.engine)
    with ExitStack() as stack:
        shown = stack.enter_context(bars(choice.name))

        def report(share: float, stage: str) -> None:
            if stage == "download" and shown.download is not None:
                shown.download(int(100 * share), 100)
            elif stage == "load" and shown.loading is not None:
                shown.loading(share)

        def ready(url: str) -> None:
            stack.close()
            note(say(f"{url} で使えます。Ctrl-C で終わります。", f"ready at {url} — Ctrl-C ends it"))

        serve(
            choice,
            ServerOptions(host, port, auth, root_path),
            language=language(),
            report=report,
            ready=ready,
        )


def with_defaults() -> None:
    """What `tsumami` alone does."""
    app(_MODEL)
