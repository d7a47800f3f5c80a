"""The front door: the commands put together in one language, and what happens when something is wrong.

Guarantee: every error that tsumami raises on purpose ends here as one line on stderr and exit code 2, and so does a
disk without room; TSUMAMI_DEBUG=1 shows where it came from. Anything else is a bug of ours and comes with its
traceback.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import MutableMapping, Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from tsumami.cli import (
    app,
    audit,
    chat,
    compare,
    doctor,
    explain,
    grid,
    history,
    lesson,
    models,
    run,
    serve,
    settings,
    verify,
    words,
)
from tsumami.cli import map as map_command
from tsumami.cli.exit_codes import BAD_INPUT, INTERRUPTED
from tsumami.cli.old_forms import renewed
from tsumami.cli.options import expand
from tsumami.cli.output import careful_streams, drop_stdout, warn, write
from tsumami.cli.usage import usage_text
from tsumami.cli.words import UsageProblem, say, told
from tsumami.errors import TsumamiError
from tsumami.wording import Language

#: The commands by name, in the order of the help.
COMMANDS: Final = {
    "app": app,
    "serve": serve,
    "run": run,
    "chat": chat,
    "compare": compare,
    "explain": explain,
    "audit": audit,
    "map": map_command,
    "grid": grid,
    "verify": verify,
    "history": history,
    "settings": settings,
    "lesson": lesson,
    "models": models,
    "doctor": doctor,
}


#: What a disk says that has no room, or that broke.
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def start(arguments: Sequence[str]) -> None:
    """Run the command line in the user's language and exit."""
    careful_streams()
    need_no_home(os.environ)
    try:
        language, rest = words.take_language(arguments, os.environ)
    except UsageProblem as problem:
        warn(told(problem))
        sys.exit(BAD_INPUT)
    build(language)(args=rest, prog_name="tsumami")


def need_no_home(environment: MutableMapping[str, str]) -> None:
    """Give whoever has no home one that holds nothing and takes nothing: libraries that look for theirs would break."""
    if os.path.expanduser("~") == "~":  # noqa: PTH111  (Path.home raises)
        environment["HOME"] = os.devnull


def build(language: Language) -> typer.Typer:
    """The whole command line in a language."""
    words.use(language)
    made = typer.Typer(cls=_Front, rich_markup_mode=None, pretty_exceptions_enable=False, help=_about())
    made.callback(invoke_without_command=True)(_front)
    for name, module in COMMANDS.items():
        made.command(name, cls=_SpokenCommand, help=module.about())(expand(getattr(module, name)))
    return made


def _about() -> str:
    return say(
        "つまみ: LLM の文章生成のつまみを 1 つずつ動かし、トークンごとに何が起きるかを見る道具。",
        "tsumami (つまみ, knobs): see what every text-generation knob of a language model does, token by token.",
    )


def _front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help=say("版を表示して終わる", "show the version and exit"))
    ] = False,
    lang: Annotated[  # noqa: ARG001  (taken out of the arguments by `start`; it is here for the help)
        str | None,
        typer.Option(
            "--lang",
            metavar="<ja|en>",
            help=say(
                "メッセージの言語（既定はロケール）。コマンドの後ろでもよい",
                "language of messages (default: the locale's); may also stand after the command",
            ),
        ),
    ] = None,
) -> None:
    if version:
        from tsumami import __version__

        write(f"tsumami {__version__}\n")
    elif context.invoked_subcommand is None:
        app.with_defaults()


def _as_it_is(param: Any, context: Any, value: Any) -> Any:
    return value if param.callback is None else param.callback(context, param, value)


class _SpokenHelp:
    """Help in our drawing, and Typer's own words in the language that is spoken."""

    def get_help_option(self, context: Any) -> Any:
        made = super().get_help_option(context)  # type: ignore[misc]
        if made is not None:
            made.help = say("この説明を表示して終わる", "show this message and exit")
        return made

    def format_help(self, context: Any, formatter: Any) -> None:
        from tsumami.cli.help import draw

        formatter.write(draw(context))


class _SpokenCommand(_SpokenHelp, TyperCommand):
    """A command that speaks the language, and still understands how its options were written before."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        given = {flag for param in self.get_params(context) for flag in param.opts}
        return super().parse_args(context, renewed(args, given))


class _Front(_SpokenHelp, TyperGroup):
    """The group of all commands; errors end here."""

    def get_params(self, context: Any) -> Any:
        params: list[Any] = super().get_params(context)
        texts = {
            "install_completion": say("今のシェルに補完を組み込む", "install completion for the current shell"),
            "show_completion": say("補完の設定を表示する", "show the completion script, to copy or to customise"),
        }
        for param in params:
            param.help = texts.get(param.name, param.help)
            # Typer converts values with pydantic, which takes a quarter of the time of --help; these need none.
            param.process_value = functools.partial(_as_it_is, param)
        return params

    def main(
        self, args: Any = None, prog_name: str | None = None, *_: Any, standalone_mode: bool = True, **__: Any
    ) -> Any:
        """Typer's `main`, with our one line for everything that is the user's to mend."""
        try:
            code = super().main(args, prog_name, standalone_mode=False)
            sys.stdout.flush()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            drop_stdout()
            where = error.filename or "stdout"
            warn(say(f"{where} に書き込めません: {error.strerror}", f"{where} cannot be written: {error.strerror}"))
            code = BAD_INPUT
        except (TsumamiError, typer.TyperException) as error:
            if os.environ.get("TSUMAMI_DEBUG", "0") not in ("", "0"):
                raise
            warn(usage_text(error) if isinstance(error, typer.TyperException) else told(error))
            code = BAD_INPUT
        except typer.Abort:
            code = INTERRUPTED
        if standalone_mode:
            sys.exit(code or 0)
        return code
