"""A trial: one token of a run, to be chosen again with other values of one knob.

Guarantee: `run` is the real chain (sampling/resume.py): the stages before the knob's own are applied once, the own one
is built for the value and shown the same history, those after it are the chain's, and the roll is that of the token.
What is certain for whole boxes of values at once is said in boxes.py, from the candidates that the value moves
(moved_logits.py) or cuts (cut_lists.py).
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import numpy as np

from tsumami.boundaries.axis import Axis
from tsumami.boundaries.cut_lists import CutLists, Nested
from tsumami.boundaries.moved_logits import MovedLogits
from tsumami.knobs.stages import HEED_MIN_KEEP, WINDOWS
from tsumami.native import Float32Array
from tsumami.sampling import Chain, Stage
from tsumami.sampling.resume import Left, OpenedChain
from tsumami.sampling.samplers import Repetitions, Samplers

__all__ = ["DEAD_END", "Chosen", "Trial"]

DEAD_END: Final = -1


class Chosen(NamedTuple):
    """What a value chooses: the token (`DEAD_END` if everything is forbidden), and whether XTC took a number."""

    token: int
    drew: bool


class Trial:
    """One token (see above). `idle`: the knob cannot change anything here; `cuts`: its stage cuts.

    Args:
        chain: in the state before the token. All its knobs but the axis's own count.
        axis: of the knob that moves.
        row: the logits that the token is chosen from, shape (n_vocab,).
        own: a stage with one of the values to be tried; default: the chain's. It says whether they act.
        taken: how many numbers XTC's generator has given; default: as many as the chain's.
        forced: the token that comes here whatever is chosen.
        samplers: where those that remember something are kept.
    """

    def __init__(
        self,
        chain: Chain,
        axis: Axis,
        row: Float32Array,
        *,
        own: Stage | None = None,
        taken: int | None = None,
        forced: int | None = None,
        samplers: Samplers | None = None,
    ) -> None:
        self.axis = axis
        self.forced = forced
        knob = axis.knob
        acting = HEED_MIN_KEEP if knob.name == "min_keep" else (knob.stage or "",)
        self._chain = OpenedChain(chain, row, acting, own=own, taken=taken, samplers=samplers)
        self.settings = self._chain.settings
        self.idle = self._chain.idle
        self.cuts = axis.cuts
        self.moved_logits = MovedLogits(self._chain, knob.name, WINDOWS)
        self.cut_lists = CutLists(self._chain, axis)
        self._known: dict[int, Chosen] = {}

    # --- the truth ---

    def run(self, ordinal: int) -> Chosen:
        """What the real chain chooses at a value."""
        found = self._known.get(ordinal)
        if found is None:
            stages = () if self.idle else self._chain.with_value(self.axis.knob.name, self.axis.value(ordinal))
            found = self._known[ordinal] = self._choose(self._chain.finish(stages))
        return found

    def run_size(self, nested: Nested, size: int) -> Chosen:
        """What the real rest of the chain chooses from the candidates of one size."""
        token, drew = self._choose(self._chain.finish_from(nested.of_size(size)))
        return Chosen(token, drew or self.drew_before)

    def _choose(self, left: Left) -> Chosen:
        candidates, drew = left
        if self.forced is not None:
            return Chosen(self.forced, drew)
        if not len(candidates) or candidates.data["logit"].max() == -np.inf:
            return Chosen(DEAD_END, drew)
        return Chosen(self._chain.pick(candidates), drew)

    # --- what is known of the token ---

    @property
    def width(self) -> int:
        """How many candidates come to the knob's own stage."""
        return self._chain.width

    @property
    def own(self) -> Stage:
        """The first stage that the knob acts on, at the chain's own value."""
        return self._chain.own

    @property
    def after(self) -> tuple[Stage, ...]:
        """The stages behind it."""
        return self._chain.after

    @property
    def u(self) -> float:
        """The roll of this token."""
        return self._chain.u

    @property
    def fires(self) -> bool:
        """Whether XTC drops something here, if there is something to drop (`OpenedChain.fires`)."""
        return self._chain.fires

    @property
    def has_xtc(self) -> bool:
        """Whether XTC acts here, so that the rolls of later tokens depend on what it takes."""
        return self._chain.has_xtc

    @functools.cached_property
    def drew_before(self) -> bool:
        """Whether XTC stands before the knob's own stage, or is that, and takes a number."""
        return self._chain.before.drew or (self.axis.knob.stage == "xtc" and self.width > 1)

    def history(self, window: int | None) -> tuple[int, ...]:
        """The last tokens that a stage with this window has seen; all of them if it has none."""
        return self._chain.history(window)

    def repetitions(self, ordinal: int | None = None) -> Repetitions:
        """DRY's repetitions, at another value of the knob or at the chain's own."""
        if ordinal is None:
            return self._chain.repetitions(self.settings)
        return self._chain.repetitions(self.settings.unchecked(self.axis.knob.name, self.axis.value(ordinal)))
