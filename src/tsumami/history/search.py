"""Searches: what a query asks for, as a condition on `entries`.

Guarantee: every value is a parameter, so no text of a query is ever SQL. A text that few entries have is found by the
index of trigrams (a shorter one as the beginning of some); one that many have by looking from the newest on, since the
first of them are near, and a list of all would be long.
"""

from __future__ import annotations

import sqlite3
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
    "models": "SELECT model FROM (SELECT model FROM entries WHERE owner = ? ORDER BY made DESC, id DESC LIMIT 2000)"
    " GROUP BY model ORDER BY count(*) DESC",
    "tags": "SELECT tag FROM tags JOIN entries ON id = entry WHERE owner = ? GROUP BY tag ORDER BY count(*) DESC",
}
"""What an owner's entries have that can be asked for."""

_TRIGRAM: Final = 3
_MANY: Final = 5000  # places; more are not listed
_LAST: Final = "\U0010ffff"
_PHRASE: Final = "SELECT rowid AS entry FROM found WHERE found MATCH ?"
_BEGINNING: Final = "SELECT doc AS entry FROM occurrences WHERE term >= ? AND term < ?"
_IS: Final = {
    "starred": "starred = 1",
    "unfinished": "stop IS NULL",
    "last": "NOT EXISTS (SELECT 1 FROM entries AS below WHERE below.parent = entries.id)",
}
_FIELDS: Final = {
    "model": "instr(lower(model), ?) > 0",
    "kind": "kind = ?",
    "tag": "id IN (SELECT entry FROM tags WHERE tag = ?)",
    "stop": "stop = ?",
    "lang": "language = ?",
    "since": "made >= ?",
    "before": "made < ?",
}


def condition(node: Node, connection: sqlite3.Connection) -> Condition:
    """The condition under which an entry is what the query asks for; the connection says how many have a text."""
    match node:
        case Text(text):
            return _text(folded(text), connection)
        case FieldIs("is", value):
            return _IS[value], []
        case FieldIs("id", value):
            return "id IN (SELECT id FROM entries WHERE key >= ? AND key < ?)", [value, value + "~"]
        case FieldIs(name, value):
            return _FIELDS[name], [value.lower() if name == "model" else value]
        case KnobIs(name, sign, value):
            return _knob(name, sign, value)
        case Not(part):
            inner, values = condition(part, connection)
            return f"NOT ({inner})", values
        case All(parts):
            return _joined(parts, " AND ", "1", connection)
        case Either(parts):
            return _joined(parts, " OR ", "0", connection)


def _joined(parts: tuple[Node, ...], word: str, empty: str, connection: sqlite3.Connection) -> Condition:
    made = [condition(part, connection) for part in parts]
    return "(" + (word.join(sql for sql, _ in made) or empty) + ")", [value for _, values in made for value in values]


def _text(text: str, connection: sqlite3.Connection) -> Condition:
    if not text:
        return "1", []
    listed: Condition = (_BEGINNING, [text, text + _LAST])
    if len(text) >= _TRIGRAM:
        listed = (_PHRASE, ['"' + text.replace('"', '""') + '"'])
    if not _many(listed, connection):
        return f"id IN ({listed[0]})", listed[1]
    looks = "SELECT 1 FROM words WHERE words.id = entries.id AND (instr(asked, ?) > 0 OR instr(said, ?) > 0)"
    return f"EXISTS ({looks})", [text, text]


def _many(listed: Condition, connection: sqlite3.Connection) -> bool:
    """Whether a list of places is longer than should be made."""
    sql, values = listed
    (count,) = connection.execute(f"SELECT count(*) FROM ({sql} LIMIT {_MANY + 1})", values).fetchone()  # noqa: S608
    return int(count) > _MANY


def _knob(name: str, sign: str, value: float | str) -> Condition:
    if name in ("tokens", "seed"):
        return f"{name} {sign} ?", [value]
    column = "word" if isinstance(value, str) else "number"
    there = f"settings IN (SELECT settings FROM knobs WHERE name = ? AND {column} {sign} ?)"  # noqa: S608
    return there, [name, value]
