"""The cache: which tokens' keys and values lie in the context, by slot.

Guarantee: what a slot holds is bit for bit what a fresh computation would put there (cells.py says what that takes),
the count of cells is exact (a cell shared by forks counts once), and what goes first is what nobody owns and nobody has
used for the longest time. One thread uses a cache: the batcher's.

A slot is a sequence id of llama.cpp. A slot whose sequence is closed (or gone) stays as a cache of its tokens. Two ids
more, the keepers, also hold every cell that has been filled since the last collection: that keeps llama.cpp from
filling a cell again on its own account, be it a dead one or one that a sliding window has passed (it does that to cells
with a single holder).
"""

from __future__ import annotations

import itertools
import sys
import weakref
from bisect import bisect_left
from collections.abc import Collection, Iterable
from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field
from typing import Final, Protocol

from tsumami.engine.cells import CellPool
from tsumami.engine.radix import RadixTree, common_prefix
from tsumami.engine.sequence import Sequence

#: Sequence ids that the cache needs for itself, beside its slots.
N_KEEPERS: Final = 2
_RETIRED: Final = sys.maxsize  # the rank of sequences whose program has ended
# Shares of all cells.
_WORTHWHILE: Final = 1 / 4  # a collection should free at least so many, or it would come again too soon
_ROOMY: Final = 1 / 2  # so many are free after one while nobody is at work
_NEARLY_ALL: Final = 3 / 4  # where more than these must go, single caches that stay would lie scattered


class SlotMemory(Protocol):
    """The part of a native context that hands cells from one sequence id to another."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` hold the positions start .. end of `source` as well."""

    def remove(self, slot: int, start: int = 0) -> None:
        """Let `slot` no longer hold its positions from `start` on."""


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence id of the context: the tokens it holds, their cells, and whose it is. `in_pieces`: so many of the
    first were computed as an empty cache would compute any text that begins with them, a whole piece a call.
    """

    number: int
    owner: weakref.ref[Sequence]
    rank: int
    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    used: int = 0
    lasting: bool = True
    in_pieces: int = 0

    @property
    def live(self) -> bool:
        """Whether an open sequence still owns the slot."""
        sequence = self.owner()
        return sequence is not None and not sequence.closed


@dataclass(frozen=True, slots=True)
class Eviction:
    """Who may lose their cells to an asker of `rank` (the smaller, the older), and who first. `spare` slots stay.

    1. Slots that nobody owns any more, the one that was used least recently first.
    2. Unless `closed_only`: the open sequences of later askers, the latest one's first; then the asker's own.

    An older asker's open sequences never go, so the oldest always gets on.
    """

    rank: int
    spare: Collection[int] = ()
    closed_only: bool = False

    def allows(self, slot: Slot) -> bool:
        """Whether the slot may go."""
        if slot.number in self.spare:
            return False
        return not slot.live or (slot.rank >= self.rank and not self.closed_only)

    @staticmethod
    def order(slot: Slot) -> tuple[bool, int, int]:
        """Of two that may go, the smaller goes first."""
        return (slot.live, -slot.rank if slot.live else 0, slot.used)


@dataclass(slots=True)
class _Demand:
    """How many cells sequences side by side have taken lately: what the next crowd may want again."""

    cells: int = 0

    def take(self, count: int) -> None:
        self.cells += count

    def next(self, size: int) -> int:
        """What to expect in a cache of `size` cells; what is not taken again counts half from now on."""
        expected, self.cells = min(self.cells, size), self.cells // 2
        return expected


class Cache:
    """Slots over a pool of cells."""

    def __init__(self, memory: SlotMemory, *, n_cells: int, n_slots: int, reuse: bool, partial: bool = True) -> None:
        """`reuse` False: no prefix of one sequence is ever used for another. `partial` False: the model's memory cannot
        go back (recurrent models), so a slot is continued as it is or made anew.
        """
        self.reuse = reuse
        self._memory = memory
        self._partial = partial
        self._pool = CellPool(n_cells)
        self._tree = RadixTree()
        self._slots: dict[int, Slot] = {}
        self._keepers = range(n_slots, n_slots + N_KEEPERS)
        self._free_numbers = list(range(n_slots - 1, -1, -1))
        self._by_sequence: weakref.WeakKeyDictionary[Sequence, Slot] = weakref.WeakKeyDictionary()
        self._clock = itertools.count(1)
        self._demand = _Demand()

    @property
    def n_cells(self) -> int:
        """All cells."""
        return self._pool.size

    @property
    def used_cells(self) -> int:
        """Cells that hold something, be it only as a cache."""
        return self._pool.size - self._pool.free - self._pool.dead

    @property
    def live_cells(self) -> int:
        """Cells that open sequences hold; the rest can be evicted."""
        return len({cell for slot in list(self._slots.values()) if slot.live for cell in slot.cells})

    @property
    def live_slots(self) -> int:
        """Number of open sequences that are in the cache."""
        return sum(slot.live for slot in list(self._slots.values()))

    @property
    def free_cells(self) -> int:
        """Cells that can be taken now, without a collection."""
        return self._pool.free

    def fits(self, slot: Slot, more: int, rank: int, busy: set[int], planned: int) -> bool:
        """Whether `slot` could take `more` cells beside all that it may not evict: `busy` slots, which are about to
        take `planned` cells, and open sequences of smaller rank.
        """
        held: set[int] = set()
        for other in self._slots.values():
            if other is not slot and (other.number in busy or (other.live and other.rank < rank)):
                held.update(other.cells)
        return len(held.union(slot.cells)) + planned + more <= self._pool.size

    def retire(self, rank: int) -> None:
        """The asker of this rank has ended: the sequences that it leaves open may be evicted by anybody."""
        for slot in self._slots.values():
            if slot.rank == rank:
                slot.rank = _RETIRED

    def place(self, sequence: Sequence, target: list[int], must_compute: int, rank: int, busy: set[int]) -> Slot | None:
        """The slot of `sequence`, holding the longest prefix of `target` that can be had and continued, but at most all
        save the last `must_compute` tokens.

        `rank` orders the askers: a smaller one may evict a greater one's sequences, never the other way round. `busy`
        slots belong to this turn and stay. None: there is no slot to be had now.
        """
        limit = len(target) - must_compute
        slot = self._by_sequence.get(sequence)
        if slot is not None and (self._slots.get(slot.number) is not slot or slot.owner() is not sequence):
            slot = None  # it was evicted, or adopted by another sequence
        if slot is not None:
            self._cut(slot, min(common_prefix(slot.tokens, target), limit, self._continuable(slot)))
        have = len(slot.tokens) if slot is not None else 0
        source, length = self._best_source(target, limit) if have < limit else (None, 0)
        if source is not None and length > have:
            slot = self._take_over(source, length, slot, sequence, rank, busy)
        elif slot is None:
            slot = self._open(sequence, rank, busy)
        if slot is not None:
            slot.used, slot.rank, slot.lasting = next(self._clock), rank, sequence.lasting
        return slot

    def _continuable(self, slot: Slot) -> int:
        """How many of a slot's first tokens lie below the frontier, so that more may follow them."""
        return bisect_left(slot.cells, self._pool.frontier)

    def _best_source(self, target: list[int], limit: int) -> tuple[Slot | None, int]:
        """The slot that shares the longest prefix with `target`, and how much of it can be continued."""
        if not self.reuse:
            return None, 0
        match = self._tree.longest(target[:limit])
        best: tuple[Slot | None, int] = (None, 0)
        for number in sorted(match.slots):
            source = self._slots[number]
            length = min(match.length, self._continuable(source))
            if length > best[1] and (self._partial or length == len(source.tokens)):
                best = source, length
        return best

    def _take_over(
        self, source: Slot, length: int, slot: Slot | None, sequence: Sequence, rank: int, busy: set[int]
    ) -> Slot | None:
        """Use `source`'s prefix: adopt the slot if nobody owns it and nothing would be lost, share its cells
        otherwise.
        """
        source.used = next(self._clock)
        if length == len(source.tokens) and not source.live and source.number not in busy:
            if slot is not None:
                self._evict(slot)
            source.owner = weakref.ref(sequence)
            self._by_sequence[sequence] = source
            return source
        slot = slot or self._open(sequence, rank, busy | {source.number})
        if slot is None:
            return None
        self._cut(slot, 0)
        self._memory.copy(source.number, slot.number, 0, length)
        slot.tokens, slot.cells = source.tokens[:length], source.cells[:length]
        self._pool.share(slot.cells)
        self._tree.extend(slot.number, slot.tokens)
        return slot

    def _open(self, sequence: Sequence, rank: int, busy: set[int]) -> Slot | None:
        if not self._free_numbers and not self._evict_one(Eviction(rank, busy)):
            return None
        number = self._free_numbers.pop()
        slot = self._slots[number] = Slot(number, weakref.ref(sequence), rank)
        self._by_sequence[sequence] = slot
        return slot

    def append(self, slot: Slot, tokens: Tokens[int], *, beside: bool = False) -> None:
        """Note that `tokens` are about to be decoded into `slot`, `beside` others or alone; there must be `free_cells`
        for them.
        """
        cells = self._pool.take(len(tokens))
        if beside:
            self._demand.take(len(cells))
        assert not slot.cells or slot.cells[-1] < cells[0], "cells of a sequence must ascend"
        slot.tokens.extend(tokens)
        slot.cells.extend(cells)
        if self.reuse:
            self._tree.extend(slot.number, tokens)

    def keep(self, slot: Slot, start: int) -> None:
        """Put the cells that were just decoded, positions from `start` on, under the keepers' protection."""
        for keeper in self._keepers:
            self._memory.copy(slot.number, keeper, start, len(slot.tokens))

    def make_room(self, count: int, rank: int, spare: set[int]) -> bool:
        """Free cells by a collection, evicting what may go if need be; afterwards every slot must be placed anew.

        Ownerless slots go until a quarter of all cells is free, open sequences of later askers (or idle ones of the
        same) only until `count` cells are. `spare` slots stay. False: nothing could be freed.
        """
        before = self._pool.free
        self._evict_until(max(count, self._share(_WORTHWHILE)), Eviction(rank, spare, closed_only=True))
        self._evict_until(count, Eviction(rank, spare))
        self._collect()
        return self._pool.free > before

    def make_ready(self) -> None:
        """While nobody is at work: if less than a quarter of the cells is free, make it half, the oldest caches first;
        after a crowd as many as it took, because the next may be as large; if that is nearly all, only beginnings that
        several had in common stay, because the rest would lie scattered, and each token looks over all cells up to the
        highest. Of 8192 cells: with 3000 free nothing happens; with 1500 free, closed caches go until 4096 are; after
        64 lanes that took 7000, all go but what the lanes had in common.

        A collection now cuts no open sequence that is about to be continued. In the middle of a crowd it would cut all
        of them, and computing them again would take as long as the crowd itself. What it costs is that a cache above
        the new frontier serves again only when the frontier has passed it.
        """
        crowd = self._demand.next(self._pool.size)
        self._tidy()
        if self._pool.free >= max(self._share(_WORTHWHILE), crowd):
            return
        wanted = max(self._share(_ROOMY), crowd)
        if wanted > self._share(_NEARLY_ALL):
            self._keep_beginnings(slot for slot in self._slots.values() if not slot.live)
        self._evict_until(wanted, Eviction(0, closed_only=True))
        self._collect()

    def _share(self, share: float) -> int:
        return int(self._pool.size * share)

    def _tidy(self) -> None:
        """Drop what serves nobody, the ends of sequences that are not to last and second copies, and free it at once,
        unless that would put a cache that is to last above the frontier.
        """
        self._keep_beginnings(slot for slot in self._slots.values() if not slot.live and not slot.lasting)
        self._drop_copies()
        others = (slot.cells[-1] for slot in self._slots.values() if slot.cells and (slot.live or slot.lasting))
        if self._pool.dead and max(others, default=-1) < self._pool.lowest_dead:
            self._collect()

    def _drop_copies(self) -> None:
        """Where several slots hold the same tokens, as after a run that was repeated, keep the one with the lowest
        cells.
        """
        closed = [slot for slot in self._slots.values() if not slot.live and slot.cells]
        for slot in sorted(closed, key=lambda slot: slot.cells[-1], reverse=True):
            holders = [self._slots[number] for number in self._tree.holders(slot.number) if number != slot.number]
            if any(self._partial or len(other.tokens) == len(slot.tokens) for other in holders):
                self._evict(slot)

    def _keep_beginnings(self, slots: Iterable[Slot]) -> None:
        """Of these slots keep only what others begin with, too, and that once."""
        oldest_first = sorted(slots, key=lambda slot: slot.used)
        for slot in oldest_first:
            self._cut(slot, self._pool.shared(slot.cells))
        for slot in oldest_first:
            if self._pool.shared(slot.cells) == len(slot.cells):
                self._evict(slot)

    def _collect(self) -> None:
        """Free the dead cells. Open sequences that reach above the new frontier are cut to what lies below it: they are
        about to be continued, which they could not be; the tokens that they lose are computed again.
        """
        frontier = self._pool.lowest_dead
        for slot in self._slots.values():
            if slot.live:
                self._cut(slot, bisect_left(slot.cells, frontier))
        for keeper in self._keepers:
            self._memory.remove(keeper)
            for slot in self._slots.values():
                self._memory.copy(slot.number, keeper, 0, len(slot.tokens))
        self._pool.collect()

    def _cut(self, slot: Slot, length: int) -> None:
        """Keep the first `length` tokens of `slot`."""
        if length >= len(slot.tokens):
            return
        if not self._partial:
            length = 0
        self._memory.remove(slot.number, length)
        self._pool.drop(slot.cells[length:])
        del slot.cells[length:], slot.tokens[length:]
        slot.in_pieces = min(slot.in_pieces, length)
        self._tree.remove(slot.number)
        if self.reuse and slot.tokens:
            self._tree.extend(slot.number, slot.tokens)

    def _evict_until(self, cells: int, eviction: Eviction) -> None:
        """Evict until a collection would leave so many cells free, or nothing more may go."""
        while self._pool.free + self._pool.dead < cells and self._evict_one(eviction):
            pass

    def _evict_one(self, eviction: Eviction) -> bool:
        """Drop the slot that goes first; False: none may go."""
        first = min(filter(eviction.allows, self._slots.values()), key=eviction.order, default=None)
        if first is None:
            return False
        self._evict(first)
        return True

    def _evict(self, slot: Slot) -> None:
        self._memory.remove(slot.number, 0)
        self._pool.drop(slot.cells)
        self._tree.remove(slot.number)
        del self._slots[slot.number]
        self._free_numbers.append(slot.number)

    def note_pieces(self, slot: Slot, start: int, piece: int) -> None:
        """What was just decoded into the slot from position `start` on was by itself in its batch, `piece` tokens a
        call: whole ones that go on from whole ones are such as an empty cache would have.
        """
        whole = len(slot.tokens) // piece * piece
        if start == slot.in_pieces and slot.cells[:whole] == list(range(whole)):
            slot.in_pieces = whole

    def begin_alone(self, sequence: Sequence, target: Tokens[int], piece: int) -> None:
        """Drop everything but the whole pieces, of one slot, that `target` begins with, too: they are the sequence's
        now. All that follows is computed in the cells, and by the calls, of an empty cache.
        """
        best, length = max(
            ((slot, common_prefix(slot.tokens[: slot.in_pieces], list(target))) for slot in self._slots.values()),
            key=lambda found: found[1],
            default=(None, 0),
        )
        for slot in list(self._slots.values()):
            if slot is not best or length < piece:
                self._evict(slot)
            else:
                self._cut(slot, length // piece * piece)
                slot.owner = weakref.ref(sequence)
                self._by_sequence[sequence] = slot
        self._collect()

    def forget(self) -> None:
        """Drop everything, as after a failed decode, whose cells are in no known state."""
        for slot in list(self._slots.values()):
            self._evict(slot)
        self._collect()
