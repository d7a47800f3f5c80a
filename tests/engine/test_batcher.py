"""The batcher: everybody gets on, together, and nobody's trouble becomes another's."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsumami.engine import program as program_module
from tsumami.engine.batcher import Engine
from tsumami.engine.planning import SOLO
from tsumami.engine.program import Program
from tsumami.engine.sequence import Feed, Rows, Sequence
from tsumami.errors import CancelledError, EngineClosedError, EngineError, OutOfCellsError
from tsumami.native import DecodeRow, Float32Array

from . import tiny_model
from .conftest import MakeEngine
from .reference import Reference

PATIENCE = 60.0  # seconds until a test calls an engine stuck


def text(seed: int, length: int) -> list[int]:
    return np.random.default_rng(seed).integers(0, 256, length).tolist()


def greedy(prompt: list[int], steps: int, then: Callable[[int], None] = lambda _: None) -> Program[list[int]]:
    """Generate `steps` tokens, telling `then` after each how many there are."""
    with Sequence() as sequence:
        feed, got = prompt, []
        while len(got) < steps:
            (rows,) = yield [Feed(sequence, feed)]
            feed = [int(rows.last.argmax())]
            got += feed
            then(len(got))
    return got


class Watched:
    """Stands before an engine's context and keeps the batches; `fail` makes decodes fail, `gate` holds them back."""

    def __init__(self, engine: Engine) -> None:
        self._context = engine._context
        self.batches: list[list[DecodeRow]] = []
        self.failures: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        engine._context = self  # type: ignore[assignment]

    def decode(self, rows: list[DecodeRow]) -> None:
        assert self.gate.wait(PATIENCE)
        self.batches.append(list(rows))
        if self.failures:
            raise self.failures.pop()
        self._context.decode(rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    @property
    def tokens(self) -> int:
        return sum(map(len, self.batches))


def is_greedy(reference: Reference, prompt: list[int], got: list[int], steps: int) -> bool:
    """Whether `got` are the `steps` likeliest tokens after `prompt`, one after another, by one pass over them all."""
    rows = reference.rows([*prompt, *got])[len(prompt) - 1 : -1]
    return got == [int(row.argmax()) for row in rows] and len(got) == steps


# --- together


def test_two_programs_share_their_decodes(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine()
    watched = Watched(engine)
    watched.gate.clear()
    tickets = [engine.submit(greedy(text(i, 4), 20)) for i in range(2)]
    watched.gate.set()
    for i, ticket in enumerate(tickets):
        assert is_greedy(tiny_reference, text(i, 4), ticket.result(PATIENCE), 20)
    assert sum(len({row.slot for row in batch}) == 2 for batch in watched.batches) >= 19
    assert len(watched.batches) <= 22


def test_a_program_that_comes_later_joins_the_next_decode(make_engine: MakeEngine) -> None:
    engine = make_engine()
    watched = Watched(engine)
    joined: list[Any] = []

    def join(step: int) -> None:
        if step == 5:
            joined.append(engine.submit(greedy(text(2, 3), 5)))

    engine.submit(greedy(text(1, 3), 30, join)).result(PATIENCE)
    assert joined[0].done, "the later one ended while the first still ran"
    assert len(watched.batches) <= 31


def test_feeds_of_one_yield_are_decoded_together_and_answered_in_order(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    engine = make_engine()
    watched = Watched(engine)

    def program() -> Program[list[Rows]]:
        return (yield [Feed(Sequence(), text(i, 3 + i), rows="all") for i in range(5)])

    for i, rows in enumerate(engine.run(program())):
        assert np.array_equal(rows.logits, np.stack(tiny_reference.rows(text(i, 3 + i))))
    assert len(watched.batches) == 1


def test_beside_streams_a_turn_takes_about_half_as_long_again_as_theirs_alone(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=4096)
    engine._seconds_per_token, engine._stream_seconds = 0.001, 0.02
    assert engine._prompt_room(streams=True) == 10
    assert engine._prompt_room(streams=False) == 100
    engine._stream_seconds = 0.0
    assert 0 < engine._prompt_room(streams=True) <= 8  # however quick they are, a prompt gets on


def test_a_huge_prompt_lets_the_others_have_a_token_every_turn(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(n_cells=4096)
    watched = Watched(engine)
    monkeypatch.setattr(engine, "_prompt_room", lambda **_: 64)
    watched.gate.clear()
    huge = engine.submit(_feed_once(text(1, 3000)))
    small = engine.submit(greedy(text(2, 4), 40))
    watched.gate.set()
    small.result(PATIENCE)
    assert not huge.done
    huge.result(PATIENCE)
    sizes = [len(batch) for batch in watched.batches]
    assert sum(len({row.slot for row in batch}) == 2 for batch in watched.batches) == 40
    assert max(sizes) <= 64 + 4, "the small one begins with four tokens"


def test_lanes_of_one_prompt_compute_it_once(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=2048, slots=40)
    watched = Watched(engine)
    watched.gate.clear()
    prompt = text(1, 300)
    tickets = [engine.submit(greedy([*prompt, i], 10)) for i in range(32)]
    watched.gate.set()
    for i, ticket in enumerate(tickets):
        assert is_greedy(tiny_reference, [*prompt, i], ticket.result(PATIENCE), 10)
    assert watched.tokens == 300 + 32 * 10


def _feed_once(tokens: list[int], **wishes: Any) -> Program[Rows]:
    with Sequence() as sequence:
        (rows,) = yield [Feed(sequence, tokens, **wishes)]
    return rows


def test_a_prompt_goes_on_while_an_older_program_generates(make_engine: MakeEngine) -> None:
    """The cache is full of what others left; the newcomer does not wait until the older program needs cells, too."""
    engine = make_engine(n_cells=512)
    for seed in range(6):
        engine.feed(Sequence(), text(seed, 83))
    done_at: list[int] = []
    newcomer: list[Any] = []

    def then(step: int) -> None:
        if step == 1:
            newcomer.append(engine.submit(_feed_once(text(99, 100))))
        if newcomer and newcomer[0].done and not done_at:
            done_at.append(step)

    engine.submit(greedy(text(50, 4), 60, then)).result(PATIENCE)
    assert done_at
    assert done_at[0] <= 12


# --- cells and slots


def test_programs_that_together_need_more_than_is_free_all_get_on(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    """Two pieces of one batch may each fit and not both."""
    engine = make_engine(n_cells=256)
    engine.feed(Sequence(), text(0, 240))
    watched = Watched(engine)
    watched.gate.clear()
    tickets = [engine.submit(_feed_once(text(i, 10))) for i in (1, 2)]
    watched.gate.set()
    for i, ticket in zip((1, 2), tickets, strict=True):
        assert np.array_equal(ticket.result(PATIENCE).last, tiny_reference.rows(text(i, 10))[-1])


def test_a_second_crowd_that_fills_the_cache_computes_nothing_twice(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=256)
    watched = Watched(engine)
    for crowd in (1, 2):
        watched.batches.clear()
        watched.gate.clear()
        tickets = [engine.submit(greedy(text(10 * crowd + i, 4), 21)) for i in range(8)]
        watched.gate.set()
        for ticket in tickets:
            ticket.result(PATIENCE)
        assert watched.tokens == 8 * (4 + 20)


def test_a_hundred_feeds_in_one_yield_share_64_slots(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=1024, slots=64)

    def program() -> Program[list[list[Float32Array]]]:
        sequences = [Sequence() for _ in range(100)]
        first = yield [Feed(s, text(i, 5)) for i, s in enumerate(sequences)]
        second = yield [Feed(s, [i]) for i, s in enumerate(sequences)]
        return [[a.last, b.last] for a, b in zip(first, second, strict=True)]

    for i, (first, second) in enumerate(engine.submit(program()).result(PATIENCE)):
        rows = tiny_reference.rows([*text(i, 5), i])
        assert np.array_equal(first, rows[4])
        assert np.array_equal(second, rows[5])


def test_open_sequences_of_ended_programs_never_block(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    """More sequences stay open than there are slots, and more tokens than cells; every one goes on, exactly."""
    engine = make_engine(n_cells=256, slots=4)
    kept = [Sequence() for _ in range(10)]
    for i, sequence in enumerate(kept):
        engine.submit(_on(sequence, text(i, 40))).result(PATIENCE)
    for i, sequence in enumerate(kept):
        rows = engine.submit(_on(sequence, [7, 8])).result(PATIENCE)
        assert np.array_equal(rows.last, tiny_reference.rows([*text(i, 40), 7, 8])[-1])


def _on(sequence: Sequence, tokens: list[int]) -> Program[Rows]:
    (rows,) = yield [Feed(sequence, tokens)]
    return rows


def test_under_pressure_the_oldest_gets_on_and_all_end(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=256)
    ended: list[int] = []
    tickets = []
    for i in range(8):
        ticket = engine.submit(greedy(text(i, 60), 60))
        ticket.future.add_done_callback(lambda _, i=i: ended.append(i))
        tickets.append(ticket)
    for i, ticket in enumerate(tickets):
        assert is_greedy(tiny_reference, text(i, 60), ticket.result(PATIENCE), 60)
    assert ended[0] == 0
    assert ended[-1] in (6, 7)


def test_the_swapped_out_wait_instead_of_being_computed_in_vain(make_engine: MakeEngine) -> None:
    """A program that cannot stay beside its elders is not recomputed turn by turn, only to be thrown out again."""
    engine = make_engine(n_cells=256)
    watched = Watched(engine)
    tickets = [engine.submit(greedy(text(i, 150), 80)) for i in range(2)]
    for ticket in tickets:
        ticket.result(PATIENCE)
    assert watched.tokens < 4 * (150 + 80)


def test_a_program_whose_own_sequences_do_not_fit_together_gets_on(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    engine = make_engine(n_cells=256)

    def program() -> Program[list[Rows]]:
        sequences = [Sequence() for _ in range(3)]
        yield [Feed(s, text(i, 120), rows="none") for i, s in enumerate(sequences)]
        for _ in range(4):
            rows = yield [Feed(s, [5]) for s in sequences]
        return rows

    for i, rows in enumerate(engine.submit(program()).result(PATIENCE)):
        assert np.array_equal(rows.last, tiny_reference.rows([*text(i, 120), 5, 5, 5, 5])[-1])


def test_a_sequence_larger_than_the_cache_is_told_what_it_needs_and_may_go_on_without(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=256)
    with pytest.raises(OutOfCellsError, match=r"needs 300 cells.*has 256.*larger n_ctx"):
        engine.feed(Sequence(), text(0, 300))

    def program() -> Program[str]:
        with Sequence() as sequence:
            yield [Feed(sequence, text(0, 250), rows="none")]
            try:
                yield [Feed(sequence, text(1, 7))]
            except OutOfCellsError as error:
                (rows,) = yield [Feed(sequence, text(1, 6))]
                return f"{len(rows.logits)} {len(sequence)} {error}"
        return "no error"

    assert engine.run(program()).startswith("1 256 this sequence needs 257 cells")


def test_the_whole_cache_can_be_one_sequence(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=256)
    for i in range(3):
        rows = engine.submit(_on(Sequence(), text(i, 256))).result(PATIENCE)
        assert np.array_equal(rows.last, tiny_reference.rows(text(i, 256))[-1])


# --- cancelling and ending


def test_cancelling_ends_a_program_and_frees_its_cells_at_once(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=4096)
    reached = threading.Event()
    ticket = engine.submit(greedy(text(0, 50), 4000, lambda n: reached.set() if n > 5 else None))
    assert reached.wait(PATIENCE)
    assert engine.usage().live_cells >= 50
    ticket.cancel()
    with pytest.raises(CancelledError, match="cancelled"):
        ticket.result(PATIENCE)
    engine.run(_nothing())
    usage = engine.usage()
    assert (usage.live_cells, usage.live_sequences, usage.programs) == (0, 0, 0)
    ticket.cancel()  # again, and too late: nothing happens
    assert engine.run(greedy(text(1, 3), 3))


def _nothing() -> Program[None]:
    yield []


def test_a_cancelled_program_returns_what_it_has(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=4096)
    reached = threading.Event()

    def program() -> Program[int]:
        steps = 0
        with Sequence() as sequence:
            try:
                while True:
                    yield [Feed(sequence, [1])]
                    steps += 1
                    if steps == 5:
                        reached.set()
            except CancelledError:
                return steps

    ticket = engine.submit(program())
    assert reached.wait(PATIENCE)
    ticket.cancel()
    assert ticket.result(PATIENCE) >= 5


def test_cancelling_before_the_start_lets_the_program_say_so(make_engine: MakeEngine) -> None:
    engine = make_engine()
    watched = Watched(engine)
    watched.gate.clear()
    first = engine.submit(greedy(text(0, 5), 3))
    second = engine.submit(greedy(text(1, 5), 3))
    second.cancel()
    watched.gate.set()
    assert len(first.result(PATIENCE)) == 3
    with pytest.raises(CancelledError):
        second.result(PATIENCE)


def test_one_of_many_is_cancelled_and_the_others_never_notice(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    engine = make_engine(n_cells=1024)
    tickets = [engine.submit(greedy(text(i, 8), 30)) for i in range(6)]
    tickets[2].cancel()
    tickets[4].cancel()
    for i in (0, 1, 3, 5):
        assert is_greedy(tiny_reference, text(i, 8), tickets[i].result(PATIENCE), 30)


@pytest.mark.parametrize("stubborn", ["yields on", "ignores the end", "fails while ending"])
def test_no_program_survives_being_cancelled(make_engine: MakeEngine, stubborn: str) -> None:
    engine = make_engine()
    started = threading.Event()

    def program() -> Program[None]:
        sequence = Sequence()
        tries = 0
        while True:
            try:
                yield [Feed(sequence, [1])] if len(sequence) < 400 else []
                started.set()
            except CancelledError:
                tries += 1
            except GeneratorExit:
                if stubborn == "yields on":
                    raise
                if stubborn == "fails while ending":
                    raise ZeroDivisionError("while ending") from None
                if tries > 1:
                    raise
                tries += 1

    ticket = engine.submit(program())
    assert started.wait(PATIENCE)
    ticket.cancel()
    kind = {"yields on": CancelledError, "ignores the end": RuntimeError, "fails while ending": ZeroDivisionError}
    with pytest.raises(kind[stubborn]):
        ticket.result(PATIENCE)
    assert len(engine.run(greedy(text(1, 3), 3))) == 3, "and the engine goes on"


def test_the_future_cannot_be_cancelled_behind_the_engines_back(make_engine: MakeEngine) -> None:
    engine = make_engine()
    ticket = engine.submit(greedy(text(0, 5), 5))
    assert not ticket.future.cancel()
    assert len(ticket.result(PATIENCE)) == 5


def test_ctrl_c_while_waiting_cancels_the_program(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(n_cells=4096)
    tickets: list[Any] = []
    submit = engine.submit

    def interrupted(program: Program[Any]) -> Any:
        ticket = submit(program)
        tickets.append(ticket)
        monkeypatch.setattr(program_module, "wait_for", _interrupt)
        return ticket

    monkeypatch.setattr(engine, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.run(greedy(text(0, 5), 4000))
    monkeypatch.undo()
    with pytest.raises(CancelledError):
        tickets[0].result(PATIENCE)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


# --- errors


class Trouble(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("error", [ValueError("mine"), Trouble("mine"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_program_raises_reaches_only_its_owner(
    make_engine: MakeEngine, tiny_reference: Reference, error: BaseException
) -> None:
    engine = make_engine()

    def program(after: int) -> Program[None]:
        with Sequence() as sequence:
            for _ in range(after):
                yield [Feed(sequence, [1])]
            raise error

    other = engine.submit(greedy(text(0, 5), 20))
    for after in (0, 1, 3):
        with pytest.raises(type(error)):
            engine.submit(program(after)).result(PATIENCE)
    assert is_greedy(tiny_reference, text(0, 5), other.result(PATIENCE), 20)
    engine.run(_nothing())
    assert engine.usage().live_sequences == 0


BAD_FEEDS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a token above the vocabulary": (lambda: [Feed(Sequence(), [1, 256])], EngineError, r"256 is outside.*0\.\.255"),
    "a token below zero": (lambda: [Feed(Sequence(), [-1])], EngineError, "-1 is outside"),
    "a token that was given": (lambda: [Feed(Sequence([999]), [1])], EngineError, "999 is outside"),
    "a token that is no number": (lambda: [Feed(Sequence(), ["a"])], TypeError, "integer"),
    "a token with a fraction": (lambda: [Feed(Sequence(), [1.5])], TypeError, "integer"),
    "no list": (lambda: Feed(Sequence(), [1]), TypeError, "iterable"),
    "nothing": (lambda: None, TypeError, "iterable"),
    "too many tokens": (lambda: [Feed(Sequence(), [1] * 9999)], OutOfCellsError, "needs 9,999 cells"),
}


@pytest.mark.parametrize("name", BAD_FEEDS)
def test_a_feed_that_cannot_be_is_an_error_of_its_program_alone(
    make_engine: MakeEngine, tiny_reference: Reference, name: str
) -> None:
    make, kind, message = BAD_FEEDS[name]
    engine = make_engine()
    other = engine.submit(greedy(text(0, 5), 20))
    tidied: list[bool] = []

    def program() -> Program[None]:
        try:
            yield make()
        finally:
            tidied.append(True)

    with pytest.raises(kind, match=message):
        engine.submit(program()).result(PATIENCE)
    assert tidied, "it could tidy up"
    assert is_greedy(tiny_reference, text(0, 5), other.result(PATIENCE), 20)


def test_numpy_integers_are_tokens(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine()
    rows = engine.feed(Sequence(), np.array([3, 4, 5]))
    assert np.array_equal(rows.last, tiny_reference.rows([3, 4, 5])[-1])


def test_a_sequence_fed_twice_in_one_yield_is_refused(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine()
    sequence = Sequence()

    def program() -> Program[Rows]:
        with pytest.raises(EngineError, match="being fed already"):
            yield [Feed(sequence, [1]), Feed(sequence, [2])]
        (rows,) = yield [Feed(sequence, [3, 4])]  # the refusal left nothing behind
        return rows

    assert np.array_equal(engine.run(program()).last, tiny_reference.rows([3, 4])[-1])


def test_a_sequence_fed_by_two_programs_at_once_is_refused_to_the_second(make_engine: MakeEngine) -> None:
    engine = make_engine()
    watched = Watched(engine)
    watched.gate.clear()
    sequence = Sequence()
    first = engine.submit(_on(sequence, [1, 2, 3]))
    second = engine.submit(_on(sequence, [4]))
    while not sequence.under_way:
        time.sleep(0.001)
    with pytest.raises(EngineError, match="being fed"):
        sequence.rollback(0)
    fork = sequence.fork()
    assert len(fork) == 0, "a fork has what was there before"
    watched.gate.set()
    assert len(first.result(PATIENCE).logits) == 1
    with pytest.raises(EngineError, match="being fed already"):
        second.result(PATIENCE)
    assert sequence.tokens == (1, 2, 3)
    sequence.rollback(1)
    assert engine.feed(sequence, [9]).logits.shape == (1, 256)


def test_a_cancelled_feed_leaves_its_sequence_usable(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=4096)
    watched = Watched(engine)
    watched.gate.clear()
    sequence = Sequence()
    ticket = engine.submit(_on(sequence, text(0, 4000)))
    while not sequence.under_way:
        time.sleep(0.001)
    ticket.cancel()
    watched.gate.set()
    with pytest.raises(CancelledError):
        ticket.result(PATIENCE)
    assert sequence.tokens == ()
    assert np.array_equal(engine.feed(sequence, [3, 4]).last, tiny_reference.rows([3, 4])[-1])


def test_a_closed_sequence_is_refused(make_engine: MakeEngine) -> None:
    engine = make_engine()
    sequence = Sequence()
    engine.feed(sequence, [1, 2])
    sequence.close()
    sequence.close()
    for use in (lambda: engine.feed(sequence, [3]), sequence.fork, lambda: sequence.rollback(0)):
        with pytest.raises(EngineError, match="was closed"):
            use()


def test_a_sequence_closed_under_way_spoils_nobody(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    """It is computed to its end, and whoever takes over its cells gets what is right."""
    engine = make_engine(n_cells=4096)
    tokens = text(3, 1000)
    for cut in (40, 200, 600, 999):
        watched = Watched(engine)
        watched.gate.clear()
        sequence = Sequence()
        ticket = engine.submit(_on(sequence, tokens[:cut]))
        while not sequence.under_way:
            time.sleep(0.001)
        sequence.close()
        others = [engine.submit(_feed_once(tokens[: cut - i])) for i in range(3)]
        watched.gate.set()
        assert np.array_equal(ticket.result(PATIENCE).last, tiny_reference.rows(tokens)[cut - 1])
        for i, other in enumerate(others):
            assert np.array_equal(other.result(PATIENCE).last, tiny_reference.rows(tokens)[cut - 1 - i])


def test_a_program_that_forgets_to_close_blocks_nobody(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=256, slots=4)

    def forgetful(i: int) -> Program[Sequence]:
        sequence = Sequence()
        yield [Feed(sequence, text(i, 100))]
        return sequence

    kept = [engine.submit(forgetful(i)).result(PATIENCE) for i in range(9)]
    assert engine.usage().live_sequences <= 4
    assert all(len(sequence) == 100 for sequence in kept)
    del kept
    engine.run(_nothing())
    assert engine.usage().live_sequences == 0


def test_a_failed_decode_reaches_all_who_wait_and_the_engine_recovers(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    engine = make_engine(n_cells=1024)
    kept = Sequence()
    engine.feed(kept, text(7, 30))
    watched = Watched(engine)
    watched.gate.clear()
    tidied: list[int] = []

    def program(i: int) -> Program[None]:
        try:
            with Sequence() as sequence:
                yield [Feed(sequence, text(i, 20))]
        finally:
            tidied.append(i)

    tickets = [engine.submit(program(i)) for i in range(3)]
    watched.failures.append(EngineError("llama_decode failed with -3"))
    watched.gate.set()
    failed = 0
    for ticket in tickets:
        with contextlib.suppress(EngineError):
            failed -= 1
            ticket.result(PATIENCE)
            failed += 1
    assert failed <= -1
    assert sorted(tidied) == [0, 1, 2]
    assert np.array_equal(engine.feed(kept, [1]).last, tiny_reference.rows([*text(7, 30), 1])[-1])
    assert is_greedy(tiny_reference, text(0, 5), engine.run(greedy(text(0, 5), 20)), 20)


def test_a_decode_that_really_fails_leaves_an_engine_that_computes_rightly(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    """llama.cpp itself refuses the batch here (a position that leaves a gap), half-way through the engine's work."""
    engine = make_engine()
    sequence = Sequence()
    engine.feed(sequence, text(1, 40))
    watched = Watched(engine)
    decode = watched._context.decode

    def broken(rows: list[DecodeRow]) -> None:
        watched._context.decode = decode  # type: ignore[method-assign]
        decode([DecodeRow(row.token, row.position + 5, row.slot, row.output) for row in rows])

    watched._context.decode = broken  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="llama_decode failed with -1"):
        engine.feed(sequence, [1])
    rows = engine.feed(sequence, [1])
    assert rows.reused == 0
    assert np.array_equal(rows.last, tiny_reference.rows([*text(1, 40), 1])[-1])


# --- turns without work


def test_a_program_that_asks_for_nothing_for_ever_stops_nobody(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    engine = make_engine()

    def idle() -> Program[None]:
        while True:
            assert (yield []) == []

    def hopeless() -> Program[None]:
        with Sequence() as sequence:
            while True:
                try:
                    yield [Feed(sequence, [-1])]
                except EngineError as error:
                    if isinstance(error, CancelledError):
                        raise

    tickets = [engine.submit(idle()), engine.submit(hopeless())]
    assert is_greedy(tiny_reference, text(0, 5), engine.submit(greedy(text(0, 5), 20)).result(PATIENCE), 20)
    for ticket in tickets:
        ticket.cancel()
        with pytest.raises(CancelledError):
            ticket.result(PATIENCE)


def test_a_long_chain_of_empty_feeds_is_no_recursion(make_engine: MakeEngine) -> None:
    engine = make_engine()

    def program() -> Program[int]:
        for _ in range(5000):
            (rows,) = yield [Feed(Sequence(), [])]
            assert rows.logits.shape == (0, 256)
        return 5000

    assert engine.submit(program()).result(PATIENCE) == 5000


def test_a_feed_without_tokens_beside_one_with(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine()
    sequence = Sequence()

    def program() -> Program[list[Rows]]:
        yield [Feed(sequence, [1, 2])]
        return (yield [Feed(sequence, []), Feed(Sequence(), [5, 6])])

    empty, full = engine.run(program())
    assert empty.logits.shape == (0, 256)
    assert np.array_equal(full.last, tiny_reference.rows([5, 6])[-1])


# --- hidden states


def test_hidden_states_come_beside_the_same_logits(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=1024)
    tokens = text(5, 90)
    plain = engine.feed(Sequence(), tokens, rows="all")
    with_hidden = engine.feed(Sequence(), tokens, rows="all", hidden=True)
    assert plain.hidden is None
    assert with_hidden.hidden is not None
    assert with_hidden.hidden.shape == (90, tiny_model.SENSITIVE.n_embd)
    assert plain.logits.shape == with_hidden.logits.shape == (90, 256)
    assert plain.logits.tobytes() == with_hidden.logits.tobytes() == np.stack(tiny_reference.rows(tokens)).tobytes()
    last = engine.feed(Sequence(), tokens, hidden=True)
    assert last.hidden is not None
    assert last.hidden.tobytes() == with_hidden.hidden[-1:].tobytes()


def test_hidden_and_plain_feeds_of_one_turn_keep_apart(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=1024)
    whole = engine.feed(Sequence(), text(5, 40), rows="all", hidden=True)

    def program() -> Program[list[Rows]]:
        return (
            yield [Feed(Sequence(), text(i, 40), rows="all" if i % 2 else "last", hidden=i in (2, 5)) for i in range(6)]
        )

    for i, rows in enumerate(engine.run(program())):
        wanted = np.stack(tiny_reference.rows(text(i, 40)))
        assert np.array_equal(rows.logits, wanted if i % 2 else wanted[-1:])
        assert (rows.hidden is not None) == (i in (2, 5))
        if i == 5:
            assert rows.hidden.tobytes() == whole.hidden.tobytes()


def test_hidden_programs_under_pressure_get_on(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=256)

    def search(seed: int) -> Program[Float32Array]:
        trunk = Sequence()
        yield [Feed(trunk, text(seed, 50), rows="all", hidden=True)]
        for step in range(20):
            forks = [trunk.fork() for _ in range(4)]
            rows = yield [Feed(fork, [step, i], hidden=True) for i, fork in enumerate(forks)]
            trunk.close()
            for fork in forks[1:]:
                fork.close()
            trunk = forks[0]
        return rows[0].last

    tickets = [engine.submit(search(i) if i % 2 else greedy(text(i, 70), 40)) for i in range(6)]
    for i, ticket in enumerate(tickets):
        got = ticket.result(PATIENCE)
        if i % 2:
            tokens = text(i, 50) + [t for step in range(20) for t in (step, 0)]
            assert np.array_equal(got, tiny_reference.rows(tokens)[-1])
        else:
            assert is_greedy(tiny_reference, text(i, 70), got, 40)


# --- numbers


def test_usage_counts_shared_cells_once_and_cached_ones_as_used(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=512)
    a = Sequence()
    engine.feed(a, text(0, 100))
    b = a.fork()
    engine.feed(b, text(1, 10))
    usage = engine.usage()
    assert (usage.n_cells, usage.used_cells, usage.live_cells) == (512, 110, 110)
    assert (usage.live_sequences, usage.programs) == (2, 0)
    b.close()
    assert engine.usage().live_cells == 100
    assert engine.usage().used_cells == 110
    a.close()
    assert (engine.usage().live_cells, engine.usage().live_sequences) == (0, 0)


def test_usage_may_be_asked_from_any_thread_at_any_time(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=256)
    tickets = [engine.submit(greedy(text(i, 50), 60)) for i in range(8)]
    asked = 0
    while not all(ticket.done for ticket in tickets):
        usage = engine.usage()
        assert 0 <= usage.used_cells <= usage.n_cells
        assert 0 <= usage.live_cells <= usage.n_cells
        assert 0 <= usage.live_sequences <= 8
        assert 0 <= usage.programs <= 8
        asked += 1
    assert asked > 10
    assert engine.usage().programs == 0


def test_reused_counts_what_came_from_the_cache(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=1024)
    tokens = text(0, 200)
    assert engine.feed(Sequence(), tokens).reused == 0
    assert engine.feed(Sequence(), tokens).reused == 199
    assert engine.feed(Sequence(), [*tokens[:150], 7, 7]).reused == 150
    assert engine.feed(Sequence(), tokens, rows="all").reused == 0, "rows are not cached, only cells"


# --- the end


def test_after_the_end_nothing_can_be_handed_in(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.close()
    engine.close()
    for use in (
        lambda: engine.submit(_nothing()),
        lambda: engine.feed(Sequence(), [1]),
        lambda: engine.run(_nothing()),
    ):
        with pytest.raises(EngineClosedError, match="load it again"):
            use()
    assert engine.usage().programs == 0


def test_closing_ends_what_runs_and_what_waits(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=4096)
    watched = Watched(engine)
    reached = threading.Event()
    running = engine.submit(greedy(text(0, 5), 4000, lambda _: reached.set()))
    assert reached.wait(PATIENCE)
    watched.gate.clear()
    waiting = engine.submit(greedy(text(1, 5), 5))
    closer = threading.Thread(target=engine.close)
    closer.start()
    watched.gate.set()
    closer.join(PATIENCE)
    assert not closer.is_alive()
    for ticket in (running, waiting):
        with pytest.raises(EngineClosedError):
            ticket.result(PATIENCE)


def test_closing_is_not_held_up_by_a_program_that_will_not_end(make_engine: MakeEngine) -> None:
    engine = make_engine()
    started = threading.Event()

    def stubborn() -> Program[None]:
        for _ in range(3):
            try:
                started.set()
                yield []
                while True:
                    yield []
            except BaseException:  # noqa: BLE001, S112  (that is the stubbornness)
                continue

    tickets = [engine.submit(stubborn()), engine.submit(greedy(text(0, 5), 400))]
    assert started.wait(PATIENCE)
    engine.close()
    for ticket in tickets:
        with pytest.raises((EngineClosedError, RuntimeError)):
            ticket.result(PATIENCE)


def test_a_program_may_close_the_engine(make_engine: MakeEngine) -> None:
    engine = make_engine()

    def program() -> Program[str]:
        yield [Feed(Sequence(), [1])]
        engine.close()
        return "closed"

    assert engine.submit(program()).result(PATIENCE) == "closed"
    engine._thread.join(PATIENCE)
    assert not engine._thread.is_alive()


_EXIT = """
import sys, time
from pathlib import Path
from tsumami.native import ContextOptions, NativeModel
from tsumami.engine.batcher import Engine
from tsumami.engine.sequence import Feed
from tsumami.engine.sequence import Sequence
engine = Engine(NativeModel(Path(sys.argv[1])), ContextOptions(4096, 512, 32, 10, 1, True))
def busy():
    while True:
        yield [Feed(Sequence(), [1] * 3000)]
engine.submit(busy())
time.sleep(0.2)
"""


def test_a_process_may_end_in_the_middle_of_a_decode(tmp_path: Path) -> None:
    path = tiny_model.write(tmp_path / "tiny.gguf", tiny_model.SENSITIVE)
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", _EXIT, str(path)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


# --- an engine that is not exact


def test_solo_runs_one_program_at_a_time_each_in_the_same_call_shapes(make_engine: MakeEngine) -> None:
    """Ten runs in a cache that holds three: wherever the others left it, every run makes the very same calls, but for
    whole pieces that an earlier one has left where they have to be.
    """
    engine = make_engine(n_cells=256, policy=SOLO)
    watched = Watched(engine)
    tickets = [engine.submit(greedy(text(0, 50), 30)) for _ in range(10)]
    for ticket in tickets:
        ticket.result(PATIENCE)
    assert all(len({row.slot for row in batch}) == 1 for batch in watched.batches)
    shapes = [len(batch) for batch in watched.batches]
    assert shapes == [32, *([18, *[1] * 29] * 10)]


def test_alone_a_program_gets_whole_pieces_of_what_was_there_and_no_other_cells(make_engine: MakeEngine) -> None:
    engine = make_engine(n_cells=256, policy=SOLO)
    watched = Watched(engine)
    run = engine.submit(greedy(text(0, 70), 5)).result(PATIENCE)
    after = [*text(0, 70), *run, *text(1, 60)]  # the reply has to be computed as a prompt now
    engine.submit(greedy(after, 2)).result(PATIENCE)
    engine.submit(greedy([*text(0, 40), *text(2, 30)], 2)).result(PATIENCE)
    engine.submit(greedy(text(3, 40), 2)).result(PATIENCE)
    engine.submit(greedy(text(3, 32), 1)).result(PATIENCE)  # a row is wanted, so its last piece is computed again
    assert [len(batch) for batch in watched.batches] == [
        *(32, 32, 6, 1, 1, 1, 1),
        *(32, 32, 7, 1),
        *(32, 6, 1),
        *(32, 8, 1),
        32,
    ]


def test_the_policy_can_change_while_programs_run(make_engine: MakeEngine, tiny_reference: Reference) -> None:
    engine = make_engine(n_cells=1024)
    tickets = [engine.submit(greedy(text(i, 20), 40)) for i in range(3)]
    engine.set_policy(SOLO)
    engine.limit_threads(2)
    for i, ticket in enumerate(tickets):
        assert is_greedy(tiny_reference, text(i, 20), ticket.result(PATIENCE), 40)
    assert engine.policy is SOLO
