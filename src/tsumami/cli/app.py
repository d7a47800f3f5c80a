"""`tsumami app`: the chat page in the browser. `tsumami` alone does the same with its defaults."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tsumami.cli.limits import LimitOptions
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import bars, note
from tsumami.cli.words import language, say
from tsumami.errors import SettingsError
from tsumami.models import offer

_MODEL, _LIMITS = ModelOptions(), LimitOptions()


def about() -> str:
    """The help of the command."""
    return say(
        "チャットの画面をブラウザーで使えるようにする（Ctrl-C で終わる）。",
        "Serve the chat page for the browser (Ctrl-C ends it).",
    )


def app(
    model: ModelOptions,
    limits: LimitOptions,
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
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help=say(
                "このサーバーの名前（プロキシーの名前など）。何度でも指定できる。* はどの名前でもよい",
                "a name that this server has, such as a proxy's; may be given several times; * is any name",
            ),
            metavar="<NAME>",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            help=say(
                "X-Forwarded-For と -Proto を信じるプロキシーのアドレス（既定: 127.0.0.1 と ::1）",
                "address of a proxy whose X-Forwarded-For and -Proto are believed (default: 127.0.0.1 and ::1)",
            ),
            metavar="<ADDRESS>",
        ),
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            "--api-key",
            help=say(
                "画面と並ぶ API（/v1 など）の鍵。何度でも指定できる。--auth があって鍵がなければ API は閉じる",
                "key for the API beside the page (/v1 …), repeatable; with --auth and no key the API is closed",
            ),
            metavar="<KEY>",
        ),
    ] = None,
    models_dir: Annotated[
        list[Path] | None,
        typer.Option(
            "--models-dir",
            help=say(
                "中の GGUF ファイルを、ほかのマシンからも名前で使えるようにするフォルダー。何度でも指定できる",
                "folder whose GGUF files can be used by name, also from other machines; may be given several times",
            ),
            metavar="<FOLDER>",
        ),
    ] = None,
    history: Annotated[
        bool | None,
        typer.Option(
            "--history/--no-history",
            show_default=False,
            help=say(
                "画面で作ったものを履歴に残す / 残さない（既定: このマシンからの分だけ。"
                "--history なら、よそからログインした人の分も、その人のものとして残す）",
                "keep in the history what is made on the page, or not (default: what comes from this machine; with"
                " --history also what those make who have logged in from elsewhere, each for themselves)",
            ),
        ),
    ] = None,
) -> None:
    """Load the model and serve the page until Ctrl-C."""
    if auth is not None and not all(auth.partition(":")):
        raise SettingsError("--auth needs the form user:password, neither part empty").in_japanese(
            "--auth は user:password の形で、どちらも空にできません"
        )
    if root_path and not root_path.startswith("/"):
        raise SettingsError(f"--root-path {root_path!r}: needs to begin with a slash").in_japanese(
            f"--root-path {root_path!r}: スラッシュで始めてください"
        )
    if models_dir:
        offer(models_dir)
    note(say("画面を準備しています…", "preparing the page …"))
    from tsumami.app.serving.server import ServerOptions, serve
    from tsumami.app.work.shelf import ModelChoice

    hosts, keys = tuple(allow_host or ()), tuple(api_key or ())
    options = ServerOptions(host, port, auth, root_path, hosts, limits=limits.limits, keys=keys, history=history)
    if proxy:
        options = replace(options, proxies=tuple(proxy))
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
            options,
            language=language(),
            report=report,
            ready=ready,
        )


def with_defaults() -> None:
    """What `tsumami` alone does."""
    app(_MODEL, _LIMITS)
