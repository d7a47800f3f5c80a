"""What the endpoints that look inside answer: accounts, audits, comparisons, as plain JSON values.

Guarantee: plain functions from a model and values to values; each calls one function of the library.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tsumami import explain
from tsumami.errors import SettingsError
from tsumami.explain.tokens import Account, account, look
from tsumami.explain.tokens import next_token as what_comes
from tsumami.explore.design import Design
from tsumami.explore.lanes import Comparing, LanePlan, plan
from tsumami.model import Model
from tsumami.runs import Run
from tsumami.settings import Settings


def next_token(model: Model, prompt: str, settings: dict[str, Any] | None, step: int) -> dict[str, Any]:
    """What could come after a prompt, and what the roll picks."""
    if not 0 <= step < 2**20:
        raise SettingsError(f"step = {step}: needs 0 to {2**20 - 1}; it is the number of the roll")
    found = what_comes(model, look(model, model.as_prompt(prompt)), Settings.from_mapping(settings or {}), step=step)
    return {"seed": found.seed, "step": found.step, **_account(model, found.account())}


def ledger(model: Model, run: dict[str, Any], index: int) -> dict[str, Any]:
    """A token's way through the stages."""
    read = _run(model, run)
    return _account(model, account(_at(read, index, read.ledger), read.settings.mode))


def why_not(model: Model, run: dict[str, Any], index: int, token: int) -> dict[str, Any]:
    """What became of a token that was not chosen."""
    read = _run(model, run)

    def ask(place: int) -> explain.WhyNot:
        return explain.why_not(read, place, token)

    return _object(asdict(_at(read, index, ask)))


def audit(model: Model, run: dict[str, Any]) -> dict[str, Any]:
    """What each knob did."""
    found = explain.audit(_run(model, run))
    return _object({"tokens": found.tokens, "dead": found.dead, "knobs": [asdict(one) for one in found.knobs]})


def divergence(model: Model, a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Where two runs part, and why."""
    return _divergence(explain.divergence(_run(model, a), _run(model, b)))


def plans(
    model: Model, prompt: str, lanes: list[dict[str, Any]], settings: dict[str, Any] | None
) -> tuple[LanePlan, ...]:
    """The lanes of a comparison: each the settings with its own knobs put over them."""
    base = Settings.from_mapping(settings or {})
    return plan([model.as_prompt(prompt)], Design(base, settings=lanes))


def comparison(comparing: Comparing) -> dict[str, Any]:
    """The lanes when all of them are done."""
    found = comparing.comparison
    return {
        "lanes": [
            {
                "differs": _plain(dict(lane.differs)),
                "run": None if lane.run is None else json.loads(lane.run.to_json()),
                "error": None if lane.error is None else str(lane.error),
            }
            for lane in found.lanes
        ],
        "divergences": [_divergence(one) for one in found.divergences],
        "metrics": [_plain(asdict(one)) for one in found.metrics],
    }


def _run(model: Model, values: dict[str, Any]) -> Run:
    return Run.from_json(json.dumps(values)).attach(model)


def _at(run: Run, index: int, ask: Callable[[int], Any]) -> Any:
    try:
        return ask(index)
    except IndexError as error:
        raise SettingsError(
            f"index = {index}: this run has {len(run.steps)} tokens, 0 to {len(run.steps) - 1}"
        ) from error


def _divergence(found: explain.Divergence) -> dict[str, Any]:
    return _object(
        {
            "kind": found.kind,
            "step": found.step,
            "cause": found.cause,
            "stage": found.stage,
            "tokens": [asdict(one) for one in found.tokens],
            "ja": found.ja,
            "en": found.en,
        }
    )


def _account(model: Model, seen: Account) -> dict[str, Any]:
    piece = model.tokenizer.piece
    return {
        "token": seen.token,
        "text": piece(seen.token).decode("utf-8", "replace"),
        "mode": seen.mode,
        "u": seen.u,
        "stages": [asdict(column) for column in seen.columns],
        "candidates": [
            {
                "id": row.token,
                "text": piece(row.token).decode("utf-8", "replace"),
                "bytes": piece(row.token).hex(),
                "probabilities": list(row.probs),
                "cut_by": None if row.cut_at is None else seen.columns[row.cut_at].name,
            }
            for row in seen.rows
        ],
        "hidden": seen.hidden,
    }


def _object(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    """Bytes as hexadecimal digits, tuples as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
