"""The governor of threads, told simulated times: a crowd is noticed soon, and so is its end."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tsumami.engine.threads import ThreadGovernor

Machine = Callable[[int], float]  # seconds per token with so many threads


def idle(threads: int) -> float:
    return 0.024 / threads


def crowded(threads: int) -> float:
    """Another process is busy on one of two cores: with both, every barrier waits for a thread that was pushed
    aside.
    """
    return 0.022 if threads == 1 else 0.060


def jammed(threads: int) -> float:
    """Another llama.cpp beside it."""
    return 0.023 if threads == 1 else 1.25


def drive(governor: ThreadGovernor, machine: Machine, turns: int, rows: int = 1, noise: float = 0.1) -> list[int]:
    dice, chosen = random.Random(turns), []
    for _ in range(turns):
        threads = governor.choose(rows)
        chosen.append(threads)
        governor.observe(machine(threads) * dice.uniform(1 - noise, 1 + noise))
    return chosen


def test_a_quiet_machine_keeps_all_threads_and_seldom_tries() -> None:
    chosen = drive(ThreadGovernor(2), idle, 3000)
    assert chosen[0] == 2
    assert chosen[-1] == 2
    assert chosen.count(1) <= 12


@pytest.mark.parametrize("crowd", [crowded, jammed])
def test_a_crowd_is_noticed_within_a_few_tokens(crowd: Machine) -> None:
    governor = ThreadGovernor(2)
    drive(governor, idle, 200)
    chosen = drive(governor, crowd, 100)
    assert 1 in chosen[:4]
    assert chosen[4:].count(2) <= 3


@pytest.mark.parametrize("crowd", [crowded, jammed])
def test_a_crowd_that_was_there_from_the_start_is_noticed(crowd: Machine) -> None:
    chosen = drive(ThreadGovernor(2), crowd, 100)
    assert 1 in chosen[:8]
    assert chosen[10:].count(2) <= 3


@pytest.mark.parametrize("crowd", [crowded, jammed])
@pytest.mark.parametrize("long", [50, 3000])
def test_after_the_crowd_all_threads_come_back(crowd: Machine, long: int) -> None:
    governor = ThreadGovernor(2)
    drive(governor, idle, 50)
    drive(governor, crowd, long)
    chosen = drive(governor, idle, 1100)
    assert chosen[-10:].count(2) >= 9


def test_a_long_crowd_costs_little_in_trials() -> None:
    governor = ThreadGovernor(2)
    drive(governor, idle, 50)
    assert drive(governor, jammed, 4000).count(2) <= 12


def test_on_a_quiet_machine_trials_take_little_of_long_turns() -> None:
    chosen = drive(ThreadGovernor(2), idle, 1000, rows=32)
    tried = sum(threads == 1 for threads in chosen)
    assert tried * idle(1) <= 0.03 * len(chosen) * idle(2)


def test_a_wrong_choice_does_not_last_in_a_crowd() -> None:
    """Turns of 32 tokens are long: what a passing disturbance made it choose must not stay for tens of turns."""
    governor = ThreadGovernor(2)
    drive(governor, idle, 20, rows=32)
    drive(governor, crowded, 6, rows=32)
    chosen = drive(governor, idle, 60, rows=32)
    assert chosen[30:].count(1) <= 4


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_never_more_than_the_limit_nor_fewer_than_one_less(most: int) -> None:
    governor, dice = ThreadGovernor(most), random.Random(most)
    for machine in (idle, crowded, jammed, idle):
        for _ in range(300):
            chosen = governor.choose(dice.choice([1, 2, 5, 16, 32, 200]))
            assert max(1, most - 1) <= chosen <= most
            governor.observe(machine(chosen) * dice.uniform(0.2, 5))


def test_one_core_is_one_thread() -> None:
    assert set(drive(ThreadGovernor(1), crowded, 500)) == {1}


def test_big_turns_and_small_ones_are_not_compared() -> None:
    """A batch of 32 takes less time per token than a single one: that is no reason to change."""
    governor, chosen = ThreadGovernor(2), []
    for turn in range(600):
        rows = 32 if turn % 7 == 0 else 1
        threads = governor.choose(rows)
        chosen.append(threads)
        governor.observe(idle(threads) / (3 if rows == 32 else 1))
    assert chosen.count(1) <= 20
    assert chosen[-1] == 2
