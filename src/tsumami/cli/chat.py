"""`tsumami chat`: talk with the model in the terminal, and turn its knobs between two messages.

Guarantee: Ctrl-C stops a reply and keeps what there is, Ctrl-D leaves, and nothing typed wrongly ends the chat. From a
pipe every line is a message (or a command), stdout holds the replies and nothing else (or, with --json, the whole
conversation when it ends), and the exit code is 2 if a line could not be used.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tsumami.cli.files import lines
from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import KeepOptions, id_note
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.options import ModelOptions
from tsumami.cli.output import note, tell_notices, warn, write
from tsumami.cli.run import facts, write_reply
from tsumami.cli.verify import as_the_receipt_says
from tsumami.cli.words import UsageProblem, say, told
from tsumami.errors import TsumamiError

if TYPE_CHECKING:
    from tsumami.cli.session import Session
    from tsumami.runs import Stream

_PROMPT: Final = "> "


def about() -> str:
    """The help of the command."""
    return say(
        "ターミナルでモデルと話す。/set temperature=0.3 のように、話しながらつまみを動かせる。",
        "Talk with the model in the terminal, and turn its knobs as you go: /set temperature=0.3.",
    )


def chat(
    model: ModelOptions,
    knobs: KnobOptions,
    history: KeepOptions,
    out: Annotated[Outputs, Makes("json")],
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            metavar="<model|llama2|raw>",
            help=say(
                "会話の書き方（既定: モデルのチャットテンプレート、なければ raw）",
                "how the conversation is written (default: the model's chat template, raw if it has none)",
            ),
        ),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="<TEXT>", help=say("システムプロンプト", "system prompt"))
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(
            "--memory",
            metavar="<N>",
            help=say(
                "覚えておくやりとりの数（既定: llama2 は 2、ほかはすべて）",
                "past exchanges to remember (default: 2 for llama2, else all)",
            ),
        ),
    ] = None,
    parse_special: Annotated[
        bool | None,
        typer.Option(
            "--parse-special/--no-parse-special",
            help=say(
                "発言の中の <s> などを、その名前の特殊トークンとして読む / 読まない（既定: raw だけ読む）",
                "read <s> and the like in messages as the special tokens they name, or do not (default: only in raw)",
            ),
            show_default=False,
        ),
    ] = None,
    go_on: Annotated[
        str | None,
        typer.Option(
            "--go-on",
            metavar="<ID|TALK.JSON>",
            help=say(
                "前の会話を続ける（履歴の id、または /save のファイル。つまみとモデルは、言わなければそのときのもの）",
                "go on with an earlier conversation: an id, or a file of /save; its knobs and its model, if not said",
            ),
        ),
    ] = None,
) -> None:
    """Load, then read and answer until the input ends."""
    from tsumami.cli.session import Session

    before = None
    if go_on is not None:
        from tsumami.cli.earlier import earlier

        before = earlier(go_on)
        model = as_the_receipt_says(model, before.last.receipt)
        template = template or before.last.receipt.template
        system, memory = before.system if system is None else system, before.memory if memory is None else memory
    settings = knobs.settings(None if before is None else before.last.settings)
    with model.load() as loaded:
        loaded.format(template)  # an unknown one is refused before the first message
        note_idle([settings], ask=loaded, template=template)
        session = Session(loaded, settings, template, memory, system, parse_special, history)
        session.silent = out.printed is not None
        if before is not None:
            session.take_up(before)
        typed = sys.stdin.isatty()
        if typed:
            _greet(session)
        try:
            problems = sum(not _take(session, line) for line in (_typed() if typed else _piped()))
        finally:  # however it ends, also by /exit
            out.put({"json": session.saved})
    if problems and not typed:
        raise typer.Exit(2)


def _greet(session: Session) -> None:
    exactness = session.model.exactness
    exact = "exact" if exactness.exact else say("exact ではない", "not exact")
    template = session.model.format(session.template).name
    note(f"tsumami · {session.model.name} · {say('形式', 'template')} {template} · {exact}")
    note(say("/help でコマンド一覧、Ctrl-C で返答を止め、Ctrl-D で終わります。",
             "/help lists the commands; Ctrl-C stops a reply; Ctrl-D leaves."))  # fmt: skip


def _typed() -> Iterator[str]:
    """Lines from a terminal, with history and completion."""
    _prepare_readline()
    while True:
        try:
            yield input(_PROMPT)
        except KeyboardInterrupt:
            write("\n")
            note(say("終わるには Ctrl-D か /exit。", "Ctrl-D or /exit leaves."))
        except UnicodeDecodeError as error:
            warn(say(f"その行は {error.start} バイト目が正しい UTF-8 ではないので、送りませんでした",
                     f"that line is not valid UTF-8 at byte {error.start}; it was not sent"))  # fmt: skip
        except EOFError:
            write("\n")
            return


def _piped() -> Iterator[str]:
    """Lines from a pipe or a file."""
    yield from lines(sys.stdin.buffer, "stdin")


def _take(session: Session, line: str) -> bool:
    """Do what a line says; False if it could not be used.

    Raises:
        typer.Exit: the line was /exit.
    """
    try:
        if line.startswith("/"):
            _command(session, line)
        elif line.strip():
            _answer(session, session.ask(line))
    except TsumamiError as error:
        warn(told(error))
        return False
    return True


def _command(session: Session, line: str) -> None:
    from tsumami.cli.session import COMMANDS, help_text

    name, _, rest = line.partition(" ")
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=2, cutoff=0.4)
        hint = f"nearest: {', '.join(near)}" if near else "/help lists them"
        hint_ja = f"近いもの: {', '.join(near)}" if near else "/help で一覧が出ます"
        raise UsageProblem(f"no command is called {name!r}; {hint}").in_japanese(
            f"{name!r} というコマンドはありません。{hint_ja}"
        )
    act = COMMANDS[name].act
    if act is not None:
        note(act(session, rest.strip()))
    elif name == "/help":
        note(help_text())
    elif name == "/retry":
        if session.settings.seed >= 0:
            note(say("シードが固定なので同じ返答になります（/seed -1 でランダム）。",
                     "The seed is fixed, so the reply will be the same; /seed -1 makes it random."))  # fmt: skip
        _answer(session, session.ask_again())
    elif name == "/more":
        _answer(session, session.go_on())
    else:
        raise typer.Exit


def _answer(session: Session, stream: Stream) -> None:
    from tsumami.cli.session import changed

    with stream:
        run, _ = write_reply(stream, silent=session.silent)
    kept = session.keep(run)
    if not session.silent:
        write("\n")
    tell_notices(run.receipt.notices)
    note(f"{facts(run)}{id_note(kept)} · {changed(session.settings)}")


def _prepare_readline() -> None:
    """Line editing that knows wide characters, history, and Tab. Not on every platform; without it input is plain."""
    try:
        import readline
    except ImportError:
        return
    from tsumami.cli.session import completions

    def complete(_text: str, state: int) -> str | None:
        found = completions(readline.get_line_buffer())
        return found[state] if state < len(found) else None

    readline.set_completer_delims("")
    readline.set_completer(complete)
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
