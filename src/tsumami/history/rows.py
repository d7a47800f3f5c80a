"""Rows: how a result lies in the tables, and how it comes back.

Guarantee: what `read_run` gives is equal to what was placed, but for the alternatives of its steps. `derived` is a hash
of all that an entry stands for, so equal results have equal hashes in every store; title, tags and star are not in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from tsumami.errors import HistoryError, RunFileError
from tsumami.history import objects
from tsumami.history.entries import Entry, language_of
from tsumami.history.folding import folded
from tsumami.history.packing import pack_steps, unpack_steps
from tsumami.runs import Completeness, Receipt, Run, Step, Timings
from tsumami.runs.files import receipt_from
from tsumami.runs.values import Thought, plain
from tsumami.settings import Settings, with_younger_knobs

__all__ = [
    "RESULT",
    "Grown",
    "carried",
    "derived",
    "entries",
    "new_key",
    "place",
    "read_run",
    "receipt_form",
    "replace",
    "take",
    "unpacked",
]

RESULT: Final = "done"
"""What stands for the stop reason of a result that is no run: a map, a grid, a comparison."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 16  # characters of 5 bits
_FIRST_LINE: Final = 120  # characters of a text that an entry shows
_SHARED: Final = ("settings", "model_card", "engine_card", "prompt", "prompt_tokens")
_REST: Final = ("stop_string", "timings", "completeness", "thought")
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
    def of(cls, run: Run) -> Self:
        """That of a run."""
        rest = {
            "stop_string": run.stop_string,
            "timings": plain(run.timings),
            "completeness": None if run.completeness is None else plain(run.completeness),
            "thought": None if run.thought is None else plain(run.thought),
            **({} if run.trouble is None else {"trouble": run.trouble}),
        }
        return cls(run.stop_reason, len(run.steps), pack_steps(run.steps), rest, run.text)

    @classmethod
    def growing(cls, steps: Sequence[Step]) -> Self:
        """That of a reply which is being written."""
        rest = {
            "stop_string": None,
            "timings": plain(Timings(0, 0, 0, 0.0, 0.0)),
            "completeness": None,
            "thought": None,
        }
        return cls(None, len(steps), pack_steps(steps), rest, "".join(step.text for step in steps))

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
    connection.execute("INSERT INTO words VALUES (?, ?, ?)", (made, folded(receipt.prompt), folded(body.text)))
    _note_digest(connection, made)
    return made


def replace(connection: sqlite3.Connection, entry: int, receipt: Receipt, body: Grown) -> None:
    """Bring an entry that grows up to date."""
    columns = body.columns(receipt)
    names = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE entries SET {names} WHERE id = ?", (*columns.values(), entry))  # noqa: S608
    connection.execute("UPDATE words SET said = ? WHERE id = ?", (folded(body.text), entry))
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
    known: dict[int, Settings] = {}
    return [_entry(connection, row, known) for row in rows]


def _entry(connection: sqlite3.Connection, row: tuple[Any, ...], known: dict[int, Settings]) -> Entry:
    """known: settings by their object's id, which many entries share."""
    wanted, key, parent, kind, made, title, starred, model, fingerprint, seed, tokens, stop, *left = row
    language, settings, asked, said = left
    tags = connection.execute("SELECT tag FROM tags WHERE entry = ? ORDER BY tag", (wanted,)).fetchall()
    if settings not in known:
        knobs = json.loads(objects.fetch(connection, settings))
        known[settings] = Settings.from_mapping(with_younger_knobs(knobs))
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
        settings=known[settings].replace(seed=seed),
        asked=asked,
        said=said,
    )


def read_run(connection: sqlite3.Connection, entry: int) -> Run:
    """The run of an entry.

    Raises:
        HistoryError: it is no run, or cannot be read.
    """
    sql = "SELECT key, stop, rest, body FROM entries WHERE id = ?"
    key, stop, rest, body = connection.execute(sql, (entry,)).fetchone()
    if stop == RESULT:
        raise HistoryError(f"{key} is no run but a map, a grid or a comparison")
    left = json.loads(rest)
    found, thought = left["completeness"], left["thought"]
    return Run(
        receipt=receipt_from(receipt_form(connection, entry)),
        steps=unpack_steps(body),
        stop_reason=stop or "cancelled",
        timings=Timings(**left["timings"]),
        stop_string=left["stop_string"],
        completeness=None if found is None else Completeness(**found),
        thought=None if thought is None else Thought(**thought),
        trouble=left.get("trouble"),
    )


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


def take(connection: sqlite3.Connection, form: dict[str, Any], owner: str) -> None:
    """Insert what `carried` gave.

    Raises:
        HistoryError: it does not fit.
    """
    try:
        receipt = receipt_from(form["receipt"])
        values = {"key": _key(form["key"]), "kind": str(form["kind"]), "made": float(form["made"]), "owner": owner}
        values |= {"title": str(form["title"]), "starred": bool(form["starred"])}
        sql = "SELECT id FROM entries WHERE key = ? AND owner = ?"
        (above,) = connection.execute(sql, (form["parent"], owner)).fetchone() or (None,)
        made = place(connection, receipt, _carried_body(form), above, str(form["asked"]), values)
        connection.executemany("INSERT INTO tags VALUES (?, ?)", [(made, str(tag)) for tag in form["tags"]])
        if form["stop"] != RESULT:
            read_run(connection, made)
    except (KeyError, TypeError, ValueError, RunFileError, sqlite3.IntegrityError) as error:
        raise HistoryError(f"no exported result: {error!r}") from error


def _carried_body(form: dict[str, Any]) -> Grown:
    packed, rest = base64.b64decode(form["body"], validate=True), json.loads(form["rest"])
    left = {name: rest[name] for name in _REST if name in rest}
    if form["stop"] == RESULT:
        return Grown.of_result(unpacked(packed).decode("utf-8", "surrogatepass"))
    steps = unpack_steps(packed)
    return Grown(form["stop"], len(steps), packed, left, "".join(step.text for step in steps))


def unpacked(body: bytes) -> bytes:
    """The bytes of a stored body.

    Raises:
        HistoryError: they are none.
    """
    try:
        return zlib.decompress(body)
    except zlib.error as error:
        raise HistoryError(f"a stored result cannot be read: {error}") from error


def new_key() -> str:
    """An id that nobody can guess."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def _key(text: str) -> str:
    if len(text) != _LENGTH or not set(text) <= set(_ALPHABET):
        raise ValueError(f"{text!r} is no id")
    return text


def _token_bytes(tokens: Sequence[int]) -> bytes:
    return b"".join(token.to_bytes(4, "little", signed=True) for token in tokens)


def _tokens(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "little", signed=True) for at in range(0, len(data), 4)]


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()[:_FIRST_LINE]
    return line.encode("utf-8", "replace").decode()


def _json(value: Any) -> str:
    """JSON in the order that is given: in a schema it is a part of what is said."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
