"""`tsumami serve`: the API that other programs call, as llama-server and KoboldCpp have it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from tsumami.cli.files import read_text
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.limits import LimitOptions
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import bars, note
from tsumami.cli.words import say
from tsumami.errors import SettingsError


def about() -> str:
    """The help of the command."""
    return say(
        "llama-server・OpenAI・KoboldCpp の形の API を、ほかのプログラムのために開く（Ctrl-C で終わる）。",
        "Serve the APIs of llama-server, OpenAI and KoboldCpp for other programs (Ctrl-C ends it).",
    )


def serve(
    model: ModelOptions,
    knobs: KnobOptions,
    limits: LimitOptions,
    host: Annotated[
        str, typer.Option("--host", help=say("待ち受けるアドレス", "address to listen on"), metavar="<ADDRESS>")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help=say("待ち受けるポート", "port to listen on"), min=0, max=65535)
    ] = 8080,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            "--api-key",
            help=say(
                "呼び出すのに要る鍵（Authorization: Bearer）。何度でも指定できる",
                "key that callers need (Authorization: Bearer); may be given several times",
            ),
            metavar="<KEY>",
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--cors-origin",
            help=say(
                "ブラウザーから呼び出してよいページ（localhost はこのマシンのページ、* はすべて）。既定はなし",
                "page that may call from a browser (localhost: pages of this machine, *: all); default: none",
            ),
            metavar="<ORIGIN>",
        ),
    ] = None,
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
    alias: Annotated[
        list[str] | None,
        typer.Option(
            "--alias",
            help=say(
                "呼び出す側に見えるモデルの名前。何度でも指定できる", "name of the model for callers; may be repeated"
            ),
            metavar="<NAME>",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help=say("モデルの一覧に出す札", "tag in the list of models"), metavar="<NAME>"),
    ] = None,
    chat_template: Annotated[
        str | None,
        typer.Option(
            "--chat-template",
            help=say("モデルのものの代わりに使う Jinja テンプレート", "Jinja template instead of the model's own"),
            metavar="<TEXT|@FILE>",
        ),
    ] = None,
    ctx_per_request: Annotated[
        int | None,
        typer.Option(
            "--ctx-per-request",
            help=say(
                "1 つのリクエストに使えるトークン数（既定: モデルの文脈の長さ）",
                "tokens that one request may have (default: the model's context)",
            ),
            metavar="<N>",
            min=1,
        ),
    ] = None,
    slots: Annotated[
        bool, typer.Option("--slots/--no-slots", help=say("/slots に答える（既定）", "answer /slots (the default)"))
    ] = True,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help=say("答えに __verbose を入れる", "put __verbose into answers")),
    ] = False,
    history: Annotated[
        bool | None,
        typer.Option(
            "--history/--no-history",
            show_default=False,
            help=say(
                "生成したものを履歴に残す / 残さない（既定: このマシンからの分だけ。--history なら、よそからの分も）",
                "keep in the history what is generated, or not (default: what is asked for at this machine; with"
                " --history also what is asked for from elsewhere)",
            ),
        ),
    ] = None,
) -> None:
    """Load the model and serve it until Ctrl-C."""
    from tsumami.serve import ServeOptions
    from tsumami.serve import serve as run

    settings = knobs.settings()
    said = settings.to_dict() if knobs.preset or knobs.file else {name: getattr(settings, name) for name in knobs.knobs}
    template = chat_template
    if template is not None and template.startswith("@"):
        template = read_text(template[1:], SettingsError)
    options = ServeOptions(
        host,
        port,
        tuple(api_key or ()),
        tuple(cors_origin or ()),
        tuple(allow_host or ()),
        tuple(proxy or ServeOptions().proxies),
        tuple(alias or ()),
        tuple(tag or ()),
        template,
        settings.template_values,
        said,
        ctx_per_request,
        slots,
        verbose,
        note,
        limits=limits.limits,
        history=history,
    )
    with ExitStack() as stack:
        shown = stack.enter_context(bars(model.shown))

        def ready(url: str) -> None:
            stack.close()
            note(say(f"{url} で使えます。Ctrl-C で終わります。", f"ready at {url} — Ctrl-C ends it"))

        run(
            model.name,
            model.engine,
            options,
            download_progress=shown.download,
            load_progress=shown.loading,
            ready=ready,
        )
