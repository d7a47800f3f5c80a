"""Planning a batch, by itself: no model, no context, only places that are made up."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.engine.cache import Slot
from tsumami.engine.planning import BatchPlan, Job, Portion
from tsumami.engine.sequence import Feed, Sequence


@dataclass
class Desk:
    """Places by hand: what lies in a sequence's slot, how many cells are free, and what a collection would free."""

    free_cells: int = 1000
    dead: int = 0
    all_fit: bool = True
    held: dict[Sequence, Slot] = field(default_factory=dict)
    full: bool = False
    collections: list[int] = field(default_factory=list)

    def place(self, sequence: Sequence, target: list[int], must_compute: int, rank: int, busy: set[int]) -> Slot | None:
        if self.full and sequence not in self.held:
            return None
        number = len(self.held)
        return self.held.setdefault(sequence, Slot(number, weakref.ref(sequence), rank))

    def fits(self, slot: Slot, more: int, rank: int, busy: set[int], planned: int) -> bool:
        return self.all_fit

    def make_room(self, count: int, rank: int, spare: set[int]) -> bool:
        self.collections.append(count)
        freed, self.dead = self.dead, 0
        self.free_cells += freed
        return freed > 0


def job(rank: int, tokens: list[int], held: int = 0, desk: Desk | None = None) -> Job:
    """The job of a sequence whose first `held` tokens have been fed (and lie in the cache, where there is a desk)."""
    sequence = Sequence(tokens[:held])
    if desk is not None:
        desk.held[sequence] = Slot(len(desk.held), weakref.ref(sequence), rank, tokens[:held])
    return Job(rank, Feed(sequence, tokens[held:]), tokens, len(tokens) - held)


def plan(desk: Desk, *jobs: Job, room: int = 512, prompt_room: int = 512, reuse: bool = True) -> list[Portion]:
    return BatchPlan(desk, room, prompt_room, reuse).take(jobs)


def shape(portions: list[Portion]) -> list[tuple[int, int, int]]:
    return [(portion.job.rank, portion.start, portion.count) for portion in portions]


def long(rank: int, length: int) -> Job:
    """A prompt that has no token in common with another rank's."""
    return job(rank, [1000 * rank + i for i in range(length)])


def test_the_oldest_comes_first() -> None:
    assert shape(plan(Desk(), long(3, 5), long(1, 5), long(2, 5), room=7)) == [(1, 0, 5), (2, 0, 2)]


def test_a_prompt_leaves_half_to_the_prompts_behind_it() -> None:
    assert shape(plan(Desk(), long(1, 100), long(2, 10), prompt_room=64)) == [(1, 0, 32), (2, 0, 10)]
    assert shape(plan(Desk(), long(1, 100), prompt_room=64)) == [(1, 0, 64)]


def test_a_single_token_needs_no_room_for_prompts() -> None:
    desk = Desk()
    streaming = [job(rank, [rank, 7], held=1, desk=desk) for rank in (2, 3)]
    assert shape(plan(desk, long(1, 100), *streaming, prompt_room=32)) == [(1, 0, 32), (2, 1, 1), (3, 1, 1)]


def test_who_streams_is_no_prompt_that_another_has_to_leave_room_for() -> None:
    desk = Desk()
    assert shape(plan(desk, long(1, 100), job(2, [5, 6], held=1, desk=desk), prompt_room=32))[0] == (1, 0, 32)


@pytest.mark.parametrize(("reuse", "expected"), [(True, [(1, 0, 6)]), (False, [(1, 0, 6), (2, 0, 6)])])
def test_who_needs_what_another_is_about_to_compute_waits_for_it(
    reuse: bool, expected: list[tuple[int, int, int]]
) -> None:
    same = [1, 2, 3, 4, 5]
    assert shape(plan(Desk(), job(1, [*same, 8]), job(2, [*same, 9]), reuse=reuse)) == expected


def test_who_has_parted_from_another_need_not_wait() -> None:
    assert shape(plan(Desk(), job(1, [1, 2, 3]), job(2, [9, 2, 3]))) == [(1, 0, 3), (2, 0, 3)]


def test_only_the_first_of_a_turn_makes_room() -> None:
    first = Desk(free_cells=0, dead=50)
    assert shape(plan(first, long(1, 10))) == [(1, 0, 10)]
    assert first.collections == [10]
    later = Desk(free_cells=10, dead=50, all_fit=False)
    assert shape(plan(later, long(1, 10), long(2, 10))) == [(1, 0, 10)]
    assert later.collections == []


def test_where_a_collection_frees_nothing_there_is_nothing_to_do() -> None:
    desk = Desk(free_cells=0)
    assert plan(desk, long(1, 10)) == []
    assert desk.collections == [10]


def test_who_could_not_stay_beside_those_before_takes_no_cells_from_them() -> None:
    assert shape(plan(Desk(free_cells=15, all_fit=False), long(1, 10), long(2, 10))) == [(1, 0, 10)]
    assert shape(plan(Desk(free_cells=15, all_fit=True), long(1, 10), long(2, 10))) == [(1, 0, 10), (2, 0, 5)]


def test_who_finds_no_slot_keeps_nobody_behind_from_going_on() -> None:
    desk = Desk(full=True)
    streaming = job(2, [5, 6], held=1, desk=desk)
    assert shape(plan(desk, long(1, 10), streaming)) == [(2, 1, 1)]


def test_what_came_from_the_cache_is_noted_when_a_job_is_first_placed() -> None:
    desk = Desk()
    one = job(1, [1, 2, 3, 4, 5, 6, 7, 8], held=2, desk=desk)
    (first,) = plan(desk, one, prompt_room=3)
    desk.held[one.feed.sequence].tokens.extend(first.tokens)
    (second,) = plan(desk, one, prompt_room=3)
    assert (shape([first, second]), one.reused) == ([(1, 2, 3), (1, 5, 3)], 2)
    assert (first.is_last, second.is_last) == (False, True)


@given(
    lengths=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 39)), max_size=12),
    room=st.integers(1, 64),
    prompt_room=st.integers(2, 64),  # half of it is at least one token
    free=st.integers(0, 80),
    all_fit=st.booleans(),
)
def test_a_plan_keeps_within_its_rooms(
    lengths: list[tuple[int, int]], room: int, prompt_room: int, free: int, all_fit: bool
) -> None:
    desk = Desk(free_cells=free, all_fit=all_fit)
    jobs = [
        job(rank, [1000 * rank + i for i in range(length)], min(held, length - 1), desk)
        for rank, (length, held) in enumerate(lengths)
    ]
    portions = plan(desk, *jobs, room=room, prompt_room=prompt_room)
    assert sum(portion.count for portion in portions) <= min(room, free)
    assert sum(one.count for one in portions if one.job.is_prompt and one.count > 1) <= prompt_room
    assert len({portion.slot.number for portion in portions}) == len(portions)
    ranks = [portion.job.rank for portion in portions]
    assert ranks == sorted(ranks)
    for portion in portions:
        assert portion.count > 0
        assert portion.start == len(portion.slot.tokens)
        assert portion.tokens == portion.job.target[portion.start : portion.start + portion.count]
    if jobs and free and room:
        assert ranks[0] == 0, "the oldest gets on"


def test_feeds_of_a_few_tokens_take_nothing_of_a_prompts_share() -> None:
    short = [job(rank, [10 * rank, 10 * rank + 1], held=0) for rank in range(4)]
    portions = plan(Desk(), *short, long(9, 100), prompt_room=8)
    assert [portion.count for portion in portions] == [2, 2, 2, 2, 8]
