"""Conversations: which replies a chat shows, by what name, and for whom.

Guarantee: what was said lies in the entries and nowhere else; a conversation is an outline of their keys, so whoever
forgets an entry has taken it out of every conversation. Two windows never overwrite each other: who goes on from what
another has changed meanwhile goes on in a conversation of their own.
"""

from __future__ import annotations

import datetime
import sqlite3
import time
from dataclasses import dataclass
from typing import Any, Final

from tsumami.errors import HistoryError
from tsumami.history import objects, rows
from tsumami.history.database import Database

__all__ = ["ConversationPlace", "Conversations", "ForgottenConversation", "KeptConversation"]

_SHOWN: Final = """conversations.key, number, changed, outline, CASE WHEN name <> '' THEN name ELSE coalesce(
    (SELECT asked FROM entries WHERE entries.owner = conversations.owner
        AND entries.key = json_extract(outline, '$.exchanges[0].kept')),
    json_extract(outline, '$.exchanges[0].user'), '') END"""
_LEFT: Final = """EXISTS (SELECT 1 FROM json_tree(outline) AS part WHERE part.key = 'user' OR (part.key = 'kept'
    AND EXISTS (SELECT 1 FROM entries
    WHERE entries.key = part.value AND entries.owner = conversations.owner)))"""
# A CROSS JOIN is made in the order in which it stands: from the few to the many.
_KEYS: Final = """SELECT entries.id FROM conversations CROSS JOIN json_tree(outline) AS part CROSS JOIN entries
    ON part.key = 'kept' AND entries.key = part.value AND entries.owner = conversations.owner
    WHERE conversations.owner = :owner AND"""
# Of the replies that it shows all that leads to them and goes on from them; but not what leads to a reply of another
# conversation, or to one with a star.
_GONE: Final = f"""
    WITH RECURSIVE
    above (id) AS ({_KEYS} conversations.key = :key UNION
        SELECT parent FROM above CROSS JOIN entries USING (id) WHERE parent IS NOT NULL),
    tree (id) AS (SELECT id FROM above UNION SELECT entries.id FROM tree CROSS JOIN entries ON parent = tree.id),
    needed (id) AS ({_KEYS} conversations.key <> :key
        UNION SELECT id FROM tree CROSS JOIN entries USING (id) WHERE starred
        UNION SELECT parent FROM needed CROSS JOIN entries USING (id) WHERE parent IS NOT NULL)
    SELECT id FROM tree EXCEPT SELECT id FROM needed ORDER BY id"""  # noqa: S608  (no value in it)


@dataclass(frozen=True, slots=True)
class ConversationPlace:
    """Which conversation, and after how many acts: what a window that shows it knows of it."""

    key: str
    number: int


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A conversation. name: its own, or its first message; changed: when, in seconds since 1970; outline: JSON."""

    key: str
    number: int
    changed: float
    outline: str
    name: str

    @property
    def place(self) -> ConversationPlace:
        """As whoever has read it knows it."""
        return ConversationPlace(self.key, self.number)

    @property
    def when(self) -> datetime.datetime:
        """When it was changed, in local time."""
        return datetime.datetime.fromtimestamp(self.changed, datetime.UTC).astimezone()


@dataclass(frozen=True, slots=True)
class ForgottenConversation:
    """All of a conversation that was taken out, so that it can be brought back."""

    row: tuple[Any, ...]
    entries: tuple[dict[str, Any], ...]


class Conversations:
    """Those of one owner in a store."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database, self._owner = database, owner

    def find(self, *, limit: int = 1000) -> list[KeptConversation]:
        """Those of which there is something left, those changed last first."""
        sql = f"SELECT {_SHOWN} FROM conversations WHERE owner = ? AND {_LEFT} ORDER BY changed DESC LIMIT ?"  # noqa: S608
        with self._database.reading() as connection:
            return [KeptConversation(*row) for row in connection.execute(sql, (self._owner, limit))]

    def get(self, key: str) -> KeptConversation | None:
        """The one of that key, if it is there."""
        sql = f"SELECT {_SHOWN} FROM conversations WHERE owner = ? AND key = ?"  # noqa: S608
        with self._database.reading() as connection:
            row = connection.execute(sql, (self._owner, key)).fetchone()
        return None if row is None else KeptConversation(*row)

    def put(self, outline: str, place: ConversationPlace | None, writer: str) -> ConversationPlace:
        """Keep what a window shows after an act of its reader. place: what the window knew; writer: its name. Gives
        another key than that of `place` where another window was faster, or where it was forgotten.
        """
        with self._database.writing() as connection:
            number, last = self._state(connection, place)
            if place is not None and (place.number == number or (last == writer and number)):
                self._update(connection, place.key, outline, number + 1, writer)
                return ConversationPlace(place.key, number + 1)
            return self._insert(connection, outline, writer)

    def grow(self, outline: str, place: ConversationPlace, writer: str) -> ConversationPlace:
        """Keep what became of the act of `place`, while it goes on; what its own window has left behind is not kept."""
        with self._database.writing() as connection:
            number, last = self._state(connection, place)
            if place.number == number:
                self._update(connection, place.key, outline, number, writer)
            elif number and last != writer:
                return self._insert(connection, outline, writer)
            return place

    def name(self, key: str, name: str) -> None:
        """Give it a name; an empty one is that of its first message."""
        sql = "UPDATE conversations SET name = ? WHERE owner = ? AND key = ?"
        with self._database.writing() as connection:
            connection.execute(sql, (name, self._owner, key))

    def forget(self, key: str) -> ForgottenConversation:
        """Take it out with all that was said in it, but for what another conversation or a star needs.

        Raises:
            HistoryError: there is none.
        """
        with self._database.writing() as connection:
            sql = "SELECT * FROM conversations WHERE owner = ? AND key = ?"
            row = connection.execute(sql, (self._owner, key)).fetchone()
            if row is None:
                raise HistoryError(f"the history has no conversation {key!r}").in_japanese(
                    f"履歴に会話 {key!r} はありません"
                )
            gone = connection.execute(_GONE, {"owner": self._owner, "key": key}).fetchall()
            forms = tuple(rows.carried(connection, entry) for (entry,) in gone)
            connection.executemany("DELETE FROM entries WHERE id = ?", gone)
            connection.execute("DELETE FROM conversations WHERE id = ?", row[:1])
            objects.collect(connection)
        return ForgottenConversation(row, forms)

    def bring_back(self, gone: ForgottenConversation) -> None:
        """Put back what `forget` gave, unless it is there."""
        from tsumami.history import results  # whoever only lists need not load what makes runs

        with self._database.writing() as connection:
            _, key, owner, *_ = gone.row
            if connection.execute("SELECT 1 FROM conversations WHERE key = ?", (key,)).fetchone():
                return
            for form in gone.entries:  # as they were placed: what one goes on from is there before it
                results.take(connection, form, owner)
            values = (None, *gone.row[1:])
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO conversations VALUES ({marks})", values)  # noqa: S608

    def _state(self, connection: sqlite3.Connection, place: ConversationPlace | None) -> tuple[int, str]:
        """After how many acts it is, and which window did the last one; 0 where there is none."""
        sql = "SELECT number, writer FROM conversations WHERE owner = ? AND key = ?"
        found = connection.execute(sql, (self._owner, "" if place is None else place.key)).fetchone()
        return (0, "") if found is None else found

    def _insert(self, connection: sqlite3.Connection, outline: str, writer: str) -> ConversationPlace:
        made = ConversationPlace(rows.new_key(), 1)
        sql = "INSERT INTO conversations (key, owner, changed, number, writer, outline) VALUES (?, ?, ?, ?, ?, ?)"
        connection.execute(sql, (made.key, self._owner, time.time(), made.number, writer, outline))
        return made

    def _update(self, connection: sqlite3.Connection, key: str, outline: str, number: int, writer: str) -> None:
        sql = "UPDATE conversations SET outline = ?, number = ?, writer = ?, changed = ? WHERE owner = ? AND key = ?"
        connection.execute(sql, (outline, number, writer, time.time(), self._owner, key))
