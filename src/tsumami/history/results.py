"""Results: a run as the body of a row, and back.

Guarantee: what `read_run` gives is equal to what was placed, but for the alternatives of its steps; what `take` takes
from elsewhere is a result or is refused, and then nothing of it is kept.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tsumami.errors import HistoryError, RunFileError
from tsumami.history.entries import RESULT, ChatTurn
from tsumami.history.packing import pack_steps, unpack_steps
from tsumami.history.rows import Grown, is_key, place, read_turn, receipt_form, unpacked
from tsumami.quoting import theirs
from tsumami.runs import Completeness, Run, Step, Timings
from tsumami.runs.files import receipt_from
from tsumami.runs.values import Thought, plain

__all__ = ["finished", "growing", "read_run", "take"]

_REST: Final = ("stop_string", "timings", "completeness", "thought", "trouble", "turn")


def finished(run: Run, turn: ChatTurn | None = None) -> Grown:
    """The body of a run."""
    rest = {
        "stop_string": run.stop_string,
        "timings": plain(run.timings),
        "completeness": None if run.completeness is None else plain(run.completeness),
        "thought": None if run.thought is None else plain(run.thought),
        **({} if run.trouble is None else {"trouble": run.trouble}),
    }
    return Grown(run.stop_reason, len(run.steps), pack_steps(run.steps), rest | _turn_form(turn), run.text)


def growing(steps: Sequence[Step], turn: ChatTurn | None = None) -> Grown:
    """The body of a reply which is being written."""
    rest = {
        "stop_string": None,
        "timings": plain(Timings(0, 0, 0, 0.0, 0.0)),
        "completeness": None,
        "thought": None,
    }
    text = "".join(step.text for step in steps)
    return Grown(None, len(steps), pack_steps(steps), rest | _turn_form(turn), text)


def _turn_form(turn: ChatTurn | None) -> dict[str, Any]:
    return {} if turn is None else {"turn": turn.to_dict()}


def read_run(connection: sqlite3.Connection, entry: int) -> Run:
    """The run of an entry.

    Raises:
        HistoryError: it is no run, or cannot be read.
    """
    sql = "SELECT key, stop, rest, body FROM entries WHERE id = ?"
    key, stop, rest, body = connection.execute(sql, (entry,)).fetchone()
    if stop == RESULT:
        raise HistoryError(f"{key} is no run but a map, a grid or a comparison").in_japanese(
            f"{key} は実行ではなく、地図かグリッドか比較です"
        )
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


def take(connection: sqlite3.Connection, form: dict[str, Any], owner: str) -> None:
    """Insert what `carried` gave.

    Raises:
        HistoryError: it does not fit.
    """
    try:
        receipt = receipt_from(form["receipt"])
        values = {"key": is_key(form["key"]), "kind": str(form["kind"]), "made": float(form["made"]), "owner": owner}
        values |= {"title": str(form["title"]), "starred": bool(form["starred"])}
        sql = "SELECT id FROM entries WHERE key = ? AND owner = ?"
        (above,) = connection.execute(sql, (form["parent"], owner)).fetchone() or (None,)
        made = place(connection, receipt, _carried_body(form), above, str(form["asked"]), values)
        connection.executemany("INSERT INTO tags VALUES (?, ?)", [(made, str(tag)) for tag in form["tags"]])
        if form["stop"] != RESULT:
            read_run(connection, made)
        read_turn(connection, made)
    except (KeyError, TypeError, ValueError, RunFileError, sqlite3.IntegrityError) as error:
        raise HistoryError(f"no exported result: {error!r}").in_japanese(
            f"書き出した結果ではありません: {theirs(error)}"
        ) from error


def _carried_body(form: dict[str, Any]) -> Grown:
    packed, rest = base64.b64decode(form["body"], validate=True), json.loads(form["rest"])
    left = {name: rest[name] for name in _REST if name in rest}
    if form["stop"] == RESULT:
        return Grown.of_result(unpacked(packed).decode("utf-8", "surrogatepass"))
    steps = unpack_steps(packed)
    return Grown(form["stop"], len(steps), packed, left, "".join(step.text for step in steps))
