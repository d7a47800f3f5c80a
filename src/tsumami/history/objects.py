"""Objects: what many entries share, kept once.

Guarantee: the same bytes are stored once, whoever brings them; bytes that begin as others do are stored as that
beginning and the rest. What nobody needs any more goes with the last entry that needed it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from typing import Final

from tsumami.bisection import bisect
from tsumami.errors import HistoryError, japanese

__all__ = ["collect", "digest_of", "fetch", "put"]

_WORTH_SHARING: Final = 64  # bytes; less is stored again
_DEEPEST: Final = 32  # beginnings of beginnings

_NEEDED: Final = """
    SELECT settings FROM entries UNION SELECT model_card FROM entries UNION SELECT engine_card FROM entries
    UNION SELECT prompt FROM entries UNION SELECT prompt_tokens FROM entries UNION SELECT base FROM objects
    WHERE base IS NOT NULL"""


def put(connection: sqlite3.Connection, data: bytes, base: int | None = None) -> int:
    """Store bytes; gives their id. base: an object that may begin in the same way."""
    digest = hashlib.sha256(data).digest()
    known = connection.execute("SELECT id FROM objects WHERE digest = ?", (digest,)).fetchone()
    if known is not None:
        return int(known[0])
    shared = depth = 0
    if base is not None:
        (depth,) = connection.execute("SELECT depth + 1 FROM objects WHERE id = ?", (base,)).fetchone()
        shared = _shared(data, fetch(connection, base))
    if shared < _WORTH_SHARING or depth > _DEEPEST:
        base, shared, depth = None, 0, 0
    made = connection.execute(
        "INSERT INTO objects (digest, base, shared, depth, data) VALUES (?, ?, ?, ?, ?)",
        (digest, base, shared, depth, zlib.compress(data[shared:])),
    )
    assert made.lastrowid is not None
    return made.lastrowid


def fetch(connection: sqlite3.Connection, wanted: int) -> bytes:
    """The bytes of an object.

    Raises:
        HistoryError: they are not what was stored.
    """
    rests: list[tuple[int, bytes]] = []
    at: int | None = wanted
    while at is not None:
        row = connection.execute("SELECT base, shared, data FROM objects WHERE id = ?", (at,)).fetchone()
        if row is None:
            raise HistoryError(f"object {at} is missing").in_japanese(f"オブジェクト {at} がありません")
        at, shared, packed = row
        rests.append((shared, packed))
    data = b""
    for shared, packed in reversed(rests):
        try:
            data = data[:shared] + zlib.decompress(packed)
        except zlib.error as error:
            raise HistoryError(f"object {wanted} cannot be read: {error}").in_japanese(
                f"オブジェクト {wanted} が読めません: {japanese(error)}"
            ) from error
    return data


def collect(connection: sqlite3.Connection) -> None:
    """Take out the objects that no entry needs, nor any object that begins with them."""
    gone = 1
    while gone:
        gone = connection.execute(f"DELETE FROM objects WHERE id NOT IN ({_NEEDED})").rowcount  # noqa: S608


def digest_of(connection: sqlite3.Connection, wanted: int) -> bytes:
    """The SHA-256 under which an object is known."""
    return bytes(connection.execute("SELECT digest FROM objects WHERE id = ?", (wanted,)).fetchone()[0])


def _shared(a: bytes, b: bytes) -> int:
    """How many bytes two beginnings have in common."""
    return bisect(lambda length: a[:length] == b[:length], 0, min(len(a), len(b)) + 1).kept
