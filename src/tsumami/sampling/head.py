"""The head of a row: what top-k leaves of a vocabulary, without making candidates of all of it.

Guarantee: the head is, to the last bit, what the stages up to top-k would leave.

Before top-k only idle stages and `LocalStage`s may stand. Those change at most w known tokens and each by itself, so
what is among the k largest afterwards was among the k + w largest before, or is one of the w. These few candidates go
through the stages; the k largest of them, in descending order, are what `llama_sampler_top_k_apply` leaves. If they and
the next one are all different, there is only one such order. Among equals the order is that of llama.cpp's own partial
sort, so a row that has equals there goes the whole way, and so does one with a logit so large that llama.cpp missorts
it, and a chain that is watched.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from tsumami.native import Float32Array
from tsumami.sampling.candidates import MISSORTED, Candidates
from tsumami.sampling.local import LocalStage
from tsumami.sampling.measure import Summit, summit
from tsumami.sampling.stages import Stage, TopKStage

_LARGEST: Final = 512  # k + w; with more, equal logits are nearly always among them


class Head:
    """The stages of a chain up to its top-k, and the `rest` behind it."""

    __slots__ = ("_k", "_local", "rest")

    def __init__(self, local: Sequence[LocalStage], k: int, rest: Sequence[Stage]) -> None:
        self._local = tuple(local)
        self._k = k
        self.rest = tuple(rest)

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> Head | None:
        """The head of a chain, if it has one."""
        local: list[LocalStage] = []
        for index, stage in enumerate(stages):
            if stage.idle is not None:
                continue
            if isinstance(stage, TopKStage):
                return cls(local, stage.k, stages[index + 1 :])
            if (
                not isinstance(stage, LocalStage)
                or next(itertools.islice(stage.tokens(), _LARGEST, None), None) is not None
            ):
                return None  # none, or one that changes too many from the beginning
            local.append(stage)
        return None

    def take(self, row: Float32Array) -> Candidates | None:
        """What top-k leaves of a row of logits, shape (n_vocab,); None if equal logits leave that open."""
        near = self.look(row)
        return None if near is None else self.cut(row, near)

    def look(self, row: Float32Array) -> Summit | None:
        """The part of the row in which all that can be left is to be looked for; None if that is too much of it."""
        count = self._k + 1 + len(self._changed())
        return summit(row, count) if count <= min(_LARGEST, len(row)) else None

    def _changed(self) -> set[int]:
        return {token for stage in self._local for token in stage.tokens()}

    def cut(self, row: Float32Array, found: Summit) -> Candidates | None:
        """`take`, once `look` has found it."""
        changed, ids = self._changed(), found.ids
        if changed:
            tokens = np.fromiter(changed, np.intp, len(changed))
            ids = np.concatenate([ids, tokens[row[tokens] < found.floor]])
        candidates = Candidates.of(ids, row[ids])
        for stage in self._local:
            stage.change(candidates)
        logits = candidates.logits
        order = np.lexsort((-logits,))[: self._k + 1]
        highest = logits[order]
        if np.count_nonzero(highest[1:] == highest[:-1]) or highest[0] >= MISSORTED:
            return None
        candidates.keep(order[:-1], is_sorted=True)
        return candidates
