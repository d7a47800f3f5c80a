"""What runs apart may hang, break down or take memory: it is ended or said, and nobody else notices."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tsumami.apart import Allowance, BrokeDownError, CannotBeginError, Helpers, OvertimeError

OBEY = "tests.support.apart:obey"


@dataclass(frozen=True)
class Ambiguous:
    """A key with the hash of every other."""

    name: str

    def __hash__(self) -> int:
        return 1


@pytest.fixture
def helpers() -> Iterator[Helpers]:
    made = Helpers(OBEY, Allowance(seconds=0.4, memory=1 << 29))
    yield made
    made.close()


def test_one_process_answers_one_request_after_the_other(helpers: Helpers) -> None:
    first = helpers.ask("a", b"pid")
    assert helpers.ask("a", b"scream") == b"scream"
    assert helpers.ask("b", b"pid") == first
    assert helpers.ask("b", b"x" * 5_000_000) == b"x" * 5_000_000


@pytest.mark.parametrize("request_", [b"compute", b"wait"])
def test_what_takes_too_long_is_ended_and_the_next_is_answered(helpers: Helpers, request_: bytes) -> None:
    with pytest.raises(OvertimeError):
        helpers.ask("a", request_)
    assert helpers.ask("a", b"hello") == b"hello"


def test_a_breakdown_is_said_and_the_next_is_answered(helpers: Helpers) -> None:
    with pytest.raises(BrokeDownError, match="SIGABRT"):
        helpers.ask("a", b"die")
    assert helpers.ask("a", b"hello") == b"hello"


def test_a_process_that_keeps_much_memory_takes_no_other_request() -> None:
    helpers = Helpers(OBEY, Allowance(seconds=5, memory=160 << 20))
    first = helpers.ask("a", b"pid")
    assert helpers.ask("a", b"take") == b"take"
    assert helpers.ask("a", b"pid") != first
    helpers.close()


@pytest.mark.parametrize(("one", "other"), [("a", "b"), (0, 64), (Ambiguous("a"), Ambiguous("b"))])
def test_others_are_answered_while_one_hangs(one: object, other: object) -> None:
    slow = Helpers(OBEY, Allowance(seconds=60), room=2)
    stop = threading.Event()

    def break_off() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    def hang() -> None:
        with pytest.raises(KeyboardInterrupt):
            slow.ask(one, b"wait", break_off)

    hanging = threading.Thread(target=hang)
    hanging.start()
    assert slow.ask(other, b"hello") == b"hello"
    stop.set()
    hanging.join(30)
    assert not hanging.is_alive()  # it was broken off within moments, not after its minute
    assert slow.ask(one, b"hello") == b"hello"
    slow.close()


def test_where_no_process_can_be_begun_that_is_said(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CannotBeginError, match="No such file"):
        helpers.ask("a", b"hello")
