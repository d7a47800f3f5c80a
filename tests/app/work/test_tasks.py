"""What sessions have under way ends when they stop it, ask anew or leave, at whatever moment that is."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from tsumami.app.work.tasks import Asked, Tasks, session_of


class Counting:
    """A task that counts how often it was cancelled."""

    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def tasks() -> Tasks[Counting]:
    return Tasks()


def begun(asked: Asked[Counting]) -> Counting:
    task = Counting()
    asked.begin(task)
    return task


def test_a_session_is_named_by_its_request() -> None:
    assert session_of(SimpleNamespace(session_hash="abc")) == "abc"


def test_a_stop_before_the_beginning_holds(tasks: Tasks[Counting]) -> None:
    with tasks.ask("a") as asked:
        assert asked.wanted()
        assert tasks.stop("a")
        assert not asked.wanted()
        assert begun(asked).cancelled == 1


def test_stop_ends_what_is_under_way_and_nobody_elses(tasks: Tasks[Counting]) -> None:
    with tasks.ask("a") as mine, tasks.ask("b") as other:
        task, others = begun(mine), begun(other)
        assert tasks.under_way() == (task, others)
        assert tasks.stop("a")
        assert (task.cancelled, others.cancelled) == (1, 0)
        assert (mine.stopped, mine.dropped, other.stopped) == (True, False, False)


def test_what_is_over_leaves_and_nothing_else_does(tasks: Tasks[Counting]) -> None:
    first = tasks.ask("reader 0")
    task = begun(first)
    for number in range(1, 100):
        with tasks.ask(f"reader {number}") as asked:
            begun(asked)
    assert tasks.under_way() == (task,)
    assert tasks.stop("reader 0")
    assert task.cancelled == 1
    first.over()
    first.over()
    assert not tasks.stop("reader 0")
    assert (tasks.active, tasks.under_way()) == (0, ())


def test_what_was_asked_for_and_not_begun_gives_way_to_what_is_asked_for_now(tasks: Tasks[Counting]) -> None:
    with tasks.ask("a") as before, tasks.ask("b") as other, tasks.ask("a") as now:
        assert (before.stopped, before.dropped) == (True, True)
        assert other.wanted()
        assert now.wanted()


def test_what_has_begun_goes_on_until_the_next_begins(tasks: Tasks[Counting]) -> None:
    with tasks.ask("a") as before:
        task = begun(before)
        with tasks.ask("a") as now:
            assert before.wanted()
            assert begun(now).cancelled == 0
        assert (task.cancelled, before.dropped) == (1, False)


def test_where_a_session_may_have_several_none_ends_another() -> None:
    tasks: Tasks[Counting] = Tasks(several=True)
    with tasks.ask("a") as one, tasks.ask("a") as other:
        begun(other)
        begun(one)
        assert one.wanted()
        assert other.wanted()
        other.stop()
        assert one.wanted()
        tasks.stop("a")
        assert not one.wanted()


def test_drop_waits_until_nothing_more_comes_of_it(tasks: Tasks[Counting]) -> None:
    asked, begins, ended = tasks.ask("a"), threading.Event(), []

    def work() -> None:
        with asked:
            begun(asked)
            begins.set()
            while not asked.dropped:
                time.sleep(0.005)
            time.sleep(0.1)
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    assert begins.wait(10)
    tasks.drop("a")
    assert ended == [True]
    thread.join(10)


def test_what_still_waits_for_its_model_is_not_waited_for(tasks: Tasks[Counting]) -> None:
    with tasks.ask("a") as asked:
        begin = time.monotonic()
        tasks.drop("a")
        assert time.monotonic() - begin < 4, "it would wait for five"
        assert asked.dropped


def test_sights_come_as_long_as_somebody_wants_to_see_them(tasks: Tasks[Counting]) -> None:
    task = Counting()
    with tasks.ask("a") as asked:
        sights = asked.growing(task, iter(range(9)))
        assert next(sights) == 0
        tasks.stop("a")
        assert next(sights) == 1, "what there is may still be seen"
        asked.dropped = True
        assert list(sights) == []
    assert task.cancelled >= 2, "also by the stop that came before it had anything to cancel"


def test_nothing_is_seen_of_what_was_stopped_before_it_began(tasks: Tasks[Counting]) -> None:
    task = Counting()
    with tasks.ask("a") as asked:
        asked.stop()
        assert list(asked.growing(task, iter(range(9)))) == []
    assert task.cancelled == 1


def test_of_many_that_are_asked_for_at_once_one_goes_on(tasks: Tasks[Counting]) -> None:
    together, made = threading.Barrier(8), list[tuple[Asked[Counting], Counting]]()

    def press() -> None:
        together.wait(10)
        with tasks.ask("a") as asked:
            made.append((asked, begun(asked)))
            for _ in range(400):
                if not asked.wanted():
                    return
                time.sleep(0.005)

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert sum(asked.wanted() for asked, _ in made) == 1
    assert sum(task.cancelled == 0 for _, task in made) == 1
    tasks.stop("a")
    for thread in threads:
        thread.join(10)
    assert tasks.active == 0
