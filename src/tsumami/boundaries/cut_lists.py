"""Cut lists: what a knob that cuts leaves at its values, as one list of candidates and how many of them are left.

Guarantee: `Nested.of_size` is, for every size that the real stage comes to within a span, the very list that it leaves
there; where the lists at the span's ends are no parts of one another, there is no `Nested`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.moved_logits import Listed
from tsumami.knobs.stages import row_of
from tsumami.native import Float32Array, Int32Array
from tsumami.sampling import Candidates
from tsumami.sampling.resume import OpenedChain

__all__ = ["CutLists", "Nested"]


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """The candidates that a cutting stage leaves: for every size the first so many by `rank`, in one order.

    `falling`: larger values leave fewer. `masks`: what is cut stays in the list at -inf.
    """

    ids: Int32Array
    logits: Float32Array
    rank: npt.NDArray[np.int64]
    is_sorted: bool
    smallest: int
    largest: int
    falling: bool
    masks: bool

    @property
    def listed(self) -> Listed:
        """All of them."""
        return Listed(self.ids, self.logits, self.is_sorted)

    def of_size(self, size: int) -> Candidates:
        """The candidates that are left at one size."""
        inside = self.rank < size
        if self.masks:
            return Candidates.of(self.ids, np.where(inside, self.logits, np.float32(-np.inf)), is_sorted=self.is_sorted)
        return Candidates.of(self.ids[inside], self.logits[inside], is_sorted=self.is_sorted)


class CutLists:
    """At one token, for one knob that cuts; of a chain that is opened at the knob's own stage."""

    def __init__(self, chain: OpenedChain, axis: Axis) -> None:
        self._chain = chain
        self._axis = axis
        self._name = axis.knob.name
        self._row = row_of(axis.knob.stage)
        self._known: dict[Span, Nested | None] = {}

    def nested(self, span: Span) -> Nested | None:
        """What the knob's cutting stage leaves within a span; None if the lists at its ends are no parts of one
        another.
        """
        if span not in self._known:
            self._known[span] = self._nested(span)
        return self._known[span]

    def _nested(self, span: Span) -> Nested | None:
        if self._row.leaves == "largest" and not self._row.masks and self._chain.starts_sorted:
            return self._prefixes(span)
        first, last = (self.left_at(ordinal) for ordinal in span)
        falling = self._size(first) > self._size(last)
        big, small = (first, last) if falling else (last, first)
        ids, logits = big.ids, big.logits
        if self._row.masks:
            logits = self._chain.before.candidates.logits
        rank = self._rank(logits)
        nested = Nested(ids, logits, rank, big.sorted, self._size(small), self._size(big), falling, self._row.masks)
        for end in (small, big):
            made = nested.of_size(self._size(end))
            if not (np.array_equal(made.ids, end.ids) and np.array_equal(made.logits, end.logits)):
                return None
        return self._heeded(nested) if small.sorted == big.sorted else None

    def _prefixes(self, span: Span) -> Nested:
        """Where all that the stage can leave is a beginning of the sorted list before it."""
        first, last = (self.size_at(ordinal) for ordinal in span)
        small, big = sorted((first, last))
        ids, logits, _ = Listed.of(self._chain.before.candidates)
        return self._heeded(Nested(ids[:big], logits[:big], np.arange(big), True, small, big, first > last, False))

    def _heeded(self, nested: Nested) -> Nested:
        """Without what the next stage, if it is top-k, throws out at every size: it goes by the same rank."""
        following = next((stage for stage in self._chain.after if stage.idle is None), None)
        k = self._chain.settings.top_k
        if following is None or following.name != "top_k" or nested.largest <= k:
            return nested
        if self._row.leaves != "largest":
            return nested
        kept = nested.rank < k
        return Nested(
            nested.ids[kept],
            nested.logits[kept],
            nested.rank[kept],
            nested.is_sorted,
            min(nested.smallest, k),
            k,
            nested.falling,
            nested.masks,
        )

    def _rank(self, logits: Float32Array) -> npt.NDArray[np.int64]:
        """In which order candidates come in as the stage gets milder."""
        n = len(logits)
        match self._row.leaves:
            case "typical":
                return np.arange(n)
            case "all_but_best":
                return np.arange(n)[::-1].copy()
        rank = np.empty(n, np.int64)
        rank[np.argsort(-logits, kind="stable")] = np.arange(n)
        return rank

    def left_at(self, ordinal: int) -> Candidates:
        """What the knob's own stage, the real one, leaves at a value."""
        return self._chain.left_by(self._chain.own_with(self._name, self._axis.value(ordinal)))

    def size_at(self, ordinal: int) -> int:
        """How many that is."""
        if self._name == "top_k" and ordinal:
            return min(ordinal, self._chain.width)
        return self._size(self.left_at(ordinal))

    def _size(self, candidates: Candidates) -> int:
        """How many there are; what a stage that masks has cut stays in the list at -inf."""
        if self._row.masks:
            return int(np.count_nonzero(candidates.data["logit"] > -np.inf))
        return len(candidates)
