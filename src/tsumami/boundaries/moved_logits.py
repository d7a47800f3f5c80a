"""Moved logits: the candidates of a knob that moves logits, before its own stage, whatever its value.

Guarantee: with the stages from the knob's own on, `listed` gives what `whole` gives at every value of the knob: left
out are only candidates that a top-k behind cuts at all of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np

from tsumami import native
from tsumami.boundaries.bounds.rounding import OURS, POWF, SMALLEST, sum_of
from tsumami.knobs.stages import LOOKING_BACK
from tsumami.native import Float32Array, Int32Array
from tsumami.sampling import Candidates, Stage
from tsumami.sampling.resume import OpenedChain

__all__ = ["Listed", "MovedLogits"]

_ALL: Final = 2**24  # a window that is longer than any history


class Listed(NamedTuple):
    """Candidates in their order, as arrays of shape (n,), and whether llama.cpp trusts that they are sorted."""

    ids: Int32Array
    logits: Float32Array
    is_sorted: bool

    @classmethod
    def of(cls, candidates: Candidates) -> Listed:
        """A copy of what there is."""
        return cls(candidates.ids, candidates.logits, candidates.sorted)


class MovedLogits:
    """At one token, for one knob.

    Args:
        chain: opened at the knob's own stage.
        knob: its name.
        windows: for each stage that looks back the knob that says how far.
    """

    def __init__(self, chain: OpenedChain, knob: str, windows: Mapping[str, str]) -> None:
        self._chain = chain
        self._knob = knob
        self._windows = windows

    @functools.cached_property
    def listed(self) -> Listed:
        """The candidates before the knob's own stage, but for those that top-k cuts at every value."""
        in_order = self._chain.settings.dynatemp_range == 0 and not self._knob.startswith("dynatemp")
        short = self._chain.short(self._may_change, in_order=in_order) if not self._chain.idle else None
        return self.whole if short is None else Listed.of(short)

    @property
    def whole(self) -> Listed:
        """All candidates before the knob's own stage."""
        return Listed.of(self._chain.before.candidates)

    @property
    def changeable(self) -> set[int]:
        """The tokens that stages which look back can change from the knob's own stage on, at any value."""
        return {token for stage in (self._chain.own, *self._chain.after) for token in self._may_change(stage)}

    def _may_change(self, stage: Stage) -> Iterable[int]:
        """The tokens that a stage can change because it looks back, at any value of the knob."""
        if stage.name in LOOKING_BACK and stage.name not in self._windows:
            return self._chain.history(None)
        window = self._windows.get(stage.name)
        if window is None:
            return ()
        return self._chain.history(_ALL if self._knob == window else getattr(self._chain.settings, window))

    @functools.cached_property
    def entropy_share(self) -> tuple[float, float]:
        """Bounds of H / ln n as dynamic temperature finds it here; 1 stands for 1 and whatever rounding adds.

        With T = spread = exponent = 1 it divides by T' = 2 · powf(H / ln n, 1), where doubling rounds nothing. So a
        logit before it, divided by the one after it, is twice the share but for POWF, and for h of the division.
        """
        before = self._chain.before.candidates.copy()
        at = int(np.abs(np.nan_to_num(before.data["logit"], neginf=0)).argmax())
        token, logit = before.data["id"][at], float(before.data["logit"][at])
        native.temperature(1.0, 1.0, 1.0).apply(before.array)
        after = float(before.data["logit"][before.data["id"] == token][0])
        if len(before) < 2 or not SMALLEST <= abs(after) < math.inf:
            return 0.0, 1.0
        share, margin = logit / after / 2, POWF + sum_of(1 + OURS)
        return min(share * (1 - margin), 1.0), min(share * (1 + margin), 1.0)
