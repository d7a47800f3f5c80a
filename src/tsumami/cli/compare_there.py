"""`tsumami compare` on an engine that generates by itself: its texts side by side, and where they part.

Guarantee: no reason is given, as none can be computed: what stands beside a parting are the probabilities that the
engine told of the tokens there. A lane that fails is named, and the others are shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import typer

from tsumami.cli.forms import Outputs, form_of
from tsumami.cli.options import PromptOptions
from tsumami.cli.output import console, json_text, note, piece, warn
from tsumami.cli.reasons import lane_name, paragraph
from tsumami.cli.run_there import check_format, sent_there, share
from tsumami.cli.words import say, told
from tsumami.errors import SettingsError, TsumamiError
from tsumami.wording import counted

if TYPE_CHECKING:
    from tsumami.explore.design import Design
    from tsumami.explore.lanes import LanePlan
    from tsumami.models import RemoteName
    from tsumami.remote import TextServer, ToldText, ToldToken


@dataclass(frozen=True, slots=True)
class LaneThere:
    """One lane: what is not the same in all of them, what was sent, and the text, or the error that ended it."""

    differs: Mapping[str, Any]
    sent: Mapping[str, Any]
    lost: tuple[str, ...]
    told: ToldText | None
    error: TsumamiError | None

    def values(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self) | {"error": None if self.error is None else str(self.error)}


@dataclass(frozen=True, slots=True)
class PartingThere:
    """Where a lane parts from the first: after so many characters, and the tokens there, if both lanes' were told."""

    lane: int
    characters: int
    token: int | None
    first: ToldToken | None
    other: ToldToken | None


def compare_there(name: str, prompt: PromptOptions, design: Design, out: Outputs) -> None:
    """Let it generate lane after lane, and print the texts.

    Raises:
        SettingsError: not 2 to 8 lanes, or a prompt format that only a model here can have, or a page of it.
        typer.Exit: a lane has failed.
    """
    from tsumami.explore.lanes import differences, plan
    from tsumami.models import remote_name
    from tsumami.remote import TextServer
    from tsumami.runs import Prompt

    _check_forms(out)
    where = remote_name(name)
    check_format(where.title, prompt.template)
    plans = plan([Prompt(text, ()) for text in prompt.read()], design)
    server = TextServer(where)
    try:
        lanes = [
            _lane(server, where, prompt, *one) for one in zip(plans, differences(plans), strict=True)
        ]  # one after another: how many it works on at once, nobody tells
    finally:
        server.close()

    def as_json() -> str:
        partings = [asdict(one) for one in _partings(lanes)]
        return json_text({"engine": where.title, "lanes": [lane.values() for lane in lanes], "partings": partings})

    if not out.put({"json": as_json}):
        _report(where.title, lanes)
    if any(lane.told is None for lane in lanes):
        raise typer.Exit(2)


def _check_forms(out: Outputs) -> None:
    """Refuse a page: what was told is too little for one."""
    pages = ["--html"] if out.printed == "html" else []
    pages += [f"-o {path}" for path in out.files if form_of(path, ("json", "html")).name == "html"]
    if pages:
        raise SettingsError(f"{pages[0]}: such an engine tells too little for a report; take --json").in_japanese(
            f"{pages[0]}: こういうエンジンの知らせることは、レポートには足りません。--json を使ってください"
        )


def _lane(
    server: TextServer, where: RemoteName, prompt: PromptOptions, made: LanePlan, differs: Mapping[str, Any]
) -> LaneThere:
    values, lost = sent_there(where.kind, made.settings)
    try:
        told = server.generate(prompt.messages(made.prompt.text), values, raw=prompt.template == "raw")
    except TsumamiError as error:
        return LaneThere(differs, values, tuple(lost), None, error)
    return LaneThere(differs, values, tuple(lost), told, None)


def _partings(lanes: list[LaneThere]) -> list[PartingThere]:
    """Where each lane with another text parts from the first lane that has one."""
    found = [(number, lane.told) for number, lane in enumerate(lanes) if lane.told is not None]
    return [_parting(number, found[0][1], told) for number, told in found[1:] if told.text != found[0][1].text]


def _common(texts: list[str]) -> int:
    """How many characters all of them begin with."""
    return sum(1 for _ in itertools.takewhile(lambda one: len(set(one)) == 1, zip(*texts, strict=False)))


def _parting(number: int, a: ToldText, b: ToldText) -> PartingThere:
    characters = _common([a.text, b.text])
    pairs = itertools.zip_longest(a.tokens, b.tokens)
    at = next((i for i, (x, y) in enumerate(pairs) if x is None or y is None or x.text != y.text), None)
    if at is None or at >= min(len(a.tokens), len(b.tokens)):
        return PartingThere(number, characters, None, None, None)
    return PartingThere(number, characters, at, a.tokens[at], b.tokens[at])


def _report(title: str, lanes: list[LaneThere]) -> None:
    from rich.text import Text

    screen = console()
    common = _common([lane.told.text for lane in lanes if lane.told is not None])
    for index, lane in enumerate(lanes):
        screen.print(Text(lane_name(index, lane), style="bold"))
        if lane.error is not None:
            warn(told(lane.error))
        if lane.told is not None:
            screen.print(Text(lane.told.text[:common], "dim").append(lane.told.text[common:], "not dim"), "", sep="\n")
    for parting in _partings(lanes):
        screen.print(paragraph(_sentence(parting, _first(lanes)), screen.width), "", sep="\n")
    for line in dict.fromkeys(line for lane in lanes for line in lane.lost):
        note(line)
    note(
        say(
            f"{title} は自分で選び、行を知らせない。どこで分かれたかはわかっても、なぜかは計算できない",
            f"{title} chooses by itself and tells no rows: where texts part is seen, why cannot be computed",
        )
    )


def _first(lanes: list[LaneThere]) -> int:
    return next(number for number, lane in enumerate(lanes) if lane.told is not None)


def _sentence(parting: PartingThere, first: int) -> str:
    from tsumami.explore.lanes import letter

    a, b = letter(first), letter(parting.lane)
    said = say(
        f"{b} は {a} と {parting.characters} 文字目のあとで分かれた。",
        f"{a} and {b} part after {counted(parting.characters, 'character')}.",
    )
    if parting.first is None or parting.other is None or parting.token is None:
        return said
    return said + say(
        f"トークン {parting.token + 1}: {a} は {_told(parting.first, parting.other)}、"
        f"{b} は {_told(parting.other, parting.first)}。",
        f" Token {parting.token + 1}: {a} has {_told(parting.first, parting.other)}, "
        f"{b} has {_told(parting.other, parting.first)}.",
    )


def _told(own: ToldToken, other: ToldToken) -> str:
    """A token with its told probability, and the other lane's token in the same place, if that was told."""
    others = dict(own.others)
    parts = [
        *([] if own.logprob is None else [share(own.logprob)]),
        *([f"{piece(other.text.encode())} {share(others[other.text])}"] if other.text in others else []),
    ]
    return piece(own.text.encode()) + (f" ({', '.join(parts)})" if parts else "")
