"""Divergence: where two runs part, and why.

Guarantee: the cause that is named is true. It was checked by putting it back: with that one thing as in run A (a value,
the seed, the logits), run B's own chain, in the state that it had there, chooses A's token. Where no single difference
is enough, it is the smallest set that is; where that could not be proved, `smallest` says so. After the parting the
contexts differ, and nothing is said about what comes later.

    parting      where they part: from the steps alone, no model needed
    divergence   where and why
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tsumami.explain import sentences
from tsumami.explain.metrics import shared_prefix
from tsumami.explain.outcome import Outcome
from tsumami.runs import Run

Cause = Literal["other_survivors", "shifted_mass", "penalty", "other_draw", "other_logits"]
"""Why two runs part:

- `other_survivors`: other candidates are left at the end.
- `shifted_mass`: the same candidates, but they have other probabilities (or lie in another order on the line 0..1).
- `penalty`: a penalty (or DRY) lowers named tokens that were there before.
- `other_draw`: another seed, so another roll.
- `other_logits`: another prompt or model, so the model itself says something else.
"""
Kind = Literal["parted", "ended", "by_hand", "identical"]
"""`parted`: at `step` each chose another token. `ended`: there one of them was over. `by_hand`: there a token was set
by hand, as the beginning of a branch. `identical`: all tokens are the same.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: a knob's name, or `seed`, `prompt`, `model`; or `memory`, what mirostat (its target mu)
    or XTC (its own roll) took along from the tokens before. `a` and `b`: its value in either run (None for memory).
    """

    name: str
    a: Any = None
    b: Any = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A token that the cause brings in, takes out, or moves: its final probability with the cause put back (`p_a`), and
    in run B as it is (`p_b`); None where it was cut. For `other_logits` it is the model's own probability.
    """

    id: int
    piece: bytes
    p_a: float | None
    p_b: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Divergence:
    """Two runs, and where and why they part.

    `step`: index of the first token that differs (None if none does). `changes`: the cause, as what was put back;
    `others`: other sets of that size that would have been enough, too. `stage`: the stage where it shows. `tokens`:
    what it moved, the important ones first. `at_a`, `at_b`: how either run chose there; `back`: run B with the cause
    put back, which chooses A's token. `ja`, `en`: all of it in sentences.
    """

    a: Run
    b: Run
    kind: Kind
    step: int | None
    ja: str
    en: str
    cause: Cause | None = None
    changes: tuple[Change, ...] = ()
    smallest: bool = True
    others: tuple[tuple[Change, ...], ...] = ()
    stage: str | None = None
    tokens: tuple[Moved, ...] = ()
    at_a: Outcome | None = None
    at_b: Outcome | None = None
    back: Outcome | None = None


def parting(a: Run, b: Run) -> Divergence:
    """Where two runs part, from their steps alone: without the cause, and without a model."""
    step = shared_prefix([a, b])
    if step == len(a.steps) == len(b.steps):
        return Divergence(a, b, "identical", None, *sentences.same(a))
    if step in (len(a.steps), len(b.steps)):
        return Divergence(a, b, "ended", step, *sentences.ended(a, b, step))
    words = sentences.where(a.steps[step], b.steps[step], step)
    hands = [name for name, run in (("A", a), ("B", b)) if step < len(run.receipt.begun)]
    if hands:
        return Divergence(a, b, "by_hand", step, *sentences.joined([words, sentences.by_hand(hands)]))
    return Divergence(a, b, "parted", step, *words)
