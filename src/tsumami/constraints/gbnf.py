r"""GBNF: the text of a llama.cpp grammar, read and written again for llguidance.

Guarantee: a text that is no grammar ends in a `GrammarError` with the line, its text and the reason, in time linear in
its length, whatever it is: nothing here recurses, and nothing is tried twice. What is written accepts the very texts
that the grammar accepts.

A grammar without recursion is one regular expression, and becomes one terminal. In any other every character becomes a
terminal of its own, and every group a rule: llguidance's lexer takes the longest match of a terminal, so terminals of
several characters could swallow what the grammar wants to go on with (`[a-z]* "b"`); of one character, nothing can be
swallowed, and its parser (Earley's) follows all readings at once. An ambiguous grammar, which doubles llama.cpp's
stacks with each token, costs it no more than another.

Source of the syntax: llama.cpp, grammars/README.md and `llama_grammar_parser` (src/llama-grammar.cpp).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from tsumami.constraints.llg import HEADER, complaint, refuse_long
from tsumami.constraints.rules import (
    GrammarItem,
    GrammarRules,
    can_be_empty,
    is_regular,
    reached,
    refuse_left_recursion,
)
from tsumami.errors import GrammarError
from tsumami.wording import counted

__all__ = ["check", "to_lark"]

_MOST_REPEATS: Final = 1_000_000
_MOST_RULES: Final = 5_000  # llguidance goes down from rule to rule, which takes up to 8 kB of stack a rule
_SHOWN: Final = 80  # characters of a line in a message
_SPACE: Final = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES: Final = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_NAME: Final = re.compile(r"[a-zA-Z0-9-]+")
_REPEAT: Final = re.compile(r"\{[ \t\r\n]*(\d+)[ \t\r\n]*(?:(,)[ \t\r\n]*(\d*)[ \t\r\n]*)?\}")
_TOKEN: Final = re.compile(r"(!?)<(?:\[(\d+)\]|([^<>\r\n]+))>")
_ESCAPES: Final = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]"}
_HEX: Final = {"x": 2, "u": 4, "U": 8}


@dataclass(slots=True)
class _Group:
    """Alternatives that are being read; `at` is where they began."""

    at: int
    alternatives: list[list[GrammarItem]] = field(default_factory=lambda: [[]])


def to_lark(text: str, token: Callable[[str], int] | None = None) -> str:
    """A GBNF grammar in llguidance's Lark syntax; its root rule `root` becomes `start`.

    token: the id of a token that a grammar names by its text, `<think>`; it raises GrammarError for a text that is no
    single token. Without it the grammar can only be checked, not run.

    Raises:
        GrammarError: the text does not parse, names a rule that is not there, has no rule `root`, or has a rule that
            begins with itself.
    """
    refuse_long("grammar", text)
    reader = _GrammarReader(text, token)
    rules = reader.read()
    for name, at in reader.used.items():
        if name not in rules:
            _refuse(
                text,
                at,
                f"the rule {_short(name)!r} is used and not defined",
                f"規則 {_short(name)!r} が使われていますが、定義されていません",
            )
    if "root" not in rules:
        raise GrammarError(
            "the grammar does not parse: it has no 'root' symbol, the rule with which a text begins"
        ).in_japanese("文法が読めません。文章の始まりになる規則 'root' がありません")
    refuse_left_recursion(rules)
    if is_regular(rules):
        numbers = {name: f"T{number}" for number, name in enumerate(rules)}
        start = f'start: {numbers["root"]} | ""' if "root" in can_be_empty(rules) else f"start: {numbers['root']}"
        wanted = [name for name in rules if name in reached(rules)]
    else:
        numbers = {name: "start" if name == "root" else f"r{number}" for number, name in enumerate(rules)}
        start, wanted = "", list(rules)
    lines = [start, *(f"{numbers[name]}: {_written(rules[name], numbers)}" for name in wanted)]
    return HEADER + "\n".join(lines) + "\n"


def check(text: str) -> None:
    """Refuse what is no grammar, or one that cannot be used.

    Raises:
        GrammarError: see `to_lark`.
    """
    said = complaint(to_lark(text))
    if said:
        raise GrammarError(f"the grammar cannot be used: {_short(' '.join(said.split()))}").in_japanese(
            f"文法が使えません: {_short(' '.join(said.split()))}"
        )


_ENDS_INSIDE: Final = (
    "the text ends inside a literal or a character class",
    "文字列か文字クラスの途中で終わっています",
)
_UNKNOWN_ESCAPE: Final = ("unknown escape", "知らないエスケープです")


class _GrammarReader:
    """Reads the rules of a text from its beginning to its end."""

    def __init__(self, text: str, token: Callable[[str], int] | None) -> None:
        self._text, self._token = text, token
        self._at = 0
        self._nested = False
        self._rules: GrammarRules = {}
        self.used: dict[str, int] = {}

    def read(self) -> GrammarRules:
        self._skip(_SPACE_AND_LINES)
        while self._at < len(self._text):
            self._rule()
            self._skip(_SPACE_AND_LINES)
        return self._rules

    def _rule(self) -> None:
        name = self._name()
        self._skip(_SPACE)
        if not self._text.startswith("::=", self._at):
            self._fail("expecting ::=", "::= のはずです")
        self._at += 3
        self._skip(_SPACE_AND_LINES)
        self._keep(name, self._alternatives(name))
        if self._at < len(self._text) and self._text[self._at] not in "\r\n":
            self._fail("expecting newline or end", "改行か終わりのはずです")

    def _alternatives(self, rule: str) -> list[list[GrammarItem]]:
        """The alternatives of a rule. Groups inside are kept on a list of open ones, so depth costs no recursion."""
        open_groups = [_Group(self._at)]
        while True:
            nested = self._nested = len(open_groups) > 1
            self._skip(self._blank)
            here = self._text[self._at : self._at + 1]
            sequence = open_groups[-1].alternatives[-1]
            if here == "(":
                open_groups.append(_Group(self._at))
                self._at += 1
            elif here == ")" and nested:
                self._at += 1
                group = open_groups.pop()
                self._nested = len(open_groups) > 1
                self._close(group, open_groups[-1].alternatives[-1], rule)
            elif here == "|":
                self._at += 1
                self._skip(_SPACE_AND_LINES)
                open_groups[-1].alternatives.append([])
            elif not self._item(here, sequence, rule):
                if nested:
                    self._fail("expecting ')'", "')' のはずです")
                return open_groups[0].alternatives

    def _close(self, group: _Group, into: list[GrammarItem], rule: str) -> None:
        """Put a group that is complete into its place: as it is if it is one sequence, else as a rule."""
        if len(group.alternatives) == 1 and not self._repeats():
            into.extend(group.alternatives[0])
        elif len(group.alternatives) == 1 and _is_plain(group.alternatives[0]):
            into.append(group.alternatives[0][0])
        else:
            into.append(self._named(group.alternatives, rule))

    def _named(self, alternatives: list[list[GrammarItem]], rule: str) -> GrammarItem:
        name = f"{rule} {len(self._rules)}"  # no rule of the text has a blank in its name
        self._keep(name, alternatives)
        return GrammarItem(f"@{name}")

    def _keep(self, name: str, alternatives: list[list[GrammarItem]]) -> None:
        self._rules[name] = alternatives
        if len(self._rules) > _MOST_RULES:
            raise GrammarError(
                f"the grammar has more than {_MOST_RULES:,} rules and groups, so it cannot be used"
            ).in_japanese(f"文法の規則とまとまりが {_MOST_RULES:,} を超えるので使えません")

    def _item(self, here: str, sequence: list[GrammarItem], rule: str) -> bool:
        """Read one item into the sequence; False where none begins."""
        match here:
            case '"':
                self._literal(sequence, rule)
            case "[":
                sequence.append(self._class())
            case ".":
                self._at += 1
                sequence.append(GrammarItem(r"/[\x{0}-\x{10ffff}]/"))
            case "<" | "!":
                sequence.append(self._token_item())
            case "*" | "+" | "?" | "{":
                self._repetition(here, sequence)
            case _ if here and _NAME.match(here):
                at = self._at
                name = self._name()
                self.used.setdefault(name, at)
                sequence.append(GrammarItem(f"@{name}"))
            case _:
                return False
        return True

    # --- what stands in a sequence ---

    def _literal(self, sequence: list[GrammarItem], rule: str) -> None:
        self._at += 1
        items = []
        while (here := self._text[self._at : self._at + 1]) != '"':
            if not here:
                self._fail(*_ENDS_INSIDE, len(self._text.rstrip()))
            items.append(GrammarItem(_terminal([(point := self._character(), point)])))
        self._at += 1
        if len(items) > 1 and self._repeats():
            sequence.append(self._named([items], rule))
        elif items or not self._repeats():
            sequence.extend(items)
        else:
            sequence.append(GrammarItem('""'))

    def _class(self) -> GrammarItem:
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        spans = []
        while (here := self._text[self._at : self._at + 1]) != "]":
            if not here:
                self._fail(*_ENDS_INSIDE, len(self._text.rstrip()))
            low = high = self._character()
            ranged = self._text.startswith("-", self._at) and self._text[self._at + 1 : self._at + 2] not in ("]", "")
            if ranged:
                self._at += 1
                high = self._character()
            spans.append((low, high))
        self._at += 1
        return GrammarItem(_terminal(spans, negated=negated))

    def _character(self) -> int:
        """The code point that stands here, as itself or as an escape."""
        at = self._at
        here = self._text[at]
        if here != "\\":
            self._at += 1
            return ord(here)
        kind = self._text[at + 1 : at + 2]
        if kind in _HEX and kind:
            digits = self._text[at + 2 : at + 2 + _HEX[kind]]
            if not re.fullmatch(rf"[0-9a-fA-F]{{{_HEX[kind]}}}", digits):
                self._fail(f"expecting {_HEX[kind]} hex chars", f"16 進数が {_HEX[kind]} 桁のはずです")
            point = int(digits, 16)
            if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
                self._fail(
                    f"\\{kind}{digits} is no character: a surrogate, or beyond \\U0010FFFF",
                    f"\\{kind}{digits} という文字はありません（サロゲートか、\\U0010FFFF より先）",
                )
            self._at += 2 + _HEX[kind]
            return point
        if kind not in _ESCAPES or not kind:
            self._fail(*(_UNKNOWN_ESCAPE if kind else _ENDS_INSIDE))
        self._at += 2
        return ord(_ESCAPES[kind])

    def _token_item(self) -> GrammarItem:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            self._fail("expecting a token, <[id]> or <text>", "トークン（<[id]> か <text>）のはずです")
        inverted, number, name = found.groups()
        if number is not None and len(number) > 9:
            self._fail(f"there is no token {_short(number)}", f"トークン {_short(number)} はありません")
        self._at = found.end()
        token = int(number) if number is not None else self._token(f"<{name}>") if self._token is not None else 0
        return GrammarItem(f"<[^{token}]>" if inverted else f"<[{token}]>")

    def _repetition(self, here: str, sequence: list[GrammarItem]) -> None:
        if not sequence or (sequence[-1].low, sequence[-1].high) != (1, 1):
            if not sequence:
                self._fail("expecting preceding item to */+/?/{", "*、+、?、{ の前に何かあるはずです")
            sequence[-1] = self._named([[sequence[-1]]], "again")
        low, high = self._bounds(here)
        sequence[-1] = GrammarItem('""') if high == 0 else GrammarItem(sequence[-1].symbol, low, high)

    def _bounds(self, here: str) -> tuple[int, int | None]:
        if here != "{":
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[here]
        found = _REPEAT.match(self._text, self._at)
        if found is None:
            self._fail("expecting {n}, {n,} or {m,n}", "{n}、{n,}、{m,n} のどれかのはずです")
        first, comma, second = found.groups()
        if max(len(first), len(second or "")) > 7 or max(int(first), int(second or 0)) > _MOST_REPEATS:
            self._fail(
                f"the number of repetitions in {_short(found[0])} is beyond {_MOST_REPEATS:,}",
                f"{_short(found[0])} の繰り返しの数が {_MOST_REPEATS:,} を超えます",
            )
        if second and int(second) < int(first):
            self._fail(
                f"{found[0]} repeats at least {first} and at most {counted(int(second), 'time')}; swap the two",
                f"{found[0]} は {first} 回以上 {second} 回以下になります。入れ替えてください",
            )
        self._at = found.end()
        return int(first), int(second) if second else None if comma else int(first)

    def _repeats(self) -> bool:
        """Whether what was just read is to be repeated."""
        after = self._blank.match(self._text, self._at)
        assert after is not None
        return self._text[after.end() : after.end() + 1] in ("*", "+", "?", "{")

    @property
    def _blank(self) -> re.Pattern[str]:
        """What may stand between two items: lines end a rule, but not a group."""
        return _SPACE_AND_LINES if self._nested else _SPACE

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            self._fail("expecting name", "名前のはずです")
        self._at = found.end()
        return found[0]

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _fail(self, reason: str, reason_ja: str, at: int | None = None) -> NoReturn:
        _refuse(self._text, self._at if at is None else at, reason, reason_ja)


def _is_plain(sequence: list[GrammarItem]) -> bool:
    """One item that stands once: repeating the group is repeating it."""
    return len(sequence) == 1 and (sequence[0].low, sequence[0].high) == (1, 1)


def _terminal(spans: Iterable[tuple[int, int]], *, negated: bool = False) -> str:
    """A character of these ranges, or of none of them, as a regular expression."""
    inside = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in spans if low <= high)
    if not inside:
        return r"/[\x{0}-\x{10ffff}]/" if negated else "/[^\\x{0}-\\x{10ffff}]/"
    return f"/[{'^' if negated else ''}{inside}]/"


def _written(alternatives: list[list[GrammarItem]], numbers: dict[str, str]) -> str:
    return " | ".join(" ".join(_one(item, numbers) for item in _merged(sequence)) or '""' for sequence in alternatives)


def _merged(sequence: list[GrammarItem]) -> Iterator[GrammarItem]:
    """Neighbours with one symbol as one item: x{a,b} x{c,d} = x{a+c,b+d}. Two hundred `"a"?` are then one thing to
    look for instead of two hundred, at each place.
    """
    for symbol, group in itertools.groupby(sequence, key=lambda item: item.symbol):
        items = list(group)
        highs = [item.high for item in items]
        high = None if None in highs else sum(one for one in highs if one is not None)
        yield GrammarItem(symbol, sum(item.low for item in items), high)


def _one(item: GrammarItem, numbers: dict[str, str]) -> str:
    name = numbers[item.symbol[1:]] if item.symbol.startswith("@") else item.symbol
    if (item.low, item.high) == (1, 1):
        return name
    return f"{name}{{{item.low},{'' if item.high is None else item.high}}}"


# --- messages ---


def _refuse(text: str, position: int, reason: str, reason_ja: str) -> NoReturn:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", start)
    line = text[start : len(text) if end < 0 else end]
    shown = line.strip() if len(line) <= _SHOWN else _around(line, position - start)
    raise GrammarError(
        f"the grammar does not parse at line {text.count(chr(10), 0, position) + 1}, column {position - start + 1}"
        f" ({shown!r}): {reason}"
    ).in_japanese(
        f"文法の {text.count(chr(10), 0, position) + 1} 行目、{position - start + 1} "
        f"文字目（{shown!r}）が読めません: {reason_ja}"
    )


def _around(line: str, column: int) -> str:
    """A part of a long line: what stands around a column."""
    begin = max(0, min(column, len(line)) - _SHOWN // 2)
    return f"{'…' if begin else ''}{line[begin : begin + _SHOWN]}{'…' if begin + _SHOWN < len(line) else ''}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
