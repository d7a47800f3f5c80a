"""The seam of engines: what a sequence and a ticket promise to whoever runs programs, ours or another."""

from __future__ import annotations

import pytest

from tsumami.engine.program import Ticket
from tsumami.engine.sequence import Sequence
from tsumami.errors import EngineError


def test_a_feed_is_part_of_the_sequence_when_it_has_ended_and_not_before() -> None:
    sequence = Sequence([1, 2])
    target = sequence.begin_feed([3])
    assert (target, sequence.tokens, sequence.under_way) == ([1, 2, 3], (1, 2), True)
    assert sequence.fork().tokens == (1, 2)
    sequence.end_feed(target)
    assert (sequence.tokens, sequence.under_way) == ((1, 2, 3), False)


def test_an_aborted_feed_leaves_the_sequence_as_it_was() -> None:
    sequence = Sequence([1, 2])
    sequence.begin_feed([3])
    sequence.abort_feed()
    assert (sequence.tokens, sequence.under_way) == ((1, 2), False)
    sequence.rollback(1)
    sequence.abort_feed()
    assert sequence.tokens == (1,)


def test_while_a_feed_is_under_way_there_is_no_other_and_no_rollback() -> None:
    sequence = Sequence()
    sequence.begin_feed([1])
    with pytest.raises(EngineError, match="being fed already"):
        sequence.begin_feed([2])
    with pytest.raises(EngineError, match="being fed"):
        sequence.rollback(0)
    assert sequence.begin_feed([]) == []
    assert sequence.under_way


def test_a_feed_of_nothing_need_not_be_ended() -> None:
    sequence = Sequence([1])
    assert sequence.begin_feed([]) == [1]
    assert not sequence.under_way


def test_a_closed_sequence_takes_no_feed() -> None:
    sequence = Sequence([1])
    sequence.close()
    for tokens in ([2], []):
        with pytest.raises(EngineError, match="closed"):
            sequence.begin_feed(tokens)


def test_a_ticket_tells_the_engine_that_it_was_cancelled_and_still_takes_a_result() -> None:
    woken: list[None] = []
    ticket: Ticket[int] = Ticket(lambda: woken.append(None))
    assert not ticket.cancelled
    ticket.cancel()
    ticket.cancel()
    assert ticket.cancelled
    assert not ticket.done
    assert len(woken) == 2
    ticket.future.set_result(7)
    assert (ticket.result(), ticket.done) == (7, True)
