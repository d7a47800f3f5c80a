"""Resuming: a chain opened at one of its stages, to go on from there with other values of a knob.

Guarantee: what comes out is what a whole chain with that value leaves of the row, to the last bit. The stages before
are applied once, whatever the value; a stage that is made anew has seen the same tokens, and its generator has given as
many numbers; those behind are the chain's. Nothing moves in the chain that was opened.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tsumami.knobs.stages import ROWS
from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.chain import Chain
from tsumami.sampling.head import Head
from tsumami.sampling.local import LocalStage
from tsumami.sampling.measure import summit
from tsumami.sampling.samplers import DryAt, Repetitions, Samplers
from tsumami.sampling.stages import BUILDERS, Stage, XtcStage
from tsumami.settings import Settings

__all__ = ["Left", "OpenedChain", "stage_with"]


class Left(NamedTuple):
    """What stages leave of a row, and whether XTC took a number on the way."""

    candidates: Candidates
    drew: bool


class OpenedChain:
    """A chain in the state before a token, opened at the first of the `acting` stages that does something.

    Args:
        chain: in the state before the token.
        row: the logits that the token is chosen from, shape (n_vocab,).
        acting: the names of the stages that the knob acts on; other values change these alone.
        own: one of them with one of the values to be tried; default: the chain's. It says whether they act.
        taken: how many numbers XTC's generator has given; default: as many as the chain's.
        samplers: where those that remember something are kept.
    """

    def __init__(
        self,
        chain: Chain,
        row: Float32Array,
        acting: Collection[str],
        *,
        own: Stage | None = None,
        taken: int | None = None,
        samplers: Samplers | None = None,
    ) -> None:
        self.settings = chain.origin.settings
        self.row = row
        self._chain = chain
        chain.guide(row)
        self._acting = acting
        self._taken = taken
        self._samplers = samplers or Samplers()
        self._stages = tuple(stage if own is None or stage.name != own.name else own for stage in chain.stages)
        acts = (i for i, stage in enumerate(self._stages) if stage.name in acting and stage.idle is None)
        self._at = next(acts, len(self._stages))
        self._found: dict[tuple[int, int], Repetitions] = {}

    @property
    def idle(self) -> bool:
        """Whether no stage acts: then it is opened behind the last one."""
        return self._at == len(self._stages)

    @property
    def own(self) -> Stage:
        """The stage at which it is opened, at the chain's own value (or the one that was given)."""
        assert not self.idle
        return self._stages[self._at]

    @property
    def after(self) -> tuple[Stage, ...]:
        """The stages behind it, as they are in the chain."""
        return self._stages[self._at + 1 :]

    # --- what stages leave ---

    @functools.cached_property
    def before(self) -> Left:
        """What the stages before leave; not to be changed."""
        stages: Sequence[Stage] = self._stages[: self._at]
        head = Head.of(stages)
        found = head.take(self.row) if head is not None else None
        if head is None or found is None:
            return self._applied(Candidates.from_row(self.row), map(self._fresh, stages))
        return self._applied(found, map(self._fresh, head.rest))

    @property
    def width(self) -> int:
        """How many candidates come to the stage at which it is opened."""
        return len(self.before.candidates) if self._at else len(self.row)

    @property
    def starts_sorted(self) -> bool:
        """Whether the stages before are a top-k, and what it leaves is sorted."""
        return Head.of(self._stages[: self._at]) is not None and self.before.candidates.sorted

    def finish(self, stages: Sequence[Stage]) -> Left:
        """What the chain leaves if it goes on with these stages."""
        head = Head.of([*self._stages[: self._at], *stages])
        found = head.take(self.row) if head is not None and len(head.rest) < len(stages) else None
        if head is not None and found is not None:
            return self._applied(found, head.rest)
        left = self._applied(self.before.candidates.copy(), stages)
        return Left(left.candidates, left.drew or self.before.drew)

    def finish_from(self, candidates: Candidates) -> Left:
        """What the stages behind leave of what the one at which it is opened has left; the candidates are used up."""
        return self._applied(candidates, map(self._fresh, self.after))

    def left_by(self, own: Stage) -> Candidates:
        """What `own`, in the place at which it is opened, leaves."""
        head = Head.of([*self._stages[: self._at], own]) if own.name == "top_k" else None
        found = head.take(self.row) if head is not None else None
        if head is None or found is None or head.rest:
            found = self.before.candidates.copy()
            own.apply(found)
        return found

    @staticmethod
    def _applied(candidates: Candidates, stages: Iterable[Stage]) -> Left:
        drew = False
        for stage in stages:
            drew = drew or (stage.name == "xtc" and stage.idle is None and len(candidates) > 1)
            stage.apply(candidates)
        return Left(candidates, drew)

    def short(self, changes: Callable[[Stage], Iterable[int]], *, in_order: bool) -> Candidates | None:
        """The candidates before, but for those that a top-k behind cuts at every value; None if there is no such way.

        As in head.py: stages that change only known tokens stand before a top-k, and so what it leaves is among the
        largest logits and these tokens. Temperature changes them all, but not their order.

        Args:
            changes: the tokens that a stage can change at any value of the knob.
            in_order: whether temperature keeps the logits' order at all these values.
        """
        at = next((i for i, s in enumerate(self._stages) if s.name == "top_k" and s.idle is None), len(self._stages))
        first = [stage for stage in self._stages[:at] if stage.idle is None]
        known = all(
            isinstance(stage, LocalStage) or stage.name == "dry" or (stage.name == "temperature" and in_order)
            for stage in first
        )
        if at == len(self._stages) or self._at >= at or not known:
            return None
        changed = {token for stage in first if isinstance(stage, LocalStage) for token in stage.tokens()}
        changed |= {token for stage in first for token in changes(stage)}
        ids = _largest(self.row, self.settings.top_k + 1 + len(changed), changed)
        candidates = Candidates.of(ids, self.row[ids])
        for stage in self._stages[: self._at]:
            if stage.idle is None:
                stage.change(candidates) if isinstance(stage, LocalStage) else stage.apply(candidates)
        return candidates

    # --- stages to go on with, each to be applied once ---

    def with_value(self, knob: str, value: Any) -> tuple[Stage, ...]:
        """The stages from where it is opened on, as they are with another value of a knob that acts on them."""
        settings = self.settings.unchecked(knob, value)
        stages = self._stages[self._at :]
        return tuple(self._anew(s, settings) if s.name in self._acting else self._fresh(s) for s in stages)

    def own_with(self, knob: str, value: Any) -> Stage:
        """The first of them."""
        return self._anew(self.own, self.settings.unchecked(knob, value))

    def _fresh(self, stage: Stage) -> Stage:
        """XTC's generator must not move for others."""
        if not isinstance(stage, XtcStage) or stage.idle is not None:
            return stage
        if self._taken is None or self._taken == stage.taken:
            return stage.clone()
        return self._xtc(stage, self.settings)

    def _anew(self, stage: Stage, settings: Settings) -> Stage:
        """A stage as it would be with other settings, in the same place of the same reply."""
        if stage.name == "dry":
            return DryAt(self.repetitions(settings), settings.dry_multiplier, settings.dry_base)
        if stage.name == "xtc":
            return self._xtc(stage, settings)
        made, row = BUILDERS[stage.name](settings, self._chain.origin.around), ROWS[stage.name]
        if row.looks_back:
            for token in self.history(None if row.window is None else getattr(settings, row.window)):
                made.accept(token)
        return made

    def _xtc(self, stage: Stage, settings: Settings) -> Stage:
        assert isinstance(stage, XtcStage)
        taken = stage.taken if self._taken is None else self._taken
        return self._samplers.xtc(settings, self._chain.origin.around, taken)

    # --- what is known of the token ---

    def pick(self, candidates: Candidates) -> int:
        """The token that is chosen of what all stages have left; the roll stays unused."""
        return self._chain.peek(candidates).token

    @functools.cached_property
    def u(self) -> float:
        """The roll of this token."""
        roll = self._chain.peek(Candidates.from_row(np.zeros(1, np.float32))).u
        assert roll is not None
        return roll

    def history(self, window: int | None) -> tuple[int, ...]:
        """The last tokens that a stage with this window has seen, and counts; all of them if it has none."""
        seen = self._chain.origin.prompt if self.settings.penalize_prompt else ()
        if window is None:
            return (*seen, *self._chain.reply)
        if self.settings.penalize_except:
            return self._chain.origin.counted((*seen, *self._chain.reply))[-window:] if window else ()
        if len(self._chain.reply) < window:
            return (*seen, *self._chain.reply)[-window:]
        return tuple(self._chain.reply[-window:]) if window else ()

    def repetitions(self, settings: Settings) -> Repetitions:
        """What DRY finds here with other settings' window, allowed length and breakers."""
        key = settings.dry_allowed_length, settings.dry_penalty_last_n
        if key not in self._found:
            around = self._chain.origin.around
            self._found[key] = self._samplers.repetitions(settings, around, self.history(key[1]))
        return self._found[key]

    # --- XTC and the numbers of its generator ---

    @property
    def has_xtc(self) -> bool:
        """Whether XTC acts here, so that the rolls of later tokens depend on what it takes."""
        return any(stage.name == "xtc" and stage.idle is None for stage in self._stages)

    @functools.cached_property
    def fires(self) -> bool:
        """Whether the next number of XTC is low enough: at threshold 0 it then drops one of two."""
        stage = next(stage for stage in self._stages if stage.name == "xtc")
        two = Candidates.from_row(np.zeros(2, np.float32))
        self._xtc(stage, self.settings.replace(min_keep=0).unchecked("xtc_threshold", 0.0)).apply(two)
        return len(two) == 1


def stage_with(chain: Chain, name: str | None, settings: Settings) -> Stage | None:
    """A chain's stage as other settings of the same mode build it, having seen nothing; the chain's own where its mode
    leaves it out, None where it has none of that name.
    """
    known = next((stage for stage in chain.stages if stage.name == name), None)
    if known is None or known.idle not in (None, "neutral"):
        return known
    return BUILDERS[known.name](settings, chain.origin.around)


def _largest(row: Float32Array, count: int, also: Collection[int]) -> npt.NDArray[np.intp]:
    """The `count` largest logits, all that may become their equals by rounding, and some more."""
    if count >= len(row):
        return np.arange(len(row))
    floor = np.sort(row[summit(row, count).ids])[-count]
    wanted = row >= floor - np.float32(1e-5) * (abs(floor) + 1)
    wanted[list(also)] = True
    return np.flatnonzero(wanted)
