"""What the endpoints that look inside answer: accounts, audits, comparisons, as plain JSON values.

Guarantee: plain functions from a model and values to values; each calls one function of the library, and answers in the
form that the command line prints with --json (explain/plain.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tsumami import explain
from tsumami.errors import SettingsError
from tsumami.explain import plain
from tsumami.explain.tokens import account, look
from tsumami.explain.tokens import next_token as what_comes
from tsumami.explore.design import Design
from tsumami.explore.lanes import Comparing, LanePlan, comparison_values, plan
from tsumami.model import Model
from tsumami.runs import Prompt, Run
from tsumami.runs.run import RunPart
from tsumami.settings import Settings
from tsumami.wording import counted


def raw(model: Model, prompt: str, parse_special: bool) -> Prompt:
    """A text to be completed, with or without special tokens in it."""
    return model.as_prompt(prompt) if parse_special else model.as_prompt(prompt, parse_special=False)


def next_token(
    model: Model, prompt: str, settings: dict[str, Any] | None, step: int, parse_special: bool = True
) -> dict[str, Any]:
    """What could come after a prompt, and what the roll picks."""
    if not 0 <= step < 2**20:
        raise SettingsError(f"step = {step}: needs 0 to {2**20 - 1}; it is the number of the roll").in_japanese(
            f"step = {step}: 使えるのは 0〜{2**20 - 1} です。乱数の番号です"
        )
    seen = look(model, raw(model, prompt, parse_special))
    found = what_comes(model, seen, Settings.from_mapping(settings or {}), step=step)
    return {"seed": found.seed, "step": found.step, **plain.account_values(found.account(), model.tokenizer.piece)}


def ledger(model: Model, run: dict[str, Any], index: int) -> dict[str, Any]:
    """A token's way through the stages."""
    read = _run(model, run)
    seen = account(_at(read, index, read.ledger), read.settings.mode)
    return plain.account_values(seen, model.tokenizer.piece)


def why_not(model: Model, run: dict[str, Any], index: int, token: int) -> dict[str, Any]:
    """What became of a token that was not chosen."""
    read = _run(model, run)

    def ask(place: int) -> explain.WhyNot:
        return explain.why_not(read, place, token)

    return plain.why_not_values(_at(read, index, ask))


def audit(model: Model, run: dict[str, Any], part: RunPart = "all") -> dict[str, Any]:
    """What each knob did, or what in a part of the run."""
    return plain.audit_values(explain.audit(_run(model, run), part))


def divergence(model: Model, a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Where two runs part, and why."""
    return plain.divergence_values(explain.divergence(_run(model, a), _run(model, b)))


def plans(
    model: Model,
    prompt: str,
    lanes: list[dict[str, Any]],
    settings: dict[str, Any] | None,
    parse_special: bool = True,
) -> tuple[LanePlan, ...]:
    """The lanes of a comparison: each the settings with its own knobs put over them."""
    base = Settings.from_mapping(settings or {})
    return plan([raw(model, prompt, parse_special)], Design(base, settings=lanes))


def comparison(comparing: Comparing) -> dict[str, Any]:
    """The lanes when all of them are done."""
    return comparison_values(comparing.comparison)


def _run(model: Model, values: dict[str, Any]) -> Run:
    return Run.from_json(json.dumps(values)).attach(model)


def _at(run: Run, index: int, ask: Callable[[int], Any]) -> Any:
    try:
        return ask(index)
    except IndexError as error:
        raise SettingsError(
            f"index = {index}: this run has {counted(len(run.steps), 'token')}, 0 to {len(run.steps) - 1}"
        ).in_japanese(
            f"index = {index}: この実行は {len(run.steps)} トークンなので、使えるのは 0〜{len(run.steps) - 1} です"
        ) from error
