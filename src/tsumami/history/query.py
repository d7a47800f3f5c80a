"""The language of searches, read: from a line to a tree that says what is wanted.

    sunset "blue sky"          both texts, in prompt or reply
    cat OR dog, -bird, (…)     one of them, without, together
    temperature>1 top_k=40     knobs: = != < <= > >=
    model:smollm2 tag:poem     what an entry has; with - before it, what it has not
    since:2026-11-01           made on that day or later; before: earlier

Guarantee: a line is read as a whole or refused with the place where it does not fit. What looks like a text is one:
only the names listed in FIELDS, and knobs before a comparison, mean something else, and nothing does in quotes.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tsumami.errors import QueryError, UnknownKnobError, japanese
from tsumami.knobs import KNOBS, get

__all__ = ["FIELDS", "All", "Either", "FieldIs", "KnobIs", "Node", "Not", "Text", "read"]

#: What `name:value` can ask for.
FIELDS: Final[dict[str, tuple[str, str]]] = {
    "model": ("モデル名の一部", "a part of the model's name"),
    "kind": ("種類（run、chat、compare、map、grid、serve）", "run, chat, compare, map, grid or serve"),
    "tag": ("タグ", "a tag"),
    "is": (
        "starred（星つき）、unfinished（途中で途絶えた）、last（そこから続くものがない）のどれか",
        "starred, unfinished, or last: nothing goes on from it",
    ),
    "stop": ("止まった理由（eog、stop、length など）", "why it stopped: eog, stop, length, …"),
    "lang": ("本文の言語（ja、en）", "the text's language: ja, en"),
    "id": ("id の始まり", "how its id begins"),
    "since": ("この日から（2026-11-01）", "made on that day or later (2026-11-01)"),
    "before": ("この日より前", "made before that day"),
}
_IS: Final = ("starred", "unfinished", "last")
_NUMBERS: Final = ("tokens", "seed")  # compared like knobs, of the run itself


@dataclass(frozen=True, slots=True)
class Text:
    """Prompt or reply holds this."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldIs:
    """A field has a value."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class KnobIs:
    """A knob, or a number of the run, compared: `sign` is one of = != < <= > >=."""

    name: str
    sign: str
    value: float | str


@dataclass(frozen=True, slots=True)
class Not:
    """Not that."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """Each of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these at least."""

    parts: tuple[Node, ...]


Node = Text | FieldIs | KnobIs | Not | All | Either

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\)) | (?P<minus>-(?=\S))
      | (?P<field>[A-Za-z_]+):(?P<value>"(?:[^"\\]|\\.)*"|[^\s()"]*)
      | (?P<knob>[A-Za-z_]\w*)(?P<sign><=|>=|!=|=|<|>)(?P<number>"(?:[^"\\]|\\.)*"|[^\s()"]*)
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<bare>[^\s()"]+)
      | (?P<wrong>")
    )""",
    re.VERBOSE,
)


def read(line: str) -> Node:
    """What a line asks for; an empty one for everything.

    Raises:
        QueryError: it does not fit; the message shows the place.
    """
    return _LineReader(line).whole()


class _LineReader:
    def __init__(self, line: str) -> None:
        self._line = line
        self._tokens = list(_split(line))
        self._next = 0

    def whole(self) -> Node:
        found = self._any(depth=0)
        if self._next < len(self._tokens):
            raise self._wrong("this bracket was not opened", "この括弧は開いていません")
        return found

    def _any(self, depth: int) -> Node:
        if depth > 50:
            raise self._wrong("too many brackets within each other", "括弧の入れ子が多すぎます")
        parts = [self._all(depth)]
        while (token := self._peek()) and token["bare"] == "OR":
            if parts[-1] == All(()):
                raise self._wrong("nothing stands before OR", "OR の前に何もありません")
            self._next += 1
            parts.append(self._all(depth))
            if parts[-1] == All(()):
                raise self._wrong("nothing stands after OR", "OR の後に何もありません")
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _all(self, depth: int) -> Node:
        parts: list[Node] = []
        while (token := self._peek()) and not token["close"] and token["bare"] != "OR":
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Node:
        token = self._peek()
        if token is None:
            raise self._wrong("something is missing here", "ここに何か足りません")
        self._next += 1
        if token["minus"]:
            return Not(self._one(depth))
        if token["open"]:
            inner = self._any(depth + 1)
            closing = self._peek()
            if closing is None or not closing["close"]:
                raise self._wrong("a bracket is not closed", "括弧が閉じていません", token.start("open"))
            self._next += 1
            return inner
        if token["wrong"]:
            raise self._wrong("a quotation mark is not closed", "引用符が閉じていません", token.start("wrong"))
        if token["close"]:
            raise self._wrong("this bracket was not opened", "この括弧は開いていません", token.start("close"))
        return self._term(token)

    def _term(self, token: re.Match[str]) -> Node:
        if token["field"] and token["field"].lower() in FIELDS:
            return self._field(token)
        if token["knob"]:
            return self._knob(token)
        if token["quoted"] is not None:
            return Text(_plain(token["quoted"]))
        return Text(token[0].strip())

    def _field(self, token: re.Match[str]) -> FieldIs:
        name, value, at = token["field"].lower(), _plain(token["value"].strip('"')), token.start("value")
        if not value:
            raise self._wrong(f"{name}: {FIELDS[name][1]} is missing", f"{name}: {FIELDS[name][0]} が足りません", at)
        if name == "is" and value not in _IS:
            raise self._wrong(f"is: can be {' or '.join(_IS)}", f"is: に書けるのは {'、'.join(_IS)} です", at)
        if name in ("since", "before"):
            try:
                return FieldIs(name, datetime.datetime.fromisoformat(value).astimezone().timestamp())
            except (ValueError, OverflowError, OSError):
                raise self._wrong("a day is written 2026-11-30", "日付は 2026-11-30 のように書きます", at) from None
        return FieldIs(name, value)

    def _knob(self, token: re.Match[str]) -> KnobIs:
        name, value, at = token["knob"], _plain(token["number"].strip('"')), token.start("number")
        if name not in _NUMBERS:
            try:
                name = get(name).name
            except UnknownKnobError as error:
                raise self._wrong(
                    f"{error}; in quotes it is a text",
                    f"{japanese(error)}引用符で囲めば文章になります",
                    token.start("knob"),
                ) from None
        if not value:
            raise self._wrong("a value is missing", "値が足りません", at)
        number = _number(value)
        if number is not None:
            return KnobIs(name, token["sign"], number)
        if token["sign"] not in ("=", "!=") or name in _NUMBERS or KNOBS[name].kind in ("int", "float"):
            raise self._wrong(f"{value} is no number", f"{value} は数ではありません", at)
        return KnobIs(name, token["sign"], value)

    def _peek(self) -> re.Match[str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _wrong(self, why: str, why_ja: str, at: int | None = None) -> QueryError:
        if at is None:
            token = self._peek()
            at = len(self._line) if token is None else token.end() - len(token[0].lstrip())
        return QueryError(why, self._line, at, why_ja=why_ja)


def _split(line: str) -> Iterator[re.Match[str]]:
    at, end = 0, len(line.rstrip())
    while at < end:
        found = _TOKEN.match(line, at)
        if found is None:  # only blanks that are none for re
            return
        yield found
        at = found.end()


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(text.lower())
    return found if found == found else None
