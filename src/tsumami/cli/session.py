"""The state of a chat in the terminal, and the commands that change it; no terminal here.

Guarantee: a command that cannot work changes nothing, and a message that could not be answered is not kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tsumami.cli import knobs
from tsumami.cli.kept import KeepOptions
from tsumami.cli.output import save_file, written
from tsumami.cli.words import UsageProblem, say
from tsumami.knobs import GROUPS, KNOBS
from tsumami.knobs import get as get_knob
from tsumami.presets import PRESETS
from tsumami.presets import get as get_preset
from tsumami.prompts import Message, Talk
from tsumami.settings import IdleReason, Settings

if TYPE_CHECKING:
    from tsumami.cli.earlier import Earlier
    from tsumami.model import Model
    from tsumami.runs import Run, Stream

FORMAT_VERSION: Final = 1


@dataclass(slots=True)
class Session:
    """What was said, the runs behind the replies, and what holds for the next one."""

    model: Model
    settings: Settings
    template: str | None = None
    memory: int | None = None
    system: str | None = None
    parse_special: bool | None = None
    history: KeepOptions | None = None
    silent: bool = False  # nothing is printed of a reply as it comes
    talk: Talk[Run] = field(default_factory=Talk)
    _kept: dict[int, str] = field(default_factory=dict)  # the id of each run
    _asked: Talk[Run] = field(default_factory=Talk)

    def take_up(self, earlier: Earlier) -> None:
        """Go on with an earlier conversation."""
        self.talk, self._kept = earlier.talk, dict(earlier.kept)

    @property
    def said(self) -> list[Message]:
        """All messages, each with its reply."""
        return [
            Message(*one) for said in self.talk.exchanges for one in (("user", said.user), ("assistant", said.reply))
        ]

    @property
    def runs(self) -> list[Run]:
        """The run behind every reply."""
        return [said.facts for said in self.talk.exchanges if said.facts is not None]

    def ask(self, text: str) -> Stream:
        """Begin the reply to a message; `keep` it when it is done.

        Raises:
            PromptError: the message cannot be used or does not fit; it is not kept.
        """
        return self._stream(self.talk.ask(text))

    def ask_again(self) -> Stream:
        """Take the last reply back and begin another one.

        Raises:
            UsageProblem: nothing was answered yet.
        """
        if not len(self.talk):
            raise UsageProblem("there is no reply yet to try again").in_japanese("やり直す返事がまだありません")
        return self._stream(self.talk.reopened())

    def go_on(self) -> Stream:
        """Go on with the last reply where it ended, as if it had not.

        Raises:
            UsageProblem: nothing was answered yet.
        """
        if not self.runs:
            raise UsageProblem("there is no reply yet to go on with").in_japanese("続ける返事がまだありません")
        from tsumami.runs.going_on import go_on

        self._asked = self.talk
        last = self.runs[-1]
        settings = self.settings if self.settings.seed >= 0 else self.settings.replace(seed=last.receipt.seed)
        return go_on(self.model, last, settings)

    def keep(self, run: Run) -> str | None:
        """The reply to the last message, finished or stopped; gives its id in the history, if it is kept there."""
        said = run.message
        before = [self._kept.get(id(one.facts)) for one in self._asked.exchanges if one.facts is not None]
        key = None if self.history is None else self._keep(self.history, run, before[-1] if before else None)
        if key is not None:
            self._kept[id(run)] = key
        self.talk = self._asked.answered(said.content, run, said.tokens)
        return key

    def _keep(self, history: KeepOptions, run: Run, parent: str | None) -> str | None:
        from tsumami.history import ChatTurn

        last = self._asked.exchanges[-1]
        turn = ChatTurn(last.user, self.system, self.memory, again=last.facts is not None and parent is not None)
        return history.run(run, kind="chat", parent=parent, turn=turn)

    def _stream(self, asked: Talk[Run]) -> Stream:
        """The reply to the last message; until it is kept, what was said stays as it is."""
        prompt = self.model.prompt(
            asked.messages(self.system),
            self.settings,
            template=self.template,
            memory=self.memory,
            parse_special=self.parse_special,
        )
        self._asked = asked
        return self.model.stream(prompt, self.settings)

    # --- commands: each takes the rest of its line and gives what to say ---

    def set(self, rest: str) -> str:
        """Change a knob, or show one, or what differs from the defaults."""
        name, equals, value = rest.partition("=")
        if not name.strip():
            return changed(self.settings)
        knob = get_knob(name.strip().removeprefix("--").replace("-", "_"))
        if equals:
            made = knob.default if value.strip() == "default" else knobs.parse(knob, value.strip())
            self.settings = self.settings.replace(**{knob.name: made})
        line = f"{knob.name} = {knobs.show(knob.name, getattr(self.settings, knob.name))}"
        idle = self._idle().get(knob.name)
        if idle is not None:
            return f"{line}  ({say(idle.ja, idle.en)})"
        return line if equals else f"{line}  ({say(knob.line_ja, knob.line_en)} {knob.allowed})"

    def _idle(self) -> dict[str, IdleReason]:
        """The knobs that do nothing now, with this model."""
        return self.model.idle_knobs(self.settings, self.template)

    def show_knobs(self, _rest: str) -> str:
        """Every knob with its value, group by group."""
        idle = self._idle()
        lines = []
        for key, group in GROUPS.items():
            lines.append(say(group.title_ja, group.title_en))
            for name, knob in KNOBS.items():
                if knob.group != key:
                    continue
                value = knobs.show(name, getattr(self.settings, name))
                mark = "*" if getattr(self.settings, name) != knob.default else " "
                quiet = say("  （今は働かない）", "  (does nothing now)") if name in idle else ""
                lines.append(f" {mark} {name} = {value}{quiet}")
        return "\n".join(lines)

    def preset(self, rest: str) -> str:
        """Take a preset, or list them."""
        if not rest:
            width = max(map(len, PRESETS))
            return "\n".join(f"{p.name:{width}}  {say(p.line_ja, p.line_en)}" for p in PRESETS.values())
        self.settings = get_preset(rest).apply(self.settings)
        return changed(self.settings)

    def seed(self, rest: str) -> str:
        """Set the seed."""
        return self.set(f"seed={rest}" if rest else "seed")

    def undo(self, _rest: str) -> str:
        """Forget the last exchange."""
        if not len(self.talk):
            raise UsageProblem("there is nothing to take back").in_japanese("取り消すものがありません")
        self.talk = self.talk.without_last()
        return say("最後のやりとりを取り消しました。", "The last exchange is forgotten.")

    def clear(self, _rest: str) -> str:
        """Forget everything that was said."""
        self.talk = Talk()
        return say("会話を消しました（設定はそのまま）。", "The conversation is forgotten; the settings stay.")

    def set_system(self, rest: str) -> str:
        """Set the system prompt, or show it."""
        if rest:
            Message("system", rest)  # refuses what no prompt can hold
            self.system = None if rest == "none" else rest
        none = say("なし（形式の既定）", "none (the format's own)")
        return say("システムプロンプト", "system prompt") + f": {none if self.system is None else self.system}"

    def save(self, rest: str) -> str:
        """Write the conversation with the run behind every reply."""
        if not rest:
            raise UsageProblem("/save needs the name of a file, such as /save talk.json").in_japanese(
                "/save にはファイルの名前が要ります（/save talk.json など）"
            )
        path = Path(os.path.expanduser(rest))  # noqa: PTH111  (Path.expanduser raises for a user it does not know)
        save_file(path, self.saved(), quiet=True)
        return written(path)

    def saved(self) -> str:
        """The conversation with the run behind every reply, as JSON."""
        form = {
            "version": FORMAT_VERSION,
            "model": self.model.name,
            "template": self.template,
            "memory": self.memory,
            "system": self.system,
            "settings": self.settings.to_dict(),
            "messages": [message.as_dict() for message in self.said],
            "runs": [None if one.facts is None else json.loads(one.facts.to_json()) for one in self.talk.exchanges],
        }
        return json.dumps(form, ensure_ascii=False, indent=1) + "\n"


def changed(settings: Settings) -> str:
    """The knobs that differ from their defaults, in the form in which they can be typed."""
    parts = [f"{name}={knobs.show(name, value)}" for name, value in settings.changed().items()]
    return " ".join(parts) or say("すべて既定値", "all defaults")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the chat: what to type after it, its help, and what it does (None: the loop's own)."""

    argument: str
    ja: str
    en: str
    act: Callable[[Session, str], str] | None = None


COMMANDS: Final[Mapping[str, Command]] = {
    "/help": Command("", "コマンドの一覧", "list the commands"),
    "/set": Command(
        "knob=value", "つまみを変える（=default で既定値に）", "change a knob (=default: back)", Session.set
    ),
    "/knobs": Command("", "すべてのつまみと今の値", "every knob and its value", Session.show_knobs),
    "/preset": Command("[name]", "プリセットを使う・一覧", "take a preset, or list them", Session.preset),
    "/seed": Command("N", "シードを決める（-1 はランダム）", "set the seed (-1: random)", Session.seed),
    "/retry": Command("", "最後の返答をやり直す", "try the last reply again"),
    "/more": Command("", "最後の返答の続きを書く", "go on with the last reply"),
    "/undo": Command("", "最後のやりとりを取り消す", "forget the last exchange", Session.undo),
    "/clear": Command("", "会話を消す", "forget the conversation", Session.clear),
    "/system": Command("[text]", "システムプロンプト（none で外す）", "system prompt (none: off)", Session.set_system),
    "/save": Command("file", "会話と実行の記録を保存", "save the conversation and its runs", Session.save),
    "/exit": Command("", "終わる（Ctrl-D でも）", "leave (or Ctrl-D)"),
}


def help_text() -> str:
    """The commands, one a line."""
    width = max(len(f"{name} {command.argument}") for name, command in COMMANDS.items())
    return "\n".join(f"{f'{name} {c.argument}':{width}}  {say(c.ja, c.en)}" for name, c in COMMANDS.items())


def completions(line: str) -> list[str]:
    """What a line of the chat could go on as, whole lines: commands, knobs after /set, presets after /preset."""
    options: list[Any] = []
    if " " not in line:
        options = [f"{name} " if command.argument else name for name, command in COMMANDS.items()]
    elif line.startswith("/set "):
        options = [f"/set {name}=" for name in KNOBS]
    elif line.startswith("/preset "):
        options = [f"/preset {name}" for name in PRESETS]
    return [option for option in options if option.startswith(line)]
