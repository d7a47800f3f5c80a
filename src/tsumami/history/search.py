"""Searches: what a query asks for, as a condition on `entries`.

Guarantee: every value is a parameter, so no text of a query is ever SQL. A text of three characters or more is found by
the index of trigrams; a shorter one, which has none, by looking.
"""

from __future__ import annotations

from typing import Any, Final

from tsumami.history.folding import folded
from tsumami.history.query import All, Either, FieldIs, KnobIs, Node, Not, Text

__all__ = ["LINE", "TREE", "WORDS", "Condition", "condition"]

Condition = tuple[str, list[Any]]
"""A part of a WHERE, and its parameters."""

_ABOVE: Final = """
    WITH RECURSIVE above (id, parent, far) AS (
        SELECT id, parent, 0 FROM entries WHERE id = ? UNION ALL
        SELECT entries.id, entries.parent, far + 1 FROM entries JOIN above ON entries.id = above.parent
    )"""
LINE: Final = f"entries.id IN ({_ABOVE} SELECT id FROM above)"  # noqa: S608  (no value in it)
"""The entries on the way from the first to one, by its number."""

TREE: Final = f"""entries.id IN ({_ABOVE}, below (id) AS (
        SELECT id FROM (SELECT id FROM above ORDER BY far DESC LIMIT 1) UNION ALL
        SELECT entries.id FROM entries JOIN below ON entries.parent = below.id
    ) SELECT id FROM below) ORDER BY made, entries.id"""  # noqa: S608  (no value in it)
"""All entries that go on from the same first one, oldest first."""

WORDS: Final = {
    "models": "SELECT model FROM entries WHERE owner = ? GROUP BY model ORDER BY count(*) DESC",
    "tags": "SELECT tag FROM tags JOIN entries ON id = entry WHERE owner = ? GROUP BY tag ORDER BY count(*) DESC",
}
"""What an owner's entries have that can be asked for."""

_TRIGRAM: Final = 3
_UNFINISHED: Final = "stop IS NULL"
_FIELDS: Final = {
    "model": "instr(lower(model), ?) > 0",
    "kind": "kind = ?",
    "tag": "id IN (SELECT entry FROM tags WHERE tag = ?)",
    "stop": "stop = ?",
    "lang": "language = ?",
    "since": "made >= ?",
    "before": "made < ?",
}


def condition(node: Node) -> Condition:
    """The condition under which an entry is what the query asks for."""
    match node:
        case Text(text):
            return _text(folded(text))
        case FieldIs("is", value):
            return ("starred = 1" if value == "starred" else _UNFINISHED), []
        case FieldIs("id", value):
            return "id IN (SELECT id FROM entries WHERE key >= ? AND key < ?)", [value, value + "~"]
        case FieldIs(name, value):
            return _FIELDS[name], [value.lower() if name == "model" else value]
        case KnobIs(name, sign, value):
            return _knob(name, sign, value)
        case Not(part):
            inner, values = condition(part)
            return f"NOT ({inner})", values
        case All(parts):
            return _joined(parts, " AND ", "1")
        case Either(parts):
            return _joined(parts, " OR ", "0")


def _joined(parts: tuple[Node, ...], word: str, empty: str) -> Condition:
    made = [condition(part) for part in parts]
    return "(" + (word.join(sql for sql, _ in made) or empty) + ")", [value for _, values in made for value in values]


def _text(text: str) -> Condition:
    if len(text) >= _TRIGRAM:
        phrase = '"' + text.replace('"', '""') + '"'
        return "id IN (SELECT rowid FROM found WHERE found MATCH ?)", [phrase]
    looks = "SELECT 1 FROM words WHERE words.id = entries.id AND (instr(asked, ?) > 0 OR instr(said, ?) > 0)"
    return ("1", []) if not text else (f"EXISTS ({looks})", [text, text])


def _knob(name: str, sign: str, value: float | str) -> Condition:
    if name in ("tokens", "seed"):
        return f"{name} {sign} ?", [value]
    column = "word" if isinstance(value, str) else "number"
    there = f"settings IN (SELECT settings FROM knobs WHERE name = ? AND {column} {sign} ?)"  # noqa: S608
    return there, [name, value]
