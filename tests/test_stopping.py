"""Work that nobody wants any more ends, whoever waits for it; nobody else's does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tsumami.engine import Ticket
from tsumami.errors import CancelledError
from tsumami.models import digest
from tsumami.runs.making import EngineMaking
from tsumami.stopping import check_wanted, pause, while_wanted


def test_where_nobody_would_say_no_one_waits_as_long_as_it_takes() -> None:
    check_wanted()
    assert pause() is None
    with while_wanted(None):
        assert pause() is None


def test_what_is_within_ends_when_anybody_around_it_says_no() -> None:
    outer = [True]
    with while_wanted(lambda: outer[0]), while_wanted(lambda: True):
        check_wanted()
        outer[0] = False
        with pytest.raises(CancelledError) as error:
            check_wanted()
        assert error.value.ja
    check_wanted()


def test_another_thread_goes_on() -> None:
    heard: list[float | None] = []
    with while_wanted(lambda: False):
        other = threading.Thread(target=lambda: heard.append(pause()))
        other.start()
        other.join()
    assert heard == [None]


def test_whoever_waits_for_a_program_without_end_cancels_it() -> None:
    ticket: Ticket[int] = Ticket()
    asked = iter((True, True, False))
    with while_wanted(lambda: next(asked)), pytest.raises(CancelledError):
        ticket.wait()
    assert ticket.cancelled


def test_whoever_waits_for_news_that_never_come_cancels_what_should_tell_them() -> None:
    class Silent(EngineMaking[int, int]):
        def _finish(self) -> int:
            return 0

    ticket: Ticket[int] = Ticket()
    made = Silent()
    made._follow(ticket)
    asked = iter((True, False))
    with while_wanted(lambda: next(asked)), pytest.raises(CancelledError):
        list(made)
    assert ticket.cancelled


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many blocks of a file were hashed; a block is 4 bytes."""
    hashed: list[int] = []
    monkeypatch.setattr(digest, "_BLOCK", 4)
    return hashed


def test_a_file_is_read_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: list[int]) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights" * 100)
    with while_wanted(lambda: len(blocks) < 3), pytest.raises(CancelledError):
        digest.fingerprint(file, progress=lambda done, _: blocks.append(done))
    assert blocks == [4, 8, 12]
