"""What was found: the values that reasons are made of, before anybody words them.

Guarantee: frozen values; nothing is computed here. Sentences read them, so they know no sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tsumami.explain.tokens import Outcome, Share
from tsumami.runs import Run, TakenBack

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

Fate = Literal["chosen", "cut", "roll", "lost", "banned", "by_hand", "uncompared"]
"""`chosen`: it was. `cut`: a stage took it out. `roll`: it stayed, but the roll fell elsewhere. `lost`: it stayed, but
another had the larger logit (greedy) or score (contrastive search). `banned`: the model itself gives it no chance.
`by_hand`: it would have been chosen, but another was set by hand. `uncompared`: contrastive search did not look at it.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: a knob's name, or `seed`, `prompt`, `model`; or `memory`, what mirostat (its target mu)
    or XTC (its own roll) took along from the tokens before; or `taken_back`, what began a banned text there. `a` and
    `b`: its value in either run (None for memory).
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


@dataclass(frozen=True, slots=True)
class KeepingValue:
    """The value of a knob at which the token stays, nearest to the value it had: `value` keeps it, `neighbour` does
    not. `then`: what becomes of it with this value and all else as it was: the stage that cuts it after all, or None.
    `chosen`: whether it would then have been chosen.
    """

    knob: str
    was: float
    value: float
    neighbour: float
    then: str | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Without:
    """What becomes of a token when one stage is put out of action and all else is as it was, as the run's own chain
    says: its probability at the end (`p`; None where it is cut after all, by `then`), and whether it is chosen.
    `changes`: what was put back, `a` the value at which it does nothing, `b` the value that it had.
    """

    changes: tuple[Change, ...]
    p: float | None
    then: str | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Lowering:
    """The stage that took most of a token's probability without cutting it, in bits (`explain.tokens.falls` has the
    definition): the shares `before` and `after` it, and what becomes of the token `without` it (None: that cannot be).
    """

    stage: str
    before: float
    after: float
    bits: float
    without: Without | None


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What became of token `id` at step `step`.

    `p_raw`: its probability under the model alone, `rank` (from 1) there; `stage`: the stage that cut it; `p_before`:
    its probability among the candidates that came to that stage (or to the choice); `kept`: what would have kept it
    there (None where the stage has no number that decides it, or no value of it does); `without`: of a stage that has
    no such number, what becomes of the token without it; `taken`: the stage that took most of its probability while it
    stayed (None where none took any, or it was chosen); `span`: its place on the line 0..1, and `u` the roll.
    `place`: its place (from 1) among the candidates that came to the choice, by probability; `other`: the bytes of the
    token that settings and roll choose there, which has the probability `p_other` at the end; `taken_back`: what it
    began, if that was a banned text. `ja`, `en`: in sentences.
    """

    id: int
    piece: bytes
    step: int
    fate: Fate
    p_raw: float
    rank: int
    stage: str | None
    p_before: float | None
    kept: KeepingValue | None
    span: Share | None
    u: float | None
    ja: str = ""
    en: str = ""
    without: Without | None = None
    taken: Lowering | None = None
    place: int | None = None
    other: bytes = b""
    p_other: float | None = None
    taken_back: TakenBack | None = None
