"""Constraints: what a reply has to be, as the user wrote it, turned into what the engine of masks reads.

Guarantee: a grammar, a JSON schema or a regular expression that comes out of here can be used, exactly as it was
written; one that cannot is refused here, with the place and the reason, before anything is generated. No text, however
deep or large, takes the process down or holds the others up. No model is needed.

The masks themselves are llguidance's work (sampling/constraint.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from tsumami.constraints import gbnf, regex, schema

__all__ = ["check", "to_lark"]

_KINDS = {"grammar": gbnf, "json_schema": schema, "regex": regex}


def to_lark(knob: str, text: str, token: Callable[[str], int] | None = None) -> str:
    """The constraint of a knob (`grammar`, `json_schema`, `regex`) in llguidance's Lark syntax.

    token: the id of a token that a grammar names by its text.

    Raises:
        GrammarError: it cannot be used.
    """
    return gbnf.to_lark(text, token) if knob == "grammar" else _KINDS[knob].to_lark(text)


@functools.lru_cache(maxsize=256)
def check(knob: str, text: str) -> None:
    """Refuse what cannot be used. Settings are made anew for every seed and value, so what was found good is kept.

    Raises:
        GrammarError: see `to_lark`.
    """
    _KINDS[knob].check(text)
