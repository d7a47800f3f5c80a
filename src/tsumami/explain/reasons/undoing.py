"""Undoing: the settings that are left when one stage is put out of action.

Guarantee: any stage that has knobs of its own can be undone, also one that is younger than this module: its knobs go
back to their neutral values, but for those that say how far it looks back. What has no neutral value (a grammar) is
taken away. Of logit_bias, what holds a token down is its own entry, and only that one goes.
"""

from __future__ import annotations

from typing import Any

from tsumami.errors import SettingsError
from tsumami.explain.reasons.findings import Change
from tsumami.knobs import CONSTRAINTS, KNOBS, knobs_of
from tsumami.knobs.stages import row_of
from tsumami.settings import Settings

__all__ = ["undone"]


def undone(settings: Settings, stage: str, token: int) -> tuple[Settings, tuple[Change, ...]] | None:
    """The settings without what a stage did to `token`, and what was put back: `a` the new value, `b` the old one.

    None: the stage has nothing to put back, or the rest cannot work without it.
    """
    values = _neutral(settings, stage, token)
    changes = tuple(Change(name, value, getattr(settings, name)) for name, value in values.items())
    if not changes:
        return None
    try:
        return settings.replace(**values), changes
    except SettingsError:
        return None


def _neutral(settings: Settings, stage: str, token: int) -> dict[str, Any]:
    """The knobs of a stage that act, with the values at which they do nothing."""
    match stage:
        case "logit_bias":
            return {"logit_bias": _others(settings.logit_bias, token)}
        case "grammar":
            return {name: None for name in CONSTRAINTS if getattr(settings, name) is not None}
        case "mirostat":
            others = ("adaptive_target",) if settings.adaptive_target >= 0 else ()  # which cannot begin on the way
            return {name: KNOBS[name].neutral for name in ("mirostat_mode", *others)}
    neutral = {name: KNOBS[name].neutral for name in knobs_of(stage) if name != row_of(stage).window}
    return {name: value for name, value in neutral.items() if value is not None and getattr(settings, name) != value}


def _others(biases: tuple[tuple[int, float], ...], token: int) -> tuple[tuple[int, float], ...]:
    """The biases without the one that holds the token down; if none does, the rise of others did: none at all."""
    down = any(one == token and bias < 0 for one, bias in biases)
    return tuple(pair for pair in biases if pair[0] != token) if down else ()
