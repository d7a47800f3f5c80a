"""Ranks: a whole vocabulary in the order of its logits, before anybody has asked which token has which.

Guarantee: what is left is, to the last bit, what the whole way would leave, or it is not told.

llama.cpp takes milliseconds to sort 49,152 candidates, NumPy 0.2 to sort their logits alone. What looks at logits and
places only (`Ranked`) makes of ranks what it would make of tokens, and ids are looked up for the few that are left. Of
equal logits only llama.cpp's sort knows which comes first. What is not left may be in any order, so all that matters is
that nothing that is left has an equal among all.

A chain goes this way (`RankedStages`) if it sorts everything before it cuts: local stages, then typ_p or tfs_z, then
others that do not look at ids. The logits may change only behind the last cut: two that a division has made equal would
be sorted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array
from tsumami.sampling.candidates import MISSORTED, Candidates
from tsumami.sampling.local import LocalStage, changed_tokens
from tsumami.sampling.stages import Stage

__all__ = ["Ranked", "RankedStages"]

_SORTING: Final = frozenset({"typ_p", "tfs_z"})
_CUTTING: Final = _SORTING | {"top_k", "top_p", "min_p", "epsilon_cutoff", "eta_cutoff", "top_a", "top_h"}
_MOVING: Final = frozenset({"smoothing", "temperature"})


class Ranked:
    """Logits, shape (n,), and their order; `candidates` have ranks, from 0, for ids."""

    def __init__(self, logits: Float32Array) -> None:
        self._logits = logits
        self._descending = np.sort(logits)[::-1]
        self.candidates = Candidates.from_row(self._descending)
        self.candidates.array.sorted = True

    def resolve(self) -> bool:
        """Give what is left of the candidates the places of their logits for ids; False if that is not known: there are
        equals, or a logit with which llama.cpp missorts.
        """
        ranks, last = self.candidates.data["id"], len(self._logits) - 1
        logits = self._descending[ranks]
        equals = (logits == self._descending[np.maximum(ranks - 1, 0)]) & (ranks > 0)
        equals |= (logits == self._descending[np.minimum(ranks + 1, last)]) & (ranks < last)
        if self._descending[0] >= MISSORTED or equals.any():
            return False
        places = (self._logits >= logits.min()).nonzero()[0]
        self.candidates.data["id"] = places[np.argsort(-self._logits[places])][ranks]
        return True


class RankedStages:
    """The stages of a chain that goes this way: the `local` ones, and the `rest`."""

    __slots__ = ("_local", "_rest")

    def __init__(self, local: Sequence[LocalStage], rest: Sequence[Stage]) -> None:
        self._local, self._rest = tuple(local), tuple(rest)

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> RankedStages | None:
        """Those of a chain, if it goes this way."""
        active = [stage for stage in stages if stage.idle is None]
        at = next((index for index, stage in enumerate(active) if stage.name in _SORTING), len(active))
        local = [stage for stage in active[:at] if isinstance(stage, LocalStage)]
        names = [stage.name for stage in active[at:]]
        cutting = names[:-1] if names and names[-1] in _MOVING else names
        if len(local) < at or not names or not _CUTTING.issuperset(cutting):
            return None
        return cls(local, active[at:])

    def take(self, row: Float32Array) -> Candidates | None:
        """What all stages leave of a row of logits, shape (n_vocab,); None if equal logits leave that open."""
        logits, ids = self._moved(row)
        ranked = Ranked(logits)
        for stage in self._rest:
            stage.apply(ranked.candidates)
        if ranked.candidates.data["logit"].max() == -np.inf or not ranked.resolve():
            return None
        if ids is not None:
            ranked.candidates.data["id"] = ids[ranked.candidates.data["id"]]
        return ranked.candidates

    def _moved(self, row: Float32Array) -> tuple[Float32Array, npt.NDArray[np.intp] | None]:
        """What the local stages make of all logits; and whose they are, if tokens were taken out."""
        changed = changed_tokens(self._local)
        if not len(changed):
            return row, None
        logits, stays = row.copy(), np.ones(len(row), np.bool_)
        stays[changed] = False
        untouched = int(stays.argmax())  # beside it, they can all go
        seen = Candidates.of(np.append(changed, untouched), row[np.append(changed, untouched)])
        for stage in self._local:
            stage.change(seen)
        logits[seen.data["id"]] = seen.data["logit"]
        stays[seen.data["id"]] = True
        return (logits, None) if stays.all() else (logits[stays], stays.nonzero()[0])
