"""The rules of a grammar, and what can be said of them before anybody follows one.

Guarantee: everything here takes time in proportion to the grammar's length, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from tsumami.errors import GrammarError

__all__ = ["GrammarItem", "GrammarRules", "can_be_empty", "is_regular", "reached", "refuse_left_recursion"]

_MOST_WRITTEN_OUT: Final = 5_000  # items of a grammar that becomes one expression


@dataclass(slots=True)
class GrammarItem:
    """A symbol (a terminal in llguidance's form, or `@` and a rule's name) and how often it stands here."""

    symbol: str
    low: int = 1
    high: int | None = 1


#: Each rule's alternatives, by its name; an alternative is a sequence of items.
GrammarRules: TypeAlias = dict[str, list[list[GrammarItem]]]


# --- grammars that are regular expressions ---


def reached(rules: GrammarRules) -> set[str]:
    """The rules that a text can take part in."""
    found, open_rules = {"root"}, ["root"]
    while open_rules:
        for other in _named_in(rules[open_rules.pop()]):
            if other not in found:
                found.add(other)
                open_rules.append(other)
    return found


def is_regular(rules: GrammarRules) -> bool:
    """Whether no rule leads back to itself, no token is asked for by its id, and written out it is not too large."""
    taking_part = reached(rules)
    uses = {name: list(_named_in(rules[name])) for name in taking_part}
    used_by: dict[str, list[str]] = {name: [] for name in taking_part}
    for name, others in uses.items():
        for other in set(others):
            used_by[other].append(name)
    waits = {name: len(set(others)) for name, others in uses.items()}
    ready = [name for name, count in waits.items() if not count]
    size: dict[str, int] = {}
    while ready:
        name = ready.pop()
        items = [item for sequence in rules[name] for item in sequence]
        if any(item.symbol.startswith("<") for item in items):
            return False
        size[name] = len(items) + sum(size[other] for other in uses[name])
        if size[name] > _MOST_WRITTEN_OUT:
            return False
        for other in used_by[name]:
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    return len(size) == len(taking_part)


def _named_in(alternatives: list[list[GrammarItem]]) -> Iterator[str]:
    return (item.symbol[1:] for sequence in alternatives for item in sequence if item.symbol.startswith("@"))


# --- rules that begin with themselves ---


def refuse_left_recursion(rules: GrammarRules) -> None:
    """llama.cpp's parser goes down from the left and would never come back; such a grammar is none there, so none here.

    A rule begins with each rule before which everything can be empty.
    """
    empty = can_be_empty(rules)
    first = {name: {one for sequence in rules[name] for one in _beginnings(sequence, empty)} for name in rules}
    waits = {name: set(after) for name, after in first.items()}
    before: dict[str, list[str]] = {name: [] for name in rules}
    for name, after in first.items():
        for other in after:
            before[other].append(name)
    ready = [name for name, after in waits.items() if not after]
    while ready:
        done = ready.pop()
        for name in before[done]:
            waits[name].discard(done)
            if not waits[name]:
                ready.append(name)
        del waits[done]
    if waits:
        raise GrammarError(
            "the grammar does not parse: a rule begins with itself (left recursion); let it begin with something else"
        ).in_japanese("文法が読めません。自分自身で始まる規則（左再帰）があります。別のもので始めてください")


def _beginnings(sequence: list[GrammarItem], empty: set[str]) -> Iterator[str]:
    for item in sequence:
        if item.symbol.startswith("@"):
            yield item.symbol[1:]
        if not _skippable(item, empty):
            return


def _skippable(item: GrammarItem, empty: set[str]) -> bool:
    return item.low == 0 or item.symbol == '""' or (item.symbol.startswith("@") and item.symbol[1:] in empty)


def can_be_empty(rules: GrammarRules) -> set[str]:
    """The rules that accept the empty text: each sequence counts down what it still needs."""
    needs: dict[int, int] = {}
    waiting: dict[str, list[tuple[str, int]]] = {name: [] for name in rules}
    empty: set[str] = set()
    ready: list[str] = []
    for name, alternatives in rules.items():
        for sequence in alternatives:
            wanted = [item for item in sequence if not _skippable(item, set())]
            if any(not item.symbol.startswith("@") for item in wanted):
                continue
            key = len(needs)
            needs[key] = len(wanted)
            for item in wanted:
                waiting[item.symbol[1:]].append((name, key))
            if not wanted:
                ready.append(name)
    while ready:
        name = ready.pop()
        if name in empty:
            continue
        empty.add(name)
        for other, key in waiting[name]:
            needs[key] -= 1
            if not needs[key]:
                ready.append(other)
    return empty
