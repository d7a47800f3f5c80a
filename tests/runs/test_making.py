"""A result that is being made: its news come once each, who breaks off ends it, and what there is stays."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest
from tests.support.worlds import world

from tsumami.engine.batcher import Program
from tsumami.engine.sequence import Feed, Sequence
from tsumami.errors import CancelledError, SettingsError
from tsumami.runs.backend import Runner
from tsumami.runs.making import EngineMaking, Pace


class Counting(EngineMaking[int, list[int]]):
    """Counts; a slow engine can be had by `gate`, which is waited for at each number."""

    def __init__(self, engine: Runner, most: int, *, gate: threading.Event | None = None, breaks: bool = False) -> None:
        super().__init__()
        self.done: list[int] = []
        self._gate, self._breaks = gate, breaks
        self._submit(engine, self._program(most))

    def _program(self, most: int) -> Program[None]:
        try:
            with Sequence() as sequence:
                for number in range(most):
                    yield [Feed(sequence, (97,))]
                    if self._gate is not None:
                        self._gate.wait(10)
                    self.done.append(number)
                    self._tell(number)
        except CancelledError:
            return
        if self._breaks:
            raise SettingsError("it broke")

    def _finish(self) -> list[int]:
        self._join()
        return self.done


@pytest.fixture
def engine() -> Iterator[Runner]:
    model = world()
    yield model.engine
    model.close()


def test_news_come_once_each_and_then_the_result(engine: Runner) -> None:
    with Counting(engine, 5) as counting:
        assert list(counting) == counting.result == [0, 1, 2, 3, 4]
        assert list(counting) == list(counting) == []


def test_an_iteration_that_is_broken_off_cancels_and_what_there_is_stays(engine: Runner) -> None:
    counting = Counting(engine, 10**6)
    for number in counting:
        if number == 3:
            break
    assert counting.wait(10)
    assert counting.result[:4] == [0, 1, 2, 3]
    assert len(counting.result) < 10**6


def test_leaving_the_block_cancels(engine: Runner) -> None:
    with Counting(engine, 10**6) as counting:
        assert not counting.wait(0)
    assert counting.wait(10)


def test_what_went_wrong_is_raised_where_the_end_is_waited_for(engine: Runner) -> None:
    counting = Counting(engine, 2, breaks=True)
    seen: list[int] = []
    with pytest.raises(SettingsError, match="it broke"):
        seen.extend(counting)
    with pytest.raises(SettingsError, match="it broke"):
        _ = counting.result


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_while_waiting_cancels_and_what_there_is_stays(engine: Runner, kept: bool) -> None:
    counting = Counting(engine, 10**6)
    here = threading.get_ident()
    threading.Timer(0.2, signal.pthread_kill, [here, signal.SIGINT]).start()
    if kept:
        found = counting.kept()
    else:
        with pytest.raises(KeyboardInterrupt):
            _ = counting.result
        found = counting.result
    assert 0 < len(found) < 10**6


def test_two_who_take_the_news_both_find_the_end(engine: Runner) -> None:
    gate = threading.Event()
    counting = Counting(engine, 20, gate=gate)
    taken: list[list[int]] = []
    threads = [threading.Thread(target=lambda: taken.append(list(counting))) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert sorted(number for part in taken for number in part) == list(range(20))


def test_looks_come_at_most_so_often_and_end_with_the_work(engine: Runner) -> None:
    gate = threading.Event()
    counting = Counting(engine, 3, gate=gate)
    begun, times = time.monotonic(), list[float]()
    for _ in counting.looks(Pace(0.02, rest=4)):
        times.append(time.monotonic())
        time.sleep(0.01)
        if len(times) == 5:
            gate.set()
    assert counting.wait(0)
    assert len(times) >= 5
    assert times[4] - begun >= 4 * (0.01 + 0.04), "a look of 10 ms is followed by 40 ms without one"


def test_a_pace_says_when_it_is_time() -> None:
    at_once, later = Pace(0.03), Pace(0.03, at_once=False)
    assert at_once.due()
    assert not at_once.due()
    assert not later.due()
    assert 0 < later.pause <= 0.03
    time.sleep(0.035)
    assert at_once.due()
    assert later.due()
    time.sleep(0.02)
    at_once.looked()
    assert at_once.pause > 0.025, "the next look is counted from the end of this one"
