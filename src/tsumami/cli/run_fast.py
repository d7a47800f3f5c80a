"""`tsumami run --fast` on a full engine elsewhere: it chooses by itself, and what is asked for beside its text is
computed afterwards.

Guarantee: stdout holds what it holds without `--fast`. Rows are asked for only where `--ledger`, `--json` or a file
of the run need them, so nothing is kept in the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsumami.cli.following import follow
from tsumami.cli.forms import Outputs, form_of
from tsumami.cli.output import note, warn, write
from tsumami.cli.words import language, say, told
from tsumami.errors import RemoteError, SettingsError
from tsumami.wording import counted

if TYPE_CHECKING:
    from tsumami.cli.forms import Makers
    from tsumami.model import Model, RemoteModel, ThereReply
    from tsumami.runs import Prompt, Run
    from tsumami.settings import Settings


@dataclass(frozen=True, slots=True)
class AskedBeside:
    """What is asked for beside the text: ledgers, the forms to print and to write; no words about it."""

    ledger: bool
    out: Outputs
    quiet: bool

    @property
    def as_json(self) -> bool:
        """Whether the run stands on stdout instead of the text."""
        return self.out.printed == "json"

    @property
    def run(self) -> bool:
        """Whether the run is asked for, and not only its text."""
        return self.as_json or any(form_of(path, ("json", "txt")).name == "json" for path in self.out.files)


def run_fast(model: Model, prompt: Prompt, settings: Settings, wanted: AskedBeside) -> bool:
    """Let it generate, write the text, and compute what is asked for; whether Ctrl-C ended it.

    Raises:
        RemoteError: it did not answer, or did not tell which tokens it chose, and the run was asked for.
        SettingsError: a knob that such an engine lacks when rows are asked for, and the run was asked for.
    """
    from tsumami.model import RemoteModel
    from tsumami.runs.possible import check_possible

    assert isinstance(model, RemoteModel)
    if wanted.run:
        check_possible(model, settings)
    with model.there(prompt, settings) as stream:
        interrupted = follow(stream, None if wanted.as_json else write)
        reply = stream.reply
    if not wanted.as_json:
        write("\n")
    if not wanted.quiet:
        for line in (one.told(language()) for one in reply.lost):
            note(line)
        note(_facts(reply))
    text: Makers = {"txt": lambda: reply.text + "\n"}
    run = _computed(model, reply, wanted) if not interrupted and (wanted.ledger or wanted.run) else None
    if run is not None:
        wanted.out.put({"json": lambda: run.to_json(indent=1) + "\n", **text}, quiet=wanted.quiet)
    elif not wanted.run:
        wanted.out.put(text, quiet=wanted.quiet)
    if wanted.ledger and run is not None:
        from tsumami.cli.ledger import print_ledgers

        print_ledgers(model, run)
    return interrupted


def _computed(model: RemoteModel, reply: ThereReply, wanted: AskedBeside) -> Run | None:
    """The run, computed afterwards; None if only its ledgers were asked for and cannot be had."""
    try:
        run = model.run_of(reply, ledger=wanted.ledger and not model.exactness.exact)
    except (RemoteError, SettingsError) as error:
        if wanted.run:
            raise
        warn(told(error))
        return None
    if len(reply.tokens) < reply.count and not wanted.quiet:
        note(
            say(
                f"サーバーが知らせたのは {reply.count} トークンのうち、はじめの {len(reply.tokens)} トークンです。",
                f"The server told which tokens the first {len(reply.tokens)} of {reply.count} are.",
            )
        )
    return run


def _facts(reply: ThereReply) -> str:
    """One line: why it stopped, how many tokens how fast, the seed, and who chose."""
    from tsumami.runs import STOP_REASONS

    count = reply.count
    parts = [
        say(*STOP_REASONS[reply.stop_reason]) + (f" {reply.stop_string!r}" if reply.stop_string is not None else ""),
        *([told(reply.error)] if reply.error is not None else []),
        say(f"{count} トークン", counted(count, "token")),
        *([f"{reply.tokens_per_second:.1f} tok/s"] if count > 1 else []),
        say("シード", "seed") + f" {reply.settings.seed}",
        say(
            "選んだのはサーバー（同じシードでも、こちらのチェーンが選ぶものとは違う）",
            "chosen by the server, whose seeds are not those of our chain",
        ),
    ]
    return " · ".join(parts)
