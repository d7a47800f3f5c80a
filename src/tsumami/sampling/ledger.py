"""The ledger of a token: what each stage of the chain removed or moved, and where the roll fell.

Guarantee: looking changes nothing. A ledger is filled by copying what the stages leave behind; the chain does not know
that it is watched. The first record is the model's own distribution, the last one is what the choice was made from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array, Int32Array
from tsumami.sampling.candidates import Candidates, softmax
from tsumami.sampling.draw import Pick


@dataclass(frozen=True, slots=True, eq=False)
class StageRecord:
    """The candidates after one stage, in the array's order: `ids` int32 (n,), `logits` float32 (n,)."""

    name: str
    idle: str | None
    ids: Int32Array
    logits: Float32Array

    @property
    def probs(self) -> npt.NDArray[np.float64]:
        """softmax of the logits, shape (n,): probabilities among the candidates that are left; sums to 1."""
        return softmax(self.logits)

    def prob_of(self, token: int) -> float | None:
        """Probability of a token after this stage; None if it has been cut (or masked to -inf)."""
        found = np.flatnonzero(self.ids == token)
        if not len(found) or self.logits[found[0]] == -np.inf:
            return None
        return float(self.probs[found[0]])

    def log_prob_of(self, token: int) -> float | None:
        """Natural logarithm of `prob_of`, also where that is too small for a float64; None if it has been cut."""
        found = np.flatnonzero(self.ids == token)
        if not len(found) or self.logits[found[0]] == -np.inf:
            return None
        below = self.logits.astype(np.float64) - float(self.logits.max())
        return float(below[found[0]] - np.log(np.exp(below).sum()))

    @property
    def n_kept(self) -> int:
        """How many candidates can still be chosen (those masked to -inf cannot)."""
        return int(np.count_nonzero(self.logits > -np.inf))


@dataclass(frozen=True, slots=True)
class Removed:
    """What a stage took out: how many tokens, the likeliest of them, and its probability before (None: nothing)."""

    count: int
    best: int | None = None
    p: float | None = None


def removed_of(before: StageRecord, probs: npt.NDArray[np.float64], stays: npt.NDArray[np.bool_]) -> Removed:
    """What could be chosen before a stage and does not stay; of equal logits the first counts as the likeliest.

    probs, stays: shape (n,), in the order of `before`.
    """
    gone = np.flatnonzero(~stays & (before.logits > -np.inf))
    if not len(gone):
        return Removed(0)
    best = gone[before.logits[gone].argmax()]
    return Removed(len(gone), int(before.ids[best]), float(probs[best]))


@dataclass(frozen=True, slots=True)
class ContrastiveTerm:
    """One candidate of contrastive search: score = (1 - alpha) · confidence - alpha · penalty."""

    id: int
    confidence: float
    penalty: float
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """The account of one token.

    `records[0]` is the model's own distribution (name `model`), then one per stage; the last record is what the choice
    was made from. `contrast` holds the terms of contrastive search.
    """

    step: int
    records: tuple[StageRecord, ...]
    pick: Pick
    contrast: tuple[ContrastiveTerm, ...] = ()

    @property
    def token(self) -> int:
        """The token that was chosen."""
        return self.pick.token

    @property
    def stages(self) -> tuple[StageRecord, ...]:
        """The records of the stages, without the model's own distribution."""
        return self.records[1:]

    def cut_at(self, token: int) -> str | None:
        """Name of the stage that cut `token`; None if it stayed to the end."""
        for record in self.records:
            if record.prob_of(token) is None:
                return record.name
        return None

    def mass_kept(self) -> tuple[float, ...]:
        """Per stage: the share of the incoming probability that the stage let through, in 0..1."""
        kept = []
        for before, after in zip(self.records, self.stages, strict=False):
            alive = after.ids[after.logits > -np.inf]
            kept.append(float(before.probs[np.isin(before.ids, alive)].sum()))
        return tuple(kept)

    def removed(self) -> tuple[Removed, ...]:
        """Per stage: how many tokens it took out, and which of them was the likeliest."""
        found = []
        for before, after in zip(self.records, self.stages, strict=False):
            alive = after.ids[after.logits > -np.inf]
            found.append(removed_of(before, before.probs, np.isin(before.ids, alive)))
        return tuple(found)


class LedgerWriter:
    """Fills a ledger while a chain runs; give its `watch` to `Chain.choose`."""

    def __init__(self) -> None:
        self._records: list[StageRecord] = []

    def watch(self, name: str, idle: str | None, candidates: Candidates) -> None:
        """Copy what a stage left behind."""
        self._records.append(StageRecord(name, idle, candidates.ids, candidates.logits))

    def close(self, step: int, pick: Pick, contrast: tuple[ContrastiveTerm, ...] = ()) -> Ledger:
        """The finished ledger of token number `step` of a reply."""
        records = tuple(self._records)
        self._records = []
        return Ledger(step, records, pick, contrast)
