"""Rows: how a result lies in the tables.

Guarantee: `derived` is a hash of all that an entry stands for, so equal results have equal hashes in every store;
title, tags and star are not in it. Nothing here loads what makes runs, so a list is there at once.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from tsumami.errors import HistoryError, japanese
from tsumami.history import objects
from tsumami.history.entries import RESULT, ChatTurn, Entry, language_of
from tsumami.history.folding import END, folded
from tsumami.settings import Settings, with_younger_knobs

if TYPE_CHECKING:
    from tsumami.runs import Receipt

__all__ = [
    "Grown",
    "carried",
    "derived",
    "entries",
    "is_key",
    "new_key",
    "place",
    "read_turn",
    "read_turns",
    "receipt_form",
    "replace",
    "unpacked",
]

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 16  # characters of 5 bits
_FIRST_LINE: Final = 120  # characters of a text that an entry shows
_SHARED: Final = ("settings", "model_card", "engine_card", "prompt", "prompt_tokens")
_APART: Final = ("model", "engine", "prompt", "prompt_tokens", "template", "settings", "seed")
_SHOWN: Final = (
    "entries.id, key, (SELECT key FROM entries AS above WHERE above.id = entries.parent), kind, made, title, starred,"
    " model, fingerprint, seed, tokens, stop, language, settings, asked, said"
)


@dataclass(frozen=True, slots=True)
class Grown:
    """What of an entry grows: `stop` why it ended (None: it has not), how many tokens, the packed steps or the packed
    JSON, what else there is to say, and the text that was generated.
    """

    stop: str | None
    tokens: int
    packed: bytes
    rest: dict[str, Any]
    text: str

    @classmethod
    def of_result(cls, form: str) -> Self:
        """That of a map, a grid or a comparison, by its JSON."""
        return cls(RESULT, 0, zlib.compress(form.encode("utf-8", "surrogatepass"), 9), {}, "")

    def columns(self, receipt: Receipt) -> dict[str, Any]:
        """The columns that it fills."""
        left = {name: value for name, value in receipt.to_dict().items() if name not in _APART}
        return {
            "stop": self.stop,
            "tokens": self.tokens,
            "body": self.packed,
            "rest": _json(self.rest | {"receipt": left, "seed": receipt.settings.seed}),
            "language": language_of(self.text) or language_of(receipt.prompt),
            "said": _first_line(self.text),
        }


def place(
    connection: sqlite3.Connection, receipt: Receipt, body: Grown, above: int | None, asked: str, values: dict[str, Any]
) -> int:
    """Insert an entry; gives its id. above: its parent's. asked: what stands for the prompt where it is shown."""
    columns = _receipt_columns(connection, receipt, above) | body.columns(receipt) | values
    columns |= {"parent": above, "asked": _first_line(asked), "digest": b""}
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    sql = f"INSERT INTO entries ({names}) VALUES ({marks})"  # noqa: S608  (names of ours)
    made = connection.execute(sql, tuple(columns.values())).lastrowid
    assert made is not None
    connection.execute(
        "INSERT INTO words VALUES (?, ?, ?)", (made, _looked_through(receipt.prompt), _looked_through(body.text))
    )
    _note_digest(connection, made)
    return made


def replace(connection: sqlite3.Connection, entry: int, receipt: Receipt, body: Grown) -> None:
    """Bring an entry that grows up to date."""
    columns = body.columns(receipt)
    names = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE entries SET {names} WHERE id = ?", (*columns.values(), entry))  # noqa: S608
    connection.execute("UPDATE words SET said = ? WHERE id = ?", (_looked_through(body.text), entry))
    _note_digest(connection, entry)


def _receipt_columns(connection: sqlite3.Connection, receipt: Receipt, above: int | None) -> dict[str, Any]:
    """A receipt's columns, its objects stored; what it shares with the entry above is stored once."""
    form = receipt.to_dict()
    knobs = {name: value for name, value in form["settings"].items() if name != "seed"}
    sql = "SELECT prompt, prompt_tokens FROM entries WHERE id = ?"
    prompt, tokens = connection.execute(sql, (above,)).fetchone() if above is not None else (None, None)
    settings = objects.put(connection, _json(knobs).encode())
    _note_knobs(connection, settings, knobs)
    return {
        "model": receipt.model.name,
        "fingerprint": receipt.model.fingerprint,
        "template": receipt.template,
        "seed": receipt.seed,
        "settings": settings,
        "model_card": objects.put(connection, _json(form["model"]).encode()),
        "engine_card": objects.put(connection, _json(form["engine"]).encode()),
        "prompt": objects.put(connection, receipt.prompt.encode("utf-8", "surrogatepass"), prompt),
        "prompt_tokens": objects.put(connection, _token_bytes(receipt.prompt_tokens), tokens),
    }


def _note_knobs(connection: sqlite3.Connection, settings: int, knobs: dict[str, Any]) -> None:
    rows = [
        (
            settings,
            name,
            float(value) if isinstance(value, (int, float)) else None,
            value if isinstance(value, str) else None,
        )
        for name, value in knobs.items()
    ]
    connection.executemany("INSERT OR IGNORE INTO knobs VALUES (?, ?, ?, ?)", rows)


def _note_digest(connection: sqlite3.Connection, entry: int) -> None:
    connection.execute("UPDATE entries SET digest = ? WHERE id = ?", (derived(connection, entry), entry))


def derived(connection: sqlite3.Connection, entry: int) -> bytes:
    """The hash of what an entry stands for, from what is stored.

    Raises:
        HistoryError: it cannot be read.
    """
    kind, made, seed, template, tokens, stop, rest, body, *shared = connection.execute(
        f"SELECT kind, made, seed, template, tokens, stop, rest, body, {', '.join(_SHARED)}"  # noqa: S608
        " FROM entries WHERE id = ?",
        (entry,),
    ).fetchone()
    said = hashlib.sha256(_json([kind, made, seed, template, tokens, stop, json.loads(rest)]).encode())
    said.update(unpacked(body))
    for wanted in shared:
        said.update(objects.digest_of(connection, wanted))
    return said.digest()


def entries(connection: sqlite3.Connection, rest: str, values: Sequence[Any]) -> list[Entry]:
    """The entries of a SELECT. rest: from WHERE on."""
    rows = connection.execute(f"SELECT {_SHOWN} FROM entries WHERE {rest}", values).fetchall()  # noqa: S608
    return [_entry(connection, row) for row in rows]


def _entry(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Entry:
    wanted, key, parent, kind, made, title, starred, model, fingerprint, seed, tokens, stop, *left = row
    language, settings, asked, said = left
    tags = connection.execute("SELECT tag FROM tags WHERE entry = ? ORDER BY tag", (wanted,)).fetchall()
    knobs = _settings(objects.fetch(connection, settings))
    return Entry(
        key=key,
        parent=parent,
        kind=kind,
        made=made,
        title=title,
        starred=bool(starred),
        tags=tuple(tag for (tag,) in tags),
        model=model,
        fingerprint=fingerprint,
        seed=seed,
        tokens=tokens,
        stop=stop,
        language=language,
        settings=knobs.replace(seed=seed),
        asked=asked,
        said=said,
    )


@functools.lru_cache(maxsize=1000)
def _settings(form: bytes) -> Settings:
    """The settings of an object, which many entries share."""
    return Settings.from_mapping(with_younger_knobs(json.loads(form)))


def read_turn(connection: sqlite3.Connection, entry: int) -> ChatTurn | None:
    """What a reply of a chat answers; None where that was not kept."""
    (rest,) = connection.execute("SELECT rest FROM entries WHERE id = ?", (entry,)).fetchone()
    found = json.loads(rest).get("turn")
    return None if found is None else ChatTurn.from_dict(found)


def read_turns(connection: sqlite3.Connection, which: str, entry: int) -> list[tuple[str, ChatTurn]]:
    """The ids of entries and what each answers, from the first one on; each goes on from the one before."""
    found = {
        number: (above, key, asked, turn)
        for number, above, key, asked, turn in connection.execute(
            f"SELECT id, parent, key, asked, json_extract(rest, '$.turn') FROM entries WHERE {which}",  # noqa: S608
            (entry,),
        )
    }
    line: list[tuple[str, ChatTurn]] = []
    at: int | None = entry
    while at in found:
        at, key, asked, turn = found[at]
        line.append((key, ChatTurn(asked) if turn is None else ChatTurn.from_dict(json.loads(turn))))
    return line[::-1]


def receipt_form(connection: sqlite3.Connection, entry: int) -> dict[str, Any]:
    """The receipt of an entry, as `Receipt.to_dict` gave it."""
    seed, template, rest, *shared = connection.execute(
        f"SELECT seed, template, rest, {', '.join(_SHARED)} FROM entries WHERE id = ?",  # noqa: S608
        (entry,),
    ).fetchone()
    settings, model, engine, prompt, tokens = (objects.fetch(connection, wanted) for wanted in shared)
    left = json.loads(rest)
    return {
        "model": json.loads(model),
        "engine": json.loads(engine),
        "prompt": prompt.decode("utf-8", "surrogatepass"),
        "prompt_tokens": _tokens(tokens),
        "template": template,
        "settings": json.loads(settings) | {"seed": left["seed"]},
        "seed": seed,
        **left["receipt"],
    }


def carried(connection: sqlite3.Connection, entry: int) -> dict[str, Any]:
    """An entry as plain values, with all that it stands for."""
    names = ("key", "kind", "made", "title", "starred", "stop", "seed", "tokens", "asked", "rest")
    row = connection.execute(f"SELECT {', '.join(names)} FROM entries WHERE id = ?", (entry,)).fetchone()  # noqa: S608
    sql = "SELECT key FROM entries WHERE id = (SELECT parent FROM entries WHERE id = ?)"
    above = connection.execute(sql, (entry,)).fetchone()
    tags = connection.execute("SELECT tag FROM tags WHERE entry = ? ORDER BY tag", (entry,)).fetchall()
    (body,) = connection.execute("SELECT body FROM entries WHERE id = ?", (entry,)).fetchone()
    return {
        **dict(zip(names, row, strict=True)),
        "parent": None if above is None else above[0],
        "tags": [tag for (tag,) in tags],
        "receipt": receipt_form(connection, entry),
        "body": base64.b64encode(body).decode(),
    }


def unpacked(body: bytes) -> bytes:
    """The bytes of a stored body.

    Raises:
        HistoryError: they are none.
    """
    try:
        return zlib.decompress(body)
    except zlib.error as error:
        raise HistoryError(f"a stored result cannot be read: {error}").in_japanese(
            f"保存した結果が読めません: {japanese(error)}"
        ) from error


def new_key() -> str:
    """An id that nobody can guess."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def is_key(text: str) -> str:
    """The text, which has the form of an id.

    Raises:
        ValueError: it has not.
    """
    if len(text) != _LENGTH or not set(text) <= set(_ALPHABET):
        raise ValueError(f"{text!r} is no id")
    return text


def _token_bytes(tokens: Sequence[int]) -> bytes:
    return b"".join(token.to_bytes(4, "little", signed=True) for token in tokens)


def _tokens(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "little", signed=True) for at in range(0, len(data), 4)]


def _looked_through(text: str) -> str:
    return folded(text) + 2 * END


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()[:_FIRST_LINE]
    return line.encode("utf-8", "replace").decode()


def _json(value: Any) -> str:
    """JSON in the order that is given: in a schema it is a part of what is said."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
