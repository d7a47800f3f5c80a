"""The history: every result, kept, found again, and opened as it was.

Guarantee: what `add` or `GrowingEntry.end` has returned from is there, whatever happens to the process after. Nothing
that is kept is ever changed but for its title, tags and star. No call of one owner sees or touches what is another's.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tsumami.errors import HistoryError
from tsumami.history import objects, rows
from tsumami.history.conversations import Conversations
from tsumami.history.database import Database, default_path
from tsumami.history.entries import RESULT, ChatTurn, Entry
from tsumami.history.frames import as_frame
from tsumami.history.query import read
from tsumami.history.rows import Grown
from tsumami.history.search import LINE, TREE, WORDS, condition

if TYPE_CHECKING:
    import pandas as pd

    from tsumami.runs import Receipt, Run, Step

__all__ = ["GrowingEntry", "History"]

_GROW_EVERY: Final = 0.5  # seconds between two writings of a reply that grows
_TAGGED: Final = "INSERT OR IGNORE INTO tags VALUES (?, ?)"
_NEWEST: Final = "ORDER BY made DESC, id DESC"


class History:
    """What one owner has kept in a store.

    owner: whose results; "" for whoever uses this machine. due: whether a large file is looked through if that was not
    done for a day; a small one always is.

    Raises:
        HistoryError: the store cannot be opened; the message says why, and nothing was changed.
    """

    def __init__(self, path: Path | None = None, *, owner: str = "", due: bool = True) -> None:
        self._database = Database(default_path() if path is None else path, due=due)
        self._owner = owner

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def of(self, owner: str) -> History:
        """The same store, as another owner sees it."""
        made = History.__new__(History)
        made._database, made._owner = self._database, owner
        return made

    @property
    def conversations(self) -> Conversations:
        """The owner's conversations of the page: which replies each shows."""
        return Conversations(self._database, self._owner)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- keeping ---

    def add(
        self,
        run: Run,
        *,
        kind: str = "run",
        parent: str | None = None,
        asked: str | None = None,
        title: str = "",
        tags: Iterable[str] = (),
        turn: ChatTurn | None = None,
    ) -> Entry:
        """Keep a run. parent: the id of what it goes on from. asked: what is shown for the prompt (default: the message
        of the turn, or the prompt). turn: of a reply in a chat, what the chat needs to go on from it.

        Raises:
            HistoryError: it cannot be written, there is no such parent, or a tag is none.
        """
        from tsumami.history import results  # whoever only searches need not load what makes runs

        shown = turn.user if asked is None and turn is not None else asked
        return self.entry(
            self._placed(run.receipt, results.finished(run, turn), kind, parent, shown, title, _checked(tags))
        )

    def begin(
        self, receipt: Receipt, *, kind: str = "run", parent: str | None = None, turn: ChatTurn | None = None
    ) -> GrowingEntry:
        """Keep a reply while it is being written; the parameters are those of `add`."""
        from tsumami.history import results

        asked = None if turn is None else turn.user
        key = self._placed(receipt, results.growing((), turn), kind, parent, asked)
        return GrowingEntry(self, key, receipt, turn)

    def add_result(self, form: str, kind: str, receipt: Receipt, *, title: str = "") -> Entry:
        """Keep a map, a grid or a comparison. form: its JSON, which `result` gives back."""
        return self.entry(self._placed(receipt, Grown.of_result(form), kind, title=title))

    def _placed(
        self,
        receipt: Receipt,
        body: Grown,
        kind: str,
        parent: str | None = None,
        asked: str | None = None,
        title: str = "",
        tags: Sequence[str] = (),
    ) -> str:
        key = rows.new_key()
        values = {"key": key, "owner": self._owner, "kind": kind, "made": time.time(), "title": title}
        with self._database.writing() as connection:
            above = None if parent is None else self._id(connection, parent)
            shown = receipt.prompt if asked is None else asked
            made = rows.place(connection, receipt, body, above, shown, values)
            connection.executemany(_TAGGED, [(made, tag) for tag in tags])
        return key

    def _replaced(self, key: str, receipt: Receipt, body: Grown) -> None:
        with self._database.writing() as connection:
            rows.replace(connection, self._id(connection, key), receipt, body)

    # --- finding ---

    def find(self, query: str = "", *, limit: int | None = 50, offset: int = 0) -> list[Entry]:
        """The entries that a query asks for, newest first (`tsumami.history.query`).

        Raises:
            QueryError: the query does not fit.
        """
        wanted = read(query)
        with self._database.reading() as connection:
            where, values = condition(wanted, connection)
            found = f"SELECT id FROM entries WHERE owner = ? AND ({where}) {_NEWEST} LIMIT ? OFFSET ?"  # noqa: S608
            most = -1 if limit is None else limit
            return rows.entries(connection, f"entries.id IN ({found}) {_NEWEST}", (self._owner, *values, most, offset))

    def as_pandas(self, query: str = "", *, limit: int | None = None) -> pd.DataFrame:
        """What `find` gives as a table: a row each entry, by its id, with every knob as a column.

        Raises:
            QueryError: the query does not fit.
            MissingDependencyError: pandas is not installed.
        """
        return as_frame(self.find(query, limit=limit))

    def count(self, query: str = "", *, most: int | None = None) -> int:
        """How many entries a query asks for; counted no further than `most`."""
        wanted = read(query)
        with self._database.reading() as connection:
            where, values = condition(wanted, connection)
            sql = f"SELECT 1 FROM entries WHERE owner = ? AND ({where}) ORDER BY made DESC LIMIT ?"  # noqa: S608
            limit = -1 if most is None else most
            return int(connection.execute(f"SELECT count(*) FROM ({sql})", (self._owner, *values, limit)).fetchone()[0])  # noqa: S608

    def entry(self, key: str) -> Entry:
        """The entry of that id, or whose id begins so.

        Raises:
            HistoryError: there is none, or more than one.
        """
        with self._database.reading() as connection:
            return rows.entries(connection, "entries.id = ?", (self._id(connection, key),))[0]

    def has(self, key: str) -> bool:
        """Whether there is an entry of that id, or one whose id begins so."""
        with self._database.reading() as connection:
            try:
                self._id(connection, key)
            except HistoryError:
                return False
        return True

    def children(self, key: str) -> list[Entry]:
        """What was branched off or goes on from an entry, oldest first."""
        with self._database.reading() as connection:
            return rows.entries(connection, "parent = ? ORDER BY made, entries.id", (self._id(connection, key),))

    def line(self, key: str) -> list[Entry]:
        """What an entry goes on from, from the first one on, and the entry itself as the last."""
        with self._database.reading() as connection:
            found = rows.entries(connection, LINE, (self._id(connection, key),))
        above = {entry.key: entry for entry in found}
        line = [entry for entry in found if entry.key.startswith(key)]
        while line[0].parent in above:
            line.insert(0, above[line[0].parent])
        return line

    def tree(self, key: str) -> list[Entry]:
        """All that goes on from where an entry's line begins, oldest first: a conversation with its branches."""
        with self._database.reading() as connection:
            return rows.entries(connection, TREE, (self._id(connection, key),))

    def turn(self, key: str) -> ChatTurn | None:
        """What a reply of a chat answers; None for anything else, and where an older tsumami has not kept it."""
        with self._database.reading() as connection:
            return rows.read_turn(connection, self._id(connection, key))

    def turns(self, key: str) -> list[tuple[str, ChatTurn]]:
        """The line of an entry as the ids and what each answers: quick, however long it is."""
        with self._database.reading() as connection:
            return rows.read_turns(connection, LINE, self._id(connection, key))

    def words(self) -> dict[str, list[str]]:
        """What searches can ask for: the `models` of the newest 2000 entries, and all `tags`, those used most first."""
        with self._database.reading() as connection:
            return {name: [word for (word,) in connection.execute(sql, (self._owner,))] for name, sql in WORDS.items()}

    def get(self, key: str) -> Run:
        """The run of an entry: equal to what was kept, but for the alternatives of its steps, which its model gives
        again. One that was being written when its process ended is "cancelled".

        Raises:
            HistoryError: there is none, it is no run, or it cannot be read.
        """
        from tsumami.history import results

        with self._database.reading() as connection:
            return results.read_run(connection, self._id(connection, key))

    def result(self, key: str) -> str:
        """The JSON of a map, a grid or a comparison.

        Raises:
            HistoryError: there is none, or it is a run.
        """
        with self._database.reading() as connection:
            sql = "SELECT stop, body FROM entries WHERE id = ?"
            stop, body = connection.execute(sql, (self._id(connection, key),)).fetchone()
            if stop != RESULT:
                raise HistoryError(f"{key} is a run, and no map, grid or comparison").in_japanese(
                    f"{key} は実行で、地図でもグリッドでも比較でもありません"
                )
            return rows.unpacked(body).decode("utf-8", "surrogatepass")

    # --- carrying ---

    def export(self, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
        """Each entry as an object of plain values, oldest first, which `take` gives to another store."""
        for entry in sorted(entries, key=lambda one: one.made):
            with self._database.reading() as connection:
                yield rows.carried(connection, self._id(connection, entry.key))

    def take(self, form: Any) -> bool:
        """Keep what another store's `export` gave, under the same id; False if it is here already.

        Raises:
            HistoryError: it does not fit.
        """
        from tsumami.history import results

        if not isinstance(form, dict):
            raise HistoryError(f"no exported result: {form!r:.80}").in_japanese(
                f"書き出した結果ではありません: {form!r:.80}"
            )
        with self._database.writing() as connection:
            sql = "SELECT 1 FROM entries WHERE key = ?"
            known = connection.execute(sql, (str(form.get("key")),)).fetchone()
            if known is None:
                results.take(connection, form, self._owner)
        return known is None

    # --- marking ---

    def star(self, key: str, *, on: bool = True) -> None:
        """Mark an entry, so that no pruning takes it."""
        with self._database.writing() as connection:
            connection.execute("UPDATE entries SET starred = ? WHERE id = ?", (on, self._id(connection, key)))

    def tag(self, key: str, *tags: str, on: bool = True) -> None:
        """Put tags on an entry, or take them off.

        Raises:
            HistoryError: a tag is empty, or has blanks, quotes or brackets in it, which no search could ask for.
        """
        wanted = _checked(tags)
        with self._database.writing() as connection:
            entry = self._id(connection, key)
            sql = _TAGGED if on else "DELETE FROM tags WHERE entry = ? AND tag = ?"
            connection.executemany(sql, [(entry, tag) for tag in wanted])

    def name(self, key: str, title: str) -> None:
        """Give an entry a title."""
        with self._database.writing() as connection:
            connection.execute("UPDATE entries SET title = ? WHERE id = ?", (title, self._id(connection, key)))

    # --- taking out ---

    def forget(self, *keys: str) -> int:
        """Take entries out for good; gives how many. What went on from them stays."""
        with self._database.writing() as connection:
            wanted = [(self._id(connection, key),) for key in keys]
            connection.executemany("DELETE FROM entries WHERE id = ?", wanted)
            objects.collect(connection)
        return len(wanted)

    def prune(self, query: str = "", *, keep_bytes: int | None = None) -> int:
        """Take out what a query asks for, never what is starred; gives how many.

        keep_bytes: only so many of the oldest of them that the rest of the owner's results fits into this.

        Raises:
            QueryError: the query does not fit.
        """
        wanted = read(query)
        with self._database.writing() as connection:
            where, values = condition(wanted, connection)
            sized = connection.execute(
                "SELECT id, length(body), starred = 0 AND (" + where + ") FROM entries WHERE owner = ?"  # noqa: S608
                " ORDER BY made DESC, id DESC",
                (*values, self._owner),
            ).fetchall()
            over = sum(size for _, size, _ in sized) - (keep_bytes or 0)
            gone: list[tuple[int]] = []
            for entry, size, may in reversed(sized):
                if may and (keep_bytes is None or over > 0):
                    gone.append((entry,))
                    over -= size
            connection.executemany("DELETE FROM entries WHERE id = ?", gone)
            objects.collect(connection)
        if gone:
            self._database.shrink()
        return len(gone)

    # --- looking after it ---

    def verify(self) -> int:
        """Look whether the file is whole and every hash is that of what it stands for; gives how many entries.

        Raises:
            HistoryError: it is not; the message names the first that is wrong.
        """
        self._database.check()
        with self._database.reading() as connection:
            for wanted, digest in connection.execute("SELECT id, digest FROM objects").fetchall():
                if hashlib.sha256(objects.fetch(connection, wanted)).digest() != digest:
                    raise HistoryError(f"object {wanted} is not what was stored").in_japanese(
                        f"オブジェクト {wanted} は保存したものと違います"
                    )
            entries = connection.execute("SELECT id, key, digest FROM entries").fetchall()
            for wanted, key, digest in entries:
                if rows.derived(connection, wanted) != digest:
                    raise HistoryError(f"{key} is not what was stored").in_japanese(f"{key} は保存したものと違います")
        return len(entries)

    def backup(self, target: Path) -> None:
        """Write a copy of the whole store.

        Raises:
            HistoryError: it cannot be written, or there is something.
        """
        self._database.backup(target)

    def stats(self) -> dict[str, Any]:
        """How much there is: `entries`, `tokens`, `starred`, `kinds`, the times of the `first` and `last`, the
        bytes of the file.
        """
        with self._database.reading() as connection:
            count, tokens, starred, first, last = connection.execute(
                "SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(starred), 0), min(made), max(made)"
                " FROM entries WHERE owner = ?",
                (self._owner,),
            ).fetchone()
            kinds = connection.execute(
                "SELECT kind, count(*) FROM entries WHERE owner = ? GROUP BY kind ORDER BY kind", (self._owner,)
            ).fetchall()
        return {
            "entries": count,
            "tokens": tokens,
            "starred": starred,
            "kinds": dict(kinds),
            "first": first,
            "last": last,
            "bytes": self.path.stat().st_size,
        }

    def digests(self) -> list[str]:
        """The hashes of what is kept, sorted: equal in two stores that hold the same."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT hex(digest) FROM entries WHERE owner = ?", (self._owner,)).fetchall()
        return sorted(digest for (digest,) in found)

    def _id(self, connection: sqlite3.Connection, key: str) -> int:
        # with the plus SQLite does not look through all that the owner has
        sql = "SELECT id FROM entries WHERE +owner = ? AND key >= ? AND key < ? LIMIT 2"
        found = connection.execute(sql, (self._owner, key, key + "~")).fetchall()
        if len(found) == 1 and key:
            return int(found[0][0])
        if not found or not key:
            raise HistoryError(f"the history has no {key!r}").in_japanese(f"履歴に {key!r} はありません")
        raise HistoryError(f"more than one id begins with {key!r}; give more of it").in_japanese(
            f"{key!r} で始まる id がいくつもあります。もう少し長く書いてください"
        )


class GrowingEntry:
    """A reply that is being written: `grow` with all its steps so far, `end` with the run."""

    def __init__(self, history: History, key: str, receipt: Receipt, turn: ChatTurn | None) -> None:
        self.key = key
        self._history, self._receipt, self._turn = history, receipt, turn
        self._written = time.monotonic()

    def grow(self, steps: Sequence[Step], *, now: bool = False) -> None:
        """Keep what there is; unless it is to be `now`, it is written at most twice a second."""
        from tsumami.history import results

        if now or time.monotonic() - self._written >= _GROW_EVERY:
            self._history._replaced(self.key, self._receipt, results.growing(steps, self._turn))
            self._written = time.monotonic()

    def end(self, run: Run) -> Entry:
        """Keep the run."""
        from tsumami.history import results

        self._history._replaced(self.key, run.receipt, results.finished(run, self._turn))
        return self._history.entry(self.key)


def _checked(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags that a search can ask for."""
    for tag in (found := tuple(tags)):
        if not tag or any(letter.isspace() or letter in '"()' for letter in tag):
            raise HistoryError(f"{tag!r} is no tag: one word, without quotes and brackets").in_japanese(
                f"{tag!r} はタグにできません。引用符や括弧のない 1 語にしてください"
            )
    return found
