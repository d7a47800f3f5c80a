"""The file: opened, checked, brought up to date, and never harmed.

Guarantee: a store that is damaged, of another program or of a newer tsumami is refused and not touched. An older one is
copied first and then brought up to date in one transaction, by one process, however many open it at once. Whoever
writes waits for others instead of failing, and a write is there as a whole or not at all, also when the process is
killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tsumami.errors import HistoryError, japanese
from tsumami.history.schema import APPLICATION, MIGRATIONS
from tsumami.storage import data_directory

__all__ = ["Database", "default_path"]

_WAIT: Final = 60.0  # seconds for other writers
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SMALL: Final = 4 * 2**20  # bytes; a larger file is looked through once a day


def default_path() -> Path:
    """Where the history lies: `history.sqlite` in the folder for what belongs to the user (TSUMAMI_DATA)."""
    return data_directory() / "history.sqlite"


class Database:
    """One connection that writes, and as many that read as read at once. due: look the file through if it is time.

    Raises:
        HistoryError: it cannot be opened, is damaged, or is no store that this tsumami can read.
    """

    def __init__(self, path: Path, *, due: bool = True) -> None:
        self.path = path
        self._threads = threading.local()
        self._readers: list[sqlite3.Connection] = []  # those that nobody reads with
        self._lock = threading.RLock()
        with _said(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = _connect(path)
            try:
                self._bring_up(due=due)
            except BaseException:
                self._writer.close()
                raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all that is done in the block is kept, or, where it raises, nothing of it.

        Raises:
            HistoryError: there is no room, no right to write, or the file has gone.
        """
        with self._lock, _said(self.path):
            if not self.path.exists():
                raise HistoryError(
                    f"{self.path} has gone; what is made from now on is not kept until tsumami starts anew"
                ).in_japanese(f"{self.path} がなくなりました。tsumami を起動し直すまで、これから作るものは残りません")
            with _transaction(self._writer):
                yield self._writer

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the store, whatever is written meanwhile."""
        with _said(self.path):
            reader = getattr(self._threads, "reader", None)
            if reader is not None:  # a block within a block sees the same state
                yield reader
                return
            with self._lent() as reader:
                self._threads.reader = reader
                reader.execute("BEGIN")
                try:
                    yield reader
                finally:
                    self._threads.reader = None
                    reader.execute("COMMIT")

    @contextlib.contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        """A connection that reads, for one block; one that has failed is not used again."""
        try:
            reader = self._readers.pop()
        except IndexError:
            reader = _connect(self.path, read_only=True)
        try:
            yield reader
        except sqlite3.Error:
            reader.close()
            raise
        except BaseException:
            self._readers.append(reader)
            raise
        self._readers.append(reader)

    def backup(self, target: Path) -> None:
        """Write a copy of the store as it is now."""
        with self._lock, _said(target):
            if target.exists():
                raise HistoryError(f"{target} exists; name a file that does not").in_japanese(
                    f"{target} はもうあります。ないファイルの名前を指定してください"
                )
            _patiently(self._writer, "VACUUM INTO ?", os.fspath(target))

    def check(self) -> None:
        """Look whether the file is whole.

        Raises:
            HistoryError: it is not; the message says what is wrong.
        """
        with self._lock, _said(self.path):
            self._check()

    def shrink(self) -> None:
        """Give back the room of what was taken out."""
        with self._lock, _said(self.path):
            _patiently(self._writer, "VACUUM")

    def close(self) -> None:
        """Close every connection. The store can be opened again."""
        with self._lock:
            for connection in (*self._readers, self._writer):
                connection.close()

    # --- opening ---

    def _bring_up(self, *, due: bool) -> None:
        version, small = self._version(), self.path.stat().st_size <= _SMALL
        if small or version < len(MIGRATIONS) or (due and self._is_due()):
            self._check()
        _patiently(self._writer, "PRAGMA journal_mode = WAL")  # where it cannot be (a network share), it stays as it is
        if 0 < version < len(MIGRATIONS):
            self._copy(version)
        if version < len(MIGRATIONS):
            with _transaction(self._writer):
                for step in MIGRATIONS[self._version() :]:  # another process may have been faster
                    for statement in _statements(step):
                        self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
                self._writer.execute(f"PRAGMA application_id = {APPLICATION}")
        if due and not small:
            _patiently(self._writer, "UPDATE checked SET day = julianday() WHERE day < julianday() - 1")

    def _is_due(self) -> bool:
        """Whether the last look through the whole file is more than a day ago."""
        (due,) = self._writer.execute("SELECT day < julianday() - 1 FROM checked").fetchone()
        return bool(due)

    def _version(self) -> int:
        """The store's version; 0 for an empty file.

        Raises:
            HistoryError: it is no store, or a newer one.
        """
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        (application,) = self._writer.execute("PRAGMA application_id").fetchone()
        (tables,) = self._writer.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION:
            raise HistoryError(f"{self.path} is a database of another program; it is left as it is").in_japanese(
                f"{self.path} はほかのプログラムのデータベースなので、そのままにします"
            )
        if version > len(MIGRATIONS):
            raise HistoryError(
                f"{self.path} was written by a newer tsumami (version {version}; this one reads {len(MIGRATIONS)});"
                " it is left as it is"
            ).in_japanese(
                f"{self.path} は新しい tsumami（版 {version}、これが読めるのは {len(MIGRATIONS)}）"
                "が書いたものなので、そのままにします"
            )
        return int(version)

    def _check(self) -> None:
        found = [line for (line,) in self._writer.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise HistoryError(f"{self.path} is damaged: {'; '.join(found)[:300]}; it is left as it is").in_japanese(
                f"{self.path} は壊れています: {'; '.join(found)[:300]}。そのままにします"
            )

    def _copy(self, version: int) -> None:
        target = self.path.with_name(f"{self.path.stem}-before-{version + 1}{self.path.suffix}")
        if not target.exists():
            made = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
            _patiently(self._writer, "VACUUM INTO ?", os.fspath(made))
            made.replace(target)


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    where = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    made = sqlite3.connect(where, uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    made.execute("PRAGMA foreign_keys = ON")
    made.execute("PRAGMA synchronous = NORMAL" if read_only else "PRAGMA synchronous = FULL")
    return made


def _patiently(connection: sqlite3.Connection, statement: str, *values: str) -> None:
    """Execute a statement as soon as no other writer is in its way.

    SQLite itself waits longer each time, so that among many writers the one that has waited longest waits on.
    """
    until = time.monotonic() + _WAIT
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while not _done(connection, statement, values, last=time.monotonic() > until):
            time.sleep(random.uniform(0.0005, 0.005))  # noqa: S311  (no secret)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * _WAIT)}")


def _done(connection: sqlite3.Connection, statement: str, values: tuple[str, ...], *, last: bool) -> bool:
    try:
        connection.execute(statement, values)
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF not in _BUSY:
            raise
        return False
    return True


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    _patiently(connection, "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors in words that name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise HistoryError(f"{path}: {error}").in_japanese(f"{path}: {japanese(error)}") from error
    except OSError as error:
        raise HistoryError(f"{error.filename or path}: {error.strerror or error}").in_japanese(
            f"{error.filename or path}: {error.strerror or error}"
        ) from error


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
