"""The cache over a memory that does what llama.cpp does: it always fills the lowest free cell first."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tsumami.engine.cache import N_KEEPERS, Cache, Eviction, Slot
from tsumami.engine.sequence import Sequence


@dataclass
class Cell:
    """What lies in one cell: a token, its position, and the sequence ids that hold it."""

    token: int = -1
    position: int = -1
    holders: set[int] = field(default_factory=set)


class FakeMemory:
    """llama.cpp's unified cache as far as it concerns us (`llama_kv_cache`: find_slot, seq_cp, seq_rm)."""

    def __init__(self, n_cells: int) -> None:
        self.cells = [Cell() for _ in range(n_cells)]

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        for cell in self.cells:
            if source in cell.holders and start <= cell.position < end:
                cell.holders.add(target)

    def remove(self, slot: int, start: int = 0) -> None:
        for cell in self.cells:
            if cell.position >= start:
                cell.holders.discard(slot)

    def decode(self, slot: int, start: int, tokens: Iterable[int]) -> None:
        for position, token in enumerate(tokens, start):
            cell = next(cell for cell in self.cells if not cell.holders)
            cell.token, cell.position, cell.holders = token, position, {slot}

    def of(self, slot: int) -> list[int]:
        """The cells of a slot by position."""
        held = [i for i, cell in enumerate(self.cells) if slot in cell.holders]
        return sorted(held, key=lambda i: self.cells[i].position)


class Desk:
    """A cache with its memory, used as the batcher uses it, one feed at a time."""

    def __init__(self, n_cells: int = 24, n_slots: int = 4, *, reuse: bool = True, partial: bool = True) -> None:
        self.memory = FakeMemory(n_cells)
        self.n_slots = n_slots
        self.cache = Cache(self.memory, n_cells=n_cells, n_slots=n_slots, reuse=reuse, partial=partial)

    def feed(
        self,
        sequence: Sequence,
        tokens: list[int],
        rank: int = 0,
        busy: frozenset[int] = frozenset(),
        *,
        beside: bool = False,
    ) -> int:
        """Compute `tokens` after `sequence`; returns how many of all came from the cache, or -1: not now."""
        target = [*sequence.tokens, *tokens]
        while True:
            slot = self.cache.place(sequence, target, 1, rank, set(busy))
            if slot is None:
                return -1
            have = len(slot.tokens)
            assert slot.tokens == target[:have]
            assert slot.owner() is sequence
            if self.cache.free_cells >= len(target) - have:
                break
            if busy or not self.cache.make_room(len(target) - have, rank, {slot.number}):
                return -1
        self.cache.append(slot, target[have:], beside=beside)
        self.memory.decode(slot.number, have, target[have:])
        self.cache.keep(slot, have)
        sequence.end_feed(target)
        return have

    def slot(self, sequence: Sequence) -> Slot | None:
        return next((slot for slot in self.cache._slots.values() if slot.owner() is sequence), None)

    def check(self) -> None:
        """What the cache believes is what lies in the memory, and the cells of every slot ascend."""
        cells, slots = self.memory.cells, self.cache._slots
        for number, slot in slots.items():
            assert self.memory.of(number) == slot.cells == sorted(slot.cells)
            assert [cells[i].token for i in slot.cells] == slot.tokens
            assert [cells[i].position for i in slot.cells] == list(range(len(slot.cells)))
            assert len(set(slot.cells)) == len(slot.cells)
        keepers = set(range(self.n_slots, self.n_slots + N_KEEPERS))
        filled = [cell for cell in cells if cell.holders]
        assert all(cell.holders >= keepers for cell in filled), "a cell with one holder could be filled again"
        assert all(cell.holders - keepers <= set(slots) for cell in filled)
        used = sum(bool(cell.holders - keepers) for cell in filled)
        assert self.cache.used_cells == used
        assert self.cache.free_cells == len(cells) - len(filled)
        assert self.cache._pool.dead == len(filled) - used
        live = {cell for slot in slots.values() if slot.live for cell in slot.cells}
        assert self.cache.live_cells == len(live)
        assert self.cache.live_slots == sum(slot.live for slot in slots.values()) <= self.n_slots
        assert sorted([*slots, *self.cache._free_numbers]) == list(range(self.n_slots))


# --- any order of doings ---

TOKENS = st.lists(st.integers(0, 1), min_size=1, max_size=7)
WHICH = st.integers(0, 7)


class AnyOrder(RuleBasedStateMachine):
    reuse, partial = True, True

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(reuse=self.reuse, partial=self.partial)
        self.sequences: list[Sequence] = [Sequence()]
        self.ranks: dict[int, int] = {}

    def pick(self, which: int) -> Sequence:
        return self.sequences[which % len(self.sequences)]

    @rule(which=WHICH, tokens=TOKENS, rank=st.integers(0, 3))
    def feed(self, which: int, tokens: list[int], rank: int) -> None:
        sequence, cache = self.pick(which), self.desk.cache
        if len(sequence) + len(tokens) > cache.n_cells:
            return
        safe = [s for s in cache._slots.values() if s.live and s.rank < rank and s.owner() is not sequence]
        self.desk.feed(sequence, tokens, rank)
        assert all(cache._slots.get(s.number) is s for s in safe), "an earlier asker's open sequence was evicted"
        assert rank > 0 or sequence.tokens[-len(tokens) :] == tuple(tokens), "the first of all waits for nobody"

    @rule(which=WHICH, other=WHICH, tokens=TOKENS)
    def feed_beside(self, which: int, other: int, tokens: list[int]) -> None:
        """A busy slot keeps all that it has."""
        busy = self.desk.slot(self.pick(other))
        if busy is None or self.pick(which) is self.pick(other) or len(self.pick(which)) + len(tokens) > 24:
            return
        before = (list(busy.tokens), list(busy.cells))
        self.desk.feed(self.pick(which), tokens, 0, frozenset({busy.number}))
        assert (busy.tokens, busy.cells) == before
        assert self.desk.cache._slots[busy.number] is busy

    @rule(lasting=st.booleans())
    def new(self, lasting: bool) -> None:
        self.sequences.append(Sequence(lasting=lasting))

    @rule(which=WHICH, length=st.integers(0, 24))
    def fork(self, which: int, length: int) -> None:
        sequence = self.pick(which)
        self.sequences.append(sequence.fork(min(length, len(sequence))))

    @rule(which=WHICH, length=st.integers(0, 24))
    def roll_back(self, which: int, length: int) -> None:
        sequence = self.pick(which)
        sequence.rollback(min(length, len(sequence)))

    @precondition(lambda self: len(self.sequences) > 1)
    @rule(which=WHICH, politely=st.booleans())
    def let_go(self, which: int, politely: bool) -> None:
        sequence = self.sequences.pop(which % len(self.sequences))
        if politely:
            sequence.close()

    @rule(rank=st.integers(0, 3))
    def retire(self, rank: int) -> None:
        self.desk.cache.retire(rank)
        assert all(slot.rank != rank for slot in self.desk.cache._slots.values())

    @rule()
    def make_ready(self) -> None:
        open_ones = [slot for slot in self.desk.cache._slots.values() if slot.live]
        self.desk.cache.make_ready()
        assert all(self.desk.cache._slots.get(slot.number) is slot for slot in open_ones)

    @rule()
    def forget(self) -> None:
        self.desk.cache.forget()
        assert self.desk.cache.free_cells == self.desk.cache.n_cells
        assert not any(cell.holders for cell in self.desk.memory.cells)

    @invariant()
    def memory_and_cache_agree(self) -> None:
        self.desk.check()


class WithoutReuse(AnyOrder):
    reuse = False


class WithoutGoingBack(AnyOrder):
    """A recurrent model: its state cannot be cut, so a slot is continued as it is or made anew."""

    partial = False

    def __init__(self) -> None:
        super().__init__()
        remove, copy = self.desk.memory.remove, self.desk.memory.copy

        def whole(slot: int, start: int = 0) -> None:
            assert start == 0, "a state cannot be cut"
            remove(slot, start)

        def all_of_it(source: int, target: int, start: int, end: int) -> None:
            assert target >= self.desk.n_slots or (start, end) == (0, len(self.desk.memory.of(source)))
            copy(source, target, start, end)

        self.desk.memory.remove, self.desk.memory.copy = whole, all_of_it  # type: ignore[method-assign]


for machine in (AnyOrder, WithoutReuse, WithoutGoingBack):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
TestWithoutReuse = WithoutReuse.TestCase
TestWithoutGoingBack = WithoutGoingBack.TestCase


# --- one by one ---


def test_a_fork_costs_no_cells_until_it_goes_its_own_way() -> None:
    desk = Desk()
    trunk = Sequence()
    desk.feed(trunk, [1, 2, 3, 4])
    forks = [trunk.fork() for _ in range(3)]
    for i, fork in enumerate(forks):
        assert desk.feed(fork, [i]) == 4
        desk.check()
    assert desk.cache.used_cells == 4 + 3
    assert desk.cache.live_slots == 4


def test_a_closed_sequence_is_taken_over_whole_with_its_slot() -> None:
    desk = Desk()
    with Sequence() as first:
        desk.feed(first, [1, 2, 3, 4])
        number = desk.slot(first).number  # type: ignore[union-attr]
    second = Sequence()
    assert desk.feed(second, [1, 2, 3, 4, 5]) == 4
    assert desk.slot(second).number == number  # type: ignore[union-attr]
    desk.check()


def test_the_former_owner_of_a_slot_never_touches_it_again() -> None:
    """Closed while it was fed: its feed still runs when another sequence has taken over its cells."""
    desk = Desk()
    first, second = Sequence(), Sequence()
    desk.feed(first, [1, 2, 3, 4])
    first.close()
    desk.feed(second, [1, 2, 3, 4, 5])
    kept = desk.slot(second)
    assert kept is not None
    desk.feed(first, [9], busy=frozenset({kept.number}))
    assert kept.tokens == [1, 2, 3, 4, 5]
    desk.check()


def test_without_reuse_nothing_is_shared() -> None:
    desk = Desk(reuse=False)
    first, second = Sequence(), Sequence()
    desk.feed(first, [1, 2, 3, 4])
    assert desk.feed(second, [1, 2, 3, 4]) == 0
    assert desk.feed(first, [5]) == 4, "but a sequence goes on where it is"
    desk.check()


def test_what_nobody_owns_goes_first_and_the_longest_unused_before_the_others() -> None:
    desk = Desk(n_cells=24, n_slots=4)
    gone = [Sequence() for _ in range(3)]
    for i, sequence in enumerate(gone):
        desk.feed(sequence, [10 * (i + 1), 1, 2])
    kept = Sequence()
    desk.feed(kept, [7, 8], rank=5)
    for sequence in gone:
        sequence.close()
    with Sequence() as again:  # the first is used again, and so is the youngest now
        assert desk.feed(again, [10, 1, 2]) == 2
    for i, head in enumerate((20, 30)):
        desk.feed(Sequence(), [40 + i])
        assert not any(slot.tokens[:1] == [head] for slot in desk.cache._slots.values())
        assert any(slot.tokens[:1] == [10] for slot in desk.cache._slots.values())
        gc.collect()
    assert desk.slot(kept) is not None
    desk.check()


def test_open_sequences_go_by_rank_the_latest_first_and_never_an_earlier_ones() -> None:
    desk = Desk(n_slots=3)
    open_ones = {rank: Sequence() for rank in (1, 2, 3)}
    for rank, sequence in open_ones.items():
        desk.feed(sequence, [rank, rank], rank=rank)
    assert desk.feed(Sequence(), [9], rank=4) == -1, "the latest of all evicts nobody"
    newcomer = Sequence()
    assert desk.feed(newcomer, [9], rank=2) == 0
    assert [rank for rank, s in open_ones.items() if desk.slot(s) is None] == [3]
    another = Sequence()
    assert desk.feed(another, [9], rank=0) == 0
    assert desk.slot(open_ones[1]) is not None
    desk.check()


def test_sequences_of_ended_askers_are_in_nobodys_way() -> None:
    desk = Desk(n_slots=2)
    kept = [Sequence() for _ in range(2)]
    for rank, sequence in enumerate(kept):
        desk.feed(sequence, [rank, 1, 2], rank=rank)
    assert desk.feed(Sequence(), [9], rank=7) == -1
    desk.cache.retire(0)
    later = Sequence()
    assert desk.feed(later, [9], rank=7) == 0
    assert desk.slot(kept[0]) is None
    assert desk.slot(kept[1]) is not None
    assert desk.feed(kept[0], [3], rank=8) == -1, "and it asks like everybody when it goes on"
    desk.cache.retire(7)
    assert desk.feed(kept[0], [3], rank=8) == 0
    assert kept[0].tokens == (0, 1, 2, 3)


def test_a_collection_frees_a_quarter_at_once() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    for i in range(8):
        with Sequence() as sequence:
            desk.feed(sequence, [i, 1, 2])
    assert desk.cache.free_cells == 0
    desk.feed(Sequence(), [50])
    assert desk.cache.free_cells == 24 // 4 - 1
    desk.check()


def test_between_crowds_half_of_the_cells_are_made_free_the_oldest_going_first() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    for i in range(7):
        with Sequence() as sequence:
            desk.feed(sequence, [i, 1, 2])
    desk.cache.make_ready()
    assert desk.cache.free_cells == 24 // 2
    assert sorted(slot.tokens[0] for slot in desk.cache._slots.values()) == [3, 4, 5, 6]
    desk.check()


def test_while_a_quarter_of_the_cells_is_free_every_cache_is_kept() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    for i in range(6):
        with Sequence() as sequence:
            desk.feed(sequence, [i, 1, 2])
    desk.cache.make_ready()
    assert [desk.feed(Sequence(), [i, 1, 2]) for i in (0, 5)] == [2, 2]


def test_after_a_crowd_as_many_cells_are_made_free_as_it_took() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    for i in range(6):
        with Sequence() as sequence:
            desk.feed(sequence, [i, 1, 2], beside=i > 0)
    desk.cache.make_ready()
    assert desk.cache.free_cells == 15
    assert [slot.tokens[0] for slot in desk.cache._slots.values()] == [3, 4, 5]
    desk.check()
    with Sequence() as alone:
        desk.feed(alone, [9, 1, 2])
    desk.cache.make_ready()
    assert len(desk.cache._slots) == 4, "one alone needs no such room"


def test_a_crowd_that_filled_the_cache_leaves_nothing_scattered_over_it() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    crowd = [Sequence() for _ in range(7)]
    for token in range(3):
        for i, sequence in enumerate(crowd):
            desk.feed(sequence, [8 * token + i], beside=True)
    for sequence in crowd:
        sequence.close()
    desk.cache.make_ready()
    assert desk.cache.used_cells == 0
    assert desk.cache._pool.frontier == 0
    desk.check()


def test_after_a_crowd_that_filled_the_cache_what_its_sequences_began_with_is_still_there() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    crowd = [Sequence() for _ in range(7)]
    for token in range(3):
        for i, sequence in enumerate(crowd):
            own = 8 * token + i
            desk.feed(sequence, [own] if token else [1, 2, 3, own], beside=own > 0)
    assert desk.cache.used_cells == 24
    for sequence in crowd:
        sequence.close()
    desk.cache.make_ready()
    assert [slot.tokens for slot in desk.cache._slots.values()] == [[1, 2, 3]]
    assert desk.cache._pool.frontier == 3
    desk.check()
    assert desk.feed(Sequence(), [1, 2, 3, 4]) == 3


def test_what_is_not_to_last_leaves_only_what_several_began_with() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    with Sequence() as chat:
        desk.feed(chat, [1, 2])
    passing = [Sequence(lasting=False) for _ in range(3)]
    for i, sequence in enumerate(passing):
        desk.feed(sequence, [1, 2, 3, 4 + i])
    desk.cache.make_ready()
    assert desk.cache.used_cells == 6, "they are open"
    for sequence in passing:
        sequence.close()
    desk.cache.make_ready()
    assert sorted(slot.tokens for slot in desk.cache._slots.values()) == [[1, 2, 3]]
    assert desk.cache._pool.frontier == 3
    desk.check()


def test_a_run_that_is_repeated_takes_no_more_cells_than_once() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    for _ in range(5):
        desk.cache.make_ready()
        with Sequence() as sequence:
            desk.feed(sequence, [1, 2])
            for token in (3, 4, 5):
                desk.feed(sequence, [token])
    desk.cache.make_ready()
    assert desk.cache.used_cells == 5
    assert desk.cache._pool.frontier == 5
    assert desk.feed(Sequence(), [1, 2, 3, 4, 5, 6]) == 5
    desk.check()


def test_a_cache_that_is_to_last_is_not_put_above_the_frontier_for_others_sake() -> None:
    desk = Desk(n_cells=24, n_slots=8)
    passing = Sequence(lasting=False)
    desk.feed(passing, [1, 2, 3])
    with Sequence() as chat:
        desk.feed(chat, [4, 5, 6])
    passing.close()
    desk.cache.make_ready()
    assert desk.cache.used_cells == 3
    assert desk.feed(Sequence(), [4, 5, 6, 7]) == 3
    desk.check()


def test_a_collection_cuts_what_could_not_be_continued_and_it_is_computed_again() -> None:
    desk = Desk(n_cells=12, n_slots=4)
    with Sequence() as below:
        desk.feed(below, [1, 1, 1, 1])
    kept = Sequence()
    desk.feed(kept, [2, 2, 2, 2, 2, 2])
    desk.feed(kept, [3, 3])
    assert desk.feed(kept, [4]) == 0, "its head lay above the hole"
    assert desk.slot(kept).cells == list(range(9))  # type: ignore[union-attr]
    desk.check()


def test_of_equal_prefixes_the_one_that_can_be_continued_is_taken() -> None:
    desk = Desk(n_cells=16, n_slots=4)
    with Sequence() as below:
        desk.feed(below, [1, 1, 1, 1, 1])
    with Sequence() as high:
        desk.feed(high, [2, 3, 4, 5, 6, 7])
    with Sequence() as higher:
        desk.feed(higher, [9, 9, 9])
    desk.feed(Sequence(), [8, 8, 8])  # collects: `high` stays, but above the frontier
    assert any(slot.tokens[:1] == [2] for slot in desk.cache._slots.values())
    first = Sequence()
    assert desk.feed(first, [2, 3, 4]) == 0
    assert desk.feed(Sequence(), [2, 3, 4, 8]) == 3
    desk.check()


def test_whether_it_fits_counts_what_must_stay_and_shared_cells_once() -> None:
    desk = Desk(n_cells=24, n_slots=4)
    elder = Sequence()
    desk.feed(elder, [1] * 8, rank=0)
    younger, closed = elder.fork(), Sequence()
    desk.feed(younger, [2] * 2, rank=3)
    desk.feed(closed, [3] * 5, rank=1)
    closed.close()
    slot = desk.slot(younger)
    assert slot is not None
    assert desk.cache.fits(slot, 14, 3, set(), 0)
    assert not desk.cache.fits(slot, 15, 3, set(), 0)
    assert desk.cache.fits(slot, 10, 3, set(), 4)
    assert not desk.cache.fits(slot, 11, 3, set(), 4)
    busy = next(s.number for s in desk.cache._slots.values() if not s.live)
    assert not desk.cache.fits(slot, 10, 3, {busy}, 0)


@pytest.mark.parametrize("partial", [True, False])
def test_a_rolled_back_sequence_keeps_what_it_can(partial: bool) -> None:
    desk = Desk(partial=partial)
    sequence = Sequence()
    desk.feed(sequence, [1, 2, 3, 4, 5])
    sequence.rollback(3)
    assert desk.feed(sequence, [9]) == (3 if partial else 0)
    desk.check()


# --- who goes first


def slot(number: int, rank: int, used: int, owner: Sequence) -> Slot:
    return Slot(number, weakref.ref(owner), rank, used=used)


def test_what_nobody_owns_goes_first_then_the_latest_askers_open_sequences_then_ones_own() -> None:
    open_one, closed = Sequence(), Sequence()
    closed.close()
    older, mine, later, latest = (slot(rank, rank, 9, open_one) for rank in range(4))
    recent, stale = slot(4, 0, 2, closed), slot(5, 0, 1, closed)
    eviction = Eviction(rank=1, spare={stale.number})
    going = [one for one in (older, mine, later, latest, recent, stale) if eviction.allows(one)]
    assert sorted(going, key=Eviction.order) == [recent, latest, later, mine], (
        "neither an older asker's, nor a spare one"
    )
    assert [one for one in going if Eviction(1, closed_only=True).allows(one)] == [recent]
    assert min(recent, stale, key=Eviction.order) is stale, "the least recently used"
