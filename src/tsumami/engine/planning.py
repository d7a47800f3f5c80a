"""Planning: which tokens of which feeds go into the next batch.

Guarantee: the oldest program always gets on. A feed that needs a few tokens has them in every batch with room for them,
so streams stay lively beside long prompts, and take nothing of the prompts' share; a prompt that others wait behind
leaves them half of what is left. Nothing is computed twice beside each other: whoever needs what a batch is about to
compute waits for it.

A plan is made of numbers alone, over whatever can say where sequences lie (`Places`): no context, no clock, no thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from tsumami.engine.cache import Slot
from tsumami.engine.sequence import Feed, Rows, Sequence
from tsumami.native import Float32Array

__all__ = ["SOLO", "TOGETHER", "BatchPlan", "Job", "Places", "Policy", "Portion"]


_FEW: Final = 4  # tokens of a feed that is no prompt, such as a stream's next one


@dataclass(frozen=True, slots=True)
class Policy:
    """What the batcher may do: `reuse` prefixes from the cache, compute programs `together` in one batch, and cut
    prompts into pieces as time allows, or into pieces of one fixed size.
    """

    reuse: bool
    together: bool
    fixed_piece: int | None = None


#: Everybody at once, over one cache: no bit of an exact engine depends on it, and a fast one promises none.
TOGETHER: Final = Policy(reuse=True, together=True)
#: For an engine that should be exact and is not: one program at a time, in pieces of one size, as from an empty cache,
#: so that the calls of a run are always the same. What an earlier one left of the very same pieces stays
#: (`Cache.begin_alone`).
SOLO: Final = Policy(reuse=False, together=False, fixed_piece=32)


@dataclass(slots=True, eq=False)
class Job:
    """One feed on its way: the rank of who asks (the smaller, the older), the whole token list that the sequence will
    have, how many of its tokens are new, and the rows collected so far.
    """

    rank: int
    feed: Feed
    target: list[int]
    n_new: int
    logits: list[Float32Array] = field(default_factory=list)
    hidden: list[Float32Array] = field(default_factory=list)
    reused: int | None = None
    done: bool = False

    @property
    def is_prompt(self) -> bool:
        """Whether it brings so many tokens that they may be cut into pieces."""
        return self.n_new > _FEW

    def first_output(self) -> int:
        """Index in `target` of the first token whose row is wanted."""
        if self.feed.rows == "all":
            return len(self.target) - self.n_new
        return len(self.target) - 1 if self.feed.rows == "last" else len(self.target)

    def progress(self) -> int:
        """Index in `target` of the next token whose row is still to come."""
        return self.first_output() + len(self.logits)

    def reusable(self) -> int:
        """How many of the first tokens may come from the cache; a row must be computed, and so must something."""
        return min(self.progress(), len(self.target) - 1)

    def result(self, n_vocab: int) -> Rows:
        """What the feed gives."""
        return Rows(_stacked(self.logits, n_vocab), _stacked(self.hidden, 0) if self.hidden else None, self.reused or 0)


def _stacked(rows: list[Float32Array], width: int) -> Float32Array:
    """Rows as one array (n, width); a single one, the case of every generated token, without another copy."""
    if len(rows) == 1:
        return rows[0][np.newaxis]
    return np.stack(rows) if rows else np.empty((0, width), np.float32)


@dataclass(frozen=True, slots=True)
class Portion:
    """A run of tokens of one job in one batch: positions start .. start + count of its slot."""

    job: Job
    slot: Slot
    start: int
    count: int

    @property
    def tokens(self) -> list[int]:
        """The tokens."""
        return self.job.target[self.start : self.start + self.count]

    @property
    def is_last(self) -> bool:
        """Whether the job is done with it."""
        return self.start + self.count == len(self.job.target)

    def serves(self, job: Job, have: int) -> bool:
        """Whether it is about to compute the next token of `job`, so that it can be forked in the next turn."""
        if not self.start <= have < min(self.start + self.count, job.reusable()):
            return False
        return self.job.target[have] == job.target[have] and self.job.target[:have] == job.target[:have]


class Places(Protocol):
    """Where sequences lie, and what room there is: the part of the cache that a plan asks (`Cache` explains each)."""

    @property
    def free_cells(self) -> int:
        """Cells that can be taken now."""

    def place(self, sequence: Sequence, target: list[int], must_compute: int, rank: int, busy: set[int]) -> Slot | None:
        """The slot of a sequence, holding as much of `target` as can be had."""

    def fits(self, slot: Slot, more: int, rank: int, busy: set[int], planned: int) -> bool:
        """Whether a slot could take `more` cells beside all that it may not evict."""

    def make_room(self, count: int, rank: int, spare: set[int]) -> bool:
        """Free cells by a collection; every slot must then be placed anew."""


@dataclass(slots=True)
class BatchPlan:
    """A batch as it is planned: `room` for so many more tokens, `prompt_room` of them in portions of prompts."""

    places: Places
    room: int
    prompt_room: int
    reuse: bool = True
    portions: list[Portion] = field(default_factory=list, init=False)
    _planned: int = field(default=0, init=False)
    _busy: set[int] = field(default_factory=set, init=False)

    def take(self, jobs: Iterable[Job]) -> list[Portion]:
        """Choose a portion of each job that can have one, oldest first."""
        waiting = sorted(jobs, key=lambda job: job.rank)
        prompts_behind = sum(job.is_prompt for job in waiting)
        for job in waiting:
            prompts_behind -= job.is_prompt
            if self.room == 0:
                break
            portion = self._portion(job, self._share(others_wait=prompts_behind > 0))
            if portion is not None:
                self._add(portion)
        return self.portions

    def _share(self, *, others_wait: bool) -> int:
        """How many tokens the next prompt may take. It leaves half to the prompts behind it, so that a short one need
        not wait for the end of a long one.
        """
        return min(self.room, self.prompt_room // 2 if others_wait else self.prompt_room)

    def _add(self, portion: Portion) -> None:
        self.portions.append(portion)
        self._busy.add(portion.slot.number)
        self._planned += portion.count
        self.room -= portion.count
        if portion.job.is_prompt and portion.count > 1:
            self.prompt_room -= portion.count

    def _portion(self, job: Job, share: int) -> Portion | None:
        """The job's next portion, beside those that are planned; None: it has none in this turn.

        Only the first of a turn may make room by a collection, because that moves the slots of everybody. The others
        take what is left, if they can stay beside those who go before them.
        """
        first, must_compute = not self.portions, len(job.target) - job.reusable()
        while True:
            slot = self.places.place(job.feed.sequence, job.target, must_compute, job.rank, self._busy)
            if slot is None or self._comes_with_another(job, len(slot.tokens)):
                return None
            remaining = len(job.target) - len(slot.tokens)
            count = self._count(job, remaining, share)
            if count and (first or self._can_stay(job, slot, remaining)):
                return self._cut(job, slot, count)
            can_collect = first and share > 0
            if not can_collect or not self.places.make_room(min(remaining, share), job.rank, {slot.number}):
                return None

    @property
    def _free(self) -> int:
        """Cells that no portion is going to take."""
        return self.places.free_cells - self._planned

    def _count(self, job: Job, remaining: int, share: int) -> int:
        """How many tokens of a job go in now: a few always, of a prompt as many as its share and the cells allow."""
        wanted = min(remaining, share) if job.is_prompt and remaining > 1 else remaining
        return min(wanted, self.room, self._free)

    def _comes_with_another(self, job: Job, have: int) -> bool:
        """Whether the job may reuse more than it has, and a portion is about to compute just that: then it waits."""
        return self.reuse and have < job.reusable() and any(portion.serves(job, have) for portion in self.portions)

    def _can_stay(self, job: Job, slot: Slot, remaining: int) -> bool:
        """Whether all that remains of the job will find cells, now or once what may go has gone."""
        return remaining <= self._free or self.places.fits(slot, remaining, job.rank, self._busy, self._planned)

    def _cut(self, job: Job, slot: Slot, count: int) -> Portion:
        have = len(slot.tokens)
        if job.reused is None:
            job.reused = have
        return Portion(job, slot, have, count)
