"""`tsumami run`: one prompt in, one text out.

Guarantee: stdout holds the text and nothing else, each piece as soon as it is known (or, with --json, the run and
nothing else). Ctrl-C keeps what there is: the text, the facts, the JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsumami.cli.exit_codes import INTERRUPTED
from tsumami.cli.following import follow
from tsumami.cli.forms import Makes, Outputs
from tsumami.cli.idle import note_idle
from tsumami.cli.kept import KeepOptions, id_note
from tsumami.cli.knobs import KnobOptions
from tsumami.cli.options import ModelOptions, PromptOptions
from tsumami.cli.output import console, note, piece, write
from tsumami.cli.run_there import generates_by_itself, run_there
from tsumami.cli.words import say
from tsumami.errors import SettingsError
from tsumami.knobs import CONSTRAINTS
from tsumami.wording import counted, percent

if TYPE_CHECKING:
    from tsumami.cli.forms import Makers
    from tsumami.model import Model
    from tsumami.runs import Completeness, Prompt, Run, Step, Stream
    from tsumami.settings import Settings


def about() -> str:
    """The help of the command."""
    return say(
        "プロンプトの続きを生成する。本文だけを標準出力に、その他は標準エラーに出す。",
        "Generate from a prompt. stdout gets the text and nothing else; what is said about it goes to stderr.",
    )


def run(
    prompt: PromptOptions,
    model: ModelOptions,
    knobs: KnobOptions,
    history: KeepOptions,
    out: Annotated[Outputs, Makes("json", "txt")],
    show_prompt: Annotated[
        bool,
        typer.Option(
            "--show-prompt",
            help=say("モデルに渡る文とトークンを表示する", "show the exact text and tokens that the model gets"),
        ),
    ] = False,
    ledger: Annotated[
        bool,
        typer.Option(
            "--ledger",
            "-l",
            help=say(
                "トークンごとに、各ステージが残した候補と乱数の行方を表示する",
                "per token: what each stage left, and where the roll fell",
            ),
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help=say("標準エラーに何も出さない", "say nothing about the run"))
    ] = False,
) -> None:
    """Read, load, generate, report."""
    settings = knobs.settings()
    asked = prompt.read_one(quiet=quiet)
    as_json = out.printed == "json"
    if generates_by_itself(model):
        if out.files:
            raise SettingsError(
                f"-o {out.files[0]}: such an engine tells no token ids, so there is no run to save; take --json"
            ).in_japanese(
                f"-o {out.files[0]}: こういうエンジンはトークンの id を知らせないので、保存できる実行がありません。"
                "--json を使ってください"
            )
        messages = prompt.messages(asked)
        run_there(model.name, messages, settings, template=prompt.template, tokens=ledger, as_json=as_json, quiet=quiet)
        return
    with model.load(quiet=quiet) as loaded:
        made = prompt.made(loaded, asked, settings, quiet=quiet)
        if show_prompt:
            print_prompt(loaded, made)
        if loaded.chooses_there:
            from tsumami.cli.run_fast import AskedBeside, run_fast

            interrupted = run_fast(loaded, made, settings, AskedBeside(ledger, out, quiet))
            if interrupted:
                raise typer.Exit(INTERRUPTED)
            return
        # An inexact engine cannot compute a ledger again, so there each token's is kept.
        with loaded.stream(made, settings, ledger=ledger and not loaded.exactness.exact) as stream:
            done, interrupted = write_reply(stream, silent=as_json)
        if not out.put(_forms(done), quiet=quiet):
            write("\n")
        if ledger and not interrupted:
            from tsumami.cli.ledger import print_ledgers

            print_ledgers(loaded, done)
        kept = history.run(done, turn=prompt.turn(asked))
        if not quiet:
            note(facts(done) + id_note(kept))
            note_idle([settings], ask=loaded, template=made.template)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _forms(done: Run) -> Makers:
    return {"json": lambda: done.to_json(indent=1) + "\n", "txt": lambda: done.text + "\n"}


def write_reply(stream: Stream, *, silent: bool = False) -> tuple[Run, bool]:
    """Write the text as it comes; gives the run, and whether Ctrl-C ended it. What a reply begins with because it was
    there before is not written again.
    """
    shown: list[str] = []

    def show(step: Step) -> None:
        if step.text and not silent and len(shown) >= stream.led:
            write(step.text)
        shown.append(step.text)

    interrupted = follow(stream, show)
    done = stream.run
    if not silent:
        write(done.text[len("".join(shown)) :])  # what was held back when it was stopped
    return done, interrupted


def facts(run: Run) -> str:
    """One line about a run: why it stopped, how many tokens how fast, the seed, exact or not."""
    from tsumami.runs import STOP_REASONS

    stop = say(*STOP_REASONS[run.stop_reason])
    if run.stop_string is not None:
        stop += f" {run.stop_string!r}"
    receipt, timings, count = run.receipt, run.timings, len(run.steps)
    random = say("（ランダム）", " (random)") if receipt.settings.seed < 0 else ""
    exact = "exact" if receipt.engine.exact else say("exact ではない", "not exact")
    parts = [
        stop,
        say(f"{count} トークン", counted(count, "token")),
        *([f"{timings.generation_per_second:.1f} tok/s"] if timings.generated > 1 else []),  # the first has no speed
        say(f"プロンプト {timings.prompt_tokens}", f"prompt {timings.prompt_tokens}"),
        say("シード", "seed") + f" {receipt.seed}{random}",
        exact,
    ]
    if run.trouble is not None:
        parts.insert(1, run.trouble)
    if any(step.unseen for step in run.steps):
        parts.append(unseen_text(run))
    if run.completeness is not None:
        parts.insert(1, complete_text(run.completeness, run.settings))
    if not receipt.engine.exact:
        parts.append(say(receipt.engine.why_ja, receipt.engine.why_en))
    return " · ".join(parts)


def unseen_text(run: Run) -> str:
    """How much of its rows an engine elsewhere did not tell, and how many choices that might have changed."""
    most = percent(max(step.unseen for step in run.steps))
    open_ones = sum(step.uncertain for step in run.steps)
    said = say(f"知らされていない確率 最大 {most}", f"up to {most} unseen")
    if not open_ones:
        return said
    return said + say(f"、確実ではない選択 {open_ones}", f", {counted(open_ones, 'choice')} not certain")


def complete_text(found: Completeness, settings: Settings) -> str:
    """Whether a text is complete in the sense of what constrains it: `grammar: complete`."""
    knob = next(name for name in CONSTRAINTS if getattr(settings, name) is not None)
    return f"{knob}: {say(found.ja, found.en)}"


def print_prompt(model: Model, prompt: Prompt) -> None:
    """The exact text and its tokens, on stderr."""
    from rich.text import Text

    screen = console(stderr=True)
    count = len(prompt.tokens)
    title = say(
        f"プロンプト: {count} トークン、形式 {prompt.template}",
        f"Prompt: {counted(count, 'token')}, template {prompt.template}",
    )
    screen.print(Text(title, style="bold"))
    screen.print(Text(prompt.text), soft_wrap=True)
    pieces = Text()
    for token in prompt.tokens:
        pieces.append(f"{token} ", style="dim").append(f"{piece(model.tokenizer.piece(token))} ", style="cyan")
    screen.print(pieces)
