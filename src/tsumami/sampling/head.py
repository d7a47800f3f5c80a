"""The head of a row: what top-k leaves of a vocabulary, without making candidates of all of it.

Guarantee: the head is, to the last bit, what the stages up to top-k would leave.

Before top-k only idle stages and `LocalStage`s may stand. Those change at most w known tokens and each by itself, so
what is among the k largest afterwards was among the k + w largest before, or is one of the w. These few candidates go
through the stages; the k largest of them, in descending order, are what `llama_sampler_top_k_apply` leaves. If they and
the next one are all different, there is only one such order. Among equals the order is that of llama.cpp's own partial
sort, so a row that has equals there goes the whole way, and so does one with a logit so large that llama.cpp missorts
it, and a chain that is watched.

A constraint takes out all but what it allows, each token by itself, too: then all of this is said of the largest among
the allowed. Where fewer are allowed than top-k would keep, they are all there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array
from tsumami.sampling.candidates import MISSORTED, Candidates
from tsumami.sampling.constraint import ConstraintStage
from tsumami.sampling.local import LocalStage, changed_tokens
from tsumami.sampling.measure import Summit, summit
from tsumami.sampling.stages import Stage, TopKStage

_LARGEST: Final = 512  # k + w; with more, equal logits are nearly always among them
_FEW: Final = 1024  # allowed tokens that are sorted sooner than searched


class Head:
    """The stages of a chain up to its top-k, and the `rest` behind it."""

    __slots__ = ("_constraint", "_first", "_k", "_local", "rest")

    def __init__(self, first: Sequence[LocalStage | ConstraintStage], k: int, rest: Sequence[Stage]) -> None:
        self._first = tuple(first)
        self._local = [stage for stage in first if isinstance(stage, LocalStage)]
        self._constraint = next((stage for stage in first if isinstance(stage, ConstraintStage)), None)
        self._k = k
        self.rest = tuple(rest)

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> Head | None:
        """The head of a chain, if it has one."""
        first: list[LocalStage | ConstraintStage] = []
        for index, stage in enumerate(stages):
            if stage.idle is not None:
                continue
            if isinstance(stage, TopKStage):
                return cls(first, stage.k, stages[index + 1 :])
            if not isinstance(stage, LocalStage | ConstraintStage) or _changes_many(stage):
                return None
            first.append(stage)
        return None

    @classmethod
    def of_largest(cls, stages: Sequence[Stage]) -> Head | None:
        """The two largest of what all stages leave, if they take the logits one by one: there need be no top-k."""
        active = [stage for stage in stages if stage.idle is None]
        first = [stage for stage in active if isinstance(stage, LocalStage | ConstraintStage)]
        return cls(first, 2, ()) if len(first) == len(active) and not any(map(_changes_many, first)) else None

    def n_left(self, row: Float32Array) -> int:
        """How many tokens the stages before top-k leave to be chosen, where one of them can be."""
        alive = row > -np.inf
        if self._constraint is not None:
            alive &= self._constraint.allowed
        changed = changed_tokens(self._local)
        seen = Candidates.of(changed, row[changed])
        for stage in self._first:
            stage.change(seen)
        alive[changed] = False
        return int(np.count_nonzero(alive)) + int(np.count_nonzero(seen.data["logit"] > -np.inf))

    def take(self, row: Float32Array) -> Candidates | None:
        """What top-k leaves of a row of logits, shape (n_vocab,); None if equal logits leave that open."""
        near = self.look(row)
        return None if near is None else self.cut(row, near)

    def look(self, row: Float32Array) -> Summit | None:
        """The part of the row in which all that can be left is to be looked for; None if that is too much of it."""
        count = self._k + 1 + len(changed_tokens(self._local))
        return summit(row, count) if count <= min(_LARGEST, len(row)) else None

    def cut(self, row: Float32Array, found: Summit) -> Candidates | None:
        """`take`, once `look` has found it."""
        tokens = changed_tokens(self._local)
        if self._constraint is not None:
            found = _allowed(self._constraint.allowed, row, found, self._k + 1 + len(tokens))
        ids = found.ids
        if len(tokens):
            ids = np.concatenate([ids, tokens[row[tokens] < found.floor]])
        candidates = Candidates.of(ids, row[ids])
        for stage in self._first:
            stage.change(candidates)
        logits = candidates.logits
        order = np.lexsort((-logits,))[: self._k + 1]
        highest = logits[order]
        if not len(highest) or highest[0] == -np.inf or highest[0] >= MISSORTED:
            return None
        if np.count_nonzero(highest[1:] == highest[:-1]):
            return None
        candidates.keep(order[: self._k], is_sorted=True)
        return candidates


def _changes_many(stage: LocalStage | ConstraintStage) -> bool:
    """Whether it changes so many tokens from the beginning that a head is not worth looking for."""
    return isinstance(stage, LocalStage) and next(itertools.islice(stage.tokens(), _LARGEST, None), None) is not None


def _allowed(allowed: npt.NDArray[np.bool_], row: Float32Array, found: Summit, count: int) -> Summit:
    """The `count` largest of the allowed logits and not many more: those of a summit of all, if it has enough."""
    ids = found.ids[allowed[found.ids]]
    if len(ids) >= count:
        return Summit(ids, found.floor)
    if np.count_nonzero(allowed) > _FEW:
        made = summit(np.where(allowed, row, np.float32(-np.inf)), count)
        if made.floor > -np.inf:
            return made
    return Summit(np.flatnonzero(allowed), np.float32(-np.inf))
