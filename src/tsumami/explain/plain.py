"""Reasons as plain values, for JSON: the one form that the command line prints and endpoints answer.

Guarantee: strictly JSON (no NaN, no infinity, no bytes); every divergence has `step`, `cause`, `stage`, `tokens` and
the sentence in `ja` and `en`, null where there is nothing to say. A token's text is written as in run files, where
bytes that are no UTF-8 are escaped, and its bytes stand beside it as hexadecimal digits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tsumami.explain.measures import Metrics
from tsumami.explain.reasons import Audit, Change, Divergence, KnobAudit, Lowering, Moved, WhyNot, Without
from tsumami.explain.tokens import Account, Candidate, Column, Outcome, Share
from tsumami.runs import Completeness, Run, TakenBack


def divergence_values(found: Divergence) -> dict[str, Any]:
    """A divergence; `changes` is the cause as what was put back, `at_a` and `at_b` how either run chose there."""
    return {
        "kind": found.kind,
        "step": found.step,
        "cause": found.cause,
        "stage": found.stage,
        "changes": [_change(change) for change in found.changes],
        "others": [[_change(change) for change in one] for one in found.others],
        "smallest": found.smallest,
        "tokens": [_moved(one) for one in found.tokens],
        "at_a": _outcome(found.at_a, found.a, found.step),
        "at_b": _outcome(found.at_b, found.b, found.step),
        "ja": found.ja,
        "en": found.en,
    }


def audit_values(found: Audit) -> dict[str, Any]:
    """An audit: per knob the counts, the first places, and the sentence in ja and en; whether the text matches its
    grammar.
    """
    return {
        "tokens": found.tokens,
        "knobs": [_knob(one) for one in found.knobs],
        "dead": list(found.dead),
        "completeness": _completeness(found.completeness),
    }


def why_not_values(found: WhyNot) -> dict[str, Any]:
    """What became of a token; `kept` is the value that would have kept it, `without` and `taken.without` what becomes
    of it with one stage put out of action, `taken` the stage that took most of its probability.
    """
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    values |= {"kept": None if found.kept is None else dataclasses.asdict(found.kept), "span": _span(found.span)}
    values |= {"without": _without(found.without), "taken": _taken(found.taken)}
    values |= {"other": found.other.hex(), "other_text": _text(found.other)}
    values |= {"taken_back": None if found.taken_back is None else _taken_back(found.taken_back)}
    return {**values, **_token(found.piece)}


def account_values(found: Account, piece: Callable[[int], bytes]) -> dict[str, Any]:
    """A token's way through the stages; `piece` gives the bytes of a token."""
    return {
        "token": found.token,
        "text": _text(piece(found.token)),
        "mode": found.mode,
        "u": found.u,
        "stages": [_stage(column, piece) for column in found.columns],
        "candidates": [_candidate(found, one, piece(one.token)) for one in found.rows],
        "hidden": found.hidden,
    }


def metrics_values(found: Metrics) -> dict[str, Any]:
    """The measures of a run, with the series over its tokens."""
    return dataclasses.asdict(found)


def _completeness(found: Completeness | None) -> dict[str, Any] | None:
    return None if found is None else dataclasses.asdict(found) | {"ja": found.ja, "en": found.en}


def _knob(found: KnobAudit) -> dict[str, Any]:
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    piece = found.instead_piece
    values.update(value=plain(found.value), neutral=plain(found.neutral), dead=found.dead)
    values.update(instead_piece=None if piece is None else piece.hex())
    return values | {"instead_text": None if piece is None else _text(piece)}


def _moved(found: Moved) -> dict[str, Any]:
    return {"id": found.id, **_token(found.piece), "p_a": found.p_a, "p_b": found.p_b}


def _candidate(account: Account, found: Candidate, piece: bytes) -> dict[str, Any]:
    return {
        "id": found.token,
        "text": _text(piece),
        "bytes": piece.hex(),
        "probabilities": list(found.probs),
        "cut_by": None if found.cut_at is None else account.columns[found.cut_at].name,
        "lowered_most_by": None if found.fell_at is None else account.columns[found.fell_at].name,
    }


def _stage(column: Column, piece: Callable[[int], bytes]) -> dict[str, Any]:
    """`removed`: how many tokens the stage took out, and the likeliest of them with its probability before."""
    values = {name: getattr(column, name) for name in ("name", "idle", "left", "kept")}
    gone = column.removed
    if gone is None:
        return values | {"removed": None}
    best = None
    if gone.best is not None:
        data = piece(gone.best)
        best = {"id": gone.best, "text": _text(data), "bytes": data.hex(), "p": gone.p}
    return values | {"removed": {"count": gone.count, "best": best}}


def _taken_back(found: TakenBack) -> dict[str, Any]:
    return {
        "banned": found.banned,
        "tokens": list(found.tokens),
        "text": _text(found.piece),
        "bytes": found.piece.hex(),
    }


def _taken(found: Lowering | None) -> dict[str, Any] | None:
    if found is None:
        return None
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return values | {"without": _without(found.without)}


def _without(found: Without | None) -> dict[str, Any] | None:
    if found is None:
        return None
    changes = [_change(change) for change in found.changes]
    return {"changes": changes, "p": found.p, "then": found.then, "chosen": found.chosen}


def _change(change: Change) -> dict[str, Any]:
    return {"name": change.name, "a": plain(change.a), "b": plain(change.b)}


def _outcome(found: Outcome | None, run: Run, step: int | None) -> dict[str, Any] | None:
    if found is None or step is None:
        return None
    return {
        "token": found.token,
        "text": _text(run.steps[step].piece),
        "u": found.u,
        "span": _span(found.span(found.token)),
        "left": len(found.final),
    }


def _span(found: Share | None) -> list[float] | None:
    return None if found is None else [found.low, found.high]


def _token(piece: bytes) -> dict[str, str]:
    """A token in words and in bytes; `piece` is the name that endpoints gave the bytes first, so it stays."""
    return {"text": _text(piece), "bytes": piece.hex(), "piece": piece.hex()}


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "backslashreplace")


def plain(value: Any) -> Any:
    """A knob's value in JSON's types; infinity becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value
