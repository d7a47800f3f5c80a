"""The engine: one thread that owns the context and feeds it from everybody at once.

Guarantee: whoever asks, alone or in a crowd, gets the same rows. Work comes as *programs*: generators that yield
`Feed`s and are sent `Rows`. Each turn the batcher gathers the next tokens of every running program plus pieces of
prompts, makes one `llama_decode` of them, and lets each program choose its next tokens right here, in the engine's
thread, so that all of them are back in the next batch. Chat users, the lanes of a comparison and the leaves of a knob
map are all programs.

Programs are served oldest first. If cells run out, sequences of younger programs lose their cells (never their tokens)
and are computed again when there is room; so the oldest always gets on, and nobody fails for want of cells unless a
single sequence is larger than the whole cache.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import operator
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tsumami.engine.cache import N_KEEPERS, Cache
from tsumami.engine.planning import TOGETHER, BatchPlan, Job, Policy, Portion
from tsumami.engine.program import Program, T, Ticket
from tsumami.engine.sequence import Feed, Rows, Sequence, first_outside
from tsumami.engine.threads import ThreadGovernor
from tsumami.errors import CancelledError, EngineClosedError, EngineError, OutOfCellsError
from tsumami.native import ContextOptions, DecodeRow, NativeContext, NativeModel
from tsumami.stopping import check_wanted
from tsumami.wording import counted

_log = logging.getLogger(__name__)
#: How long a turn with pieces of prompts may take: short, so that streams and stop buttons stay lively.
_TURN_SECONDS: Final = 0.1
#: How long a thread that computes in Python may keep the engine's from going on. A token takes about twenty calls of
#: llama.cpp, and after each the engine's thread has to get the interpreter back: with Python's 5 ms, somebody who has
#: a large request checked would slow everybody's tokens down to a quarter.
_SWITCH_SECONDS: Final = 0.0005
_LEAST_PIECE: Final = 2  # tokens of a prompt beside streams: so it gets on, too


@dataclass(slots=True, eq=False)
class _Running:
    """A program in the engine, older the smaller its `rank`: the jobs of its feeds, or why these were refused."""

    ticket: Ticket[Any]
    program: Program[Any]
    rank: int
    jobs: list[Job] = field(default_factory=list)
    refusal: Exception | None = None

    def release(self) -> None:
        """Let go of the sequences of jobs that will not be done."""
        for job in self.jobs:
            if not job.done:
                job.feed.sequence.abort_feed()
        self.jobs = []


class Engine:
    """Runs programs on one model."""

    def __init__(self, model: NativeModel, options: ContextOptions, *, policy: Policy = TOGETHER) -> None:
        self.model = model
        self.options = options
        self.n_vocab = model.vocab.n_tokens
        self._context = NativeContext(model, options)
        self._cache = self._new_cache(policy)
        self._governor = ThreadGovernor(options.threads)
        self._policy = policy
        self._ranks = itertools.count()
        self._incoming: deque[_Running] = deque()
        self._running: list[_Running] = []
        self._alone: _Running | None = None
        self._condition = threading.Condition()
        self._closing = False
        self._between_crowds = False
        self._at_end: Callable[[], None] | None = None
        self._seconds_per_token = 0.005
        self._stream_seconds = 0.02
        self._threads = options.threads
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))
        self._thread = threading.Thread(target=self._loop, name="tsumami-engine", daemon=True)
        self._thread.start()
        _OPEN.add(self)

    def _new_cache(self, policy: Policy) -> Cache:
        return Cache(
            self._context,
            n_cells=self.options.n_cells,
            n_slots=self.options.n_sequences - N_KEEPERS,
            reuse=policy.reuse,
            partial=not self.model.recurrent,
        )

    # --- asked from any thread ---

    @property
    def n_cells(self) -> int:
        """How many tokens the whole cache holds."""
        return self.options.n_cells

    @property
    def said(self) -> tuple[str, ...]:
        """The lines in which llama.cpp warned when the context was made."""
        return self._context.said

    @property
    def policy(self) -> Policy:
        """What the batcher may do now."""
        return self._policy

    def set_policy(self, policy: Policy) -> None:
        """Change what the batcher may do, between programs; the cache is emptied."""

        def change() -> None:
            self._policy = policy
            self._cache.forget()
            self._cache = self._new_cache(policy)

        self.run(_between_turns(change))

    def limit_threads(self, most: int) -> None:
        """Use at most `most` threads from the next turn on; no bit of an exact result changes."""

        def change() -> None:
            self._governor = ThreadGovernor(max(1, most))

        self.run(_between_turns(change))

    def usage(self) -> Usage:
        """How full the cache is, and how many programs run."""
        return Usage(
            n_cells=self._cache.n_cells,
            used_cells=self._cache.used_cells,
            live_cells=self._cache.live_cells,
            live_sequences=self._cache.live_slots,
            programs=len(self._running) + len(self._incoming),
        )

    def submit(self, program: Program[T]) -> Ticket[T]:
        """Hand in a program; it starts with the next turn.

        Raises:
            EngineClosedError: the engine was closed.
        """
        ticket: Ticket[T] = Ticket(self._wake)
        with self._condition:
            if self._closing:
                raise EngineClosedError("this model was closed; load it again").in_japanese(
                    "このモデルは閉じられました。もう一度読み込んでください"
                )
            self._incoming.append(_Running(ticket, program, next(self._ranks)))
            self._condition.notify()
        return ticket

    def run(self, program: Program[T]) -> T:
        """Hand in a program and wait for its result; whatever ends the waiting (Ctrl-C, say) cancels it."""
        assert threading.current_thread() is not self._thread, "a program must yield, not wait"
        check_wanted()
        return self.submit(program).wait()

    def feed(self, sequence: Sequence, tokens: Iterable[int], **wishes: Any) -> Rows:
        """Feed one sequence and wait for the rows; `wishes` as in `Feed`."""

        def program() -> Program[Rows]:
            (rows,) = yield [Feed(sequence, list(tokens), **wishes)]
            return rows

        return self.run(program())

    def close(self, then: Callable[[], None] | None = None) -> None:
        """End the thread and free the context; who waits gets an EngineClosedError. Safe to call twice.

        `then` is called when the context is gone, by whichever thread that is: an engine may be closed from its own.
        """
        with self._condition:
            self._at_end = then
        self._end_thread(None)
        if then is not None and not self._thread.is_alive():
            then()

    def _end_thread(self, patience: float | None) -> None:
        with self._condition:
            self._closing = True
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(patience)

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify()

    # --- the engine's thread ---

    def _loop(self) -> None:
        try:
            while self._gather():
                try:
                    self._turn()
                except Exception as error:  # noqa: BLE001  (it must reach those who wait, not end the thread)
                    _log.debug("a turn failed", exc_info=True)
                    self._cache.forget()
                    for running in list(self._running):
                        self._throw(running, error)
        finally:
            with self._condition:
                self._closing = True
            for running in [*self._running, *self._incoming]:
                self._throw(
                    running, EngineClosedError("this model was closed").in_japanese("このモデルは閉じられました")
                )
            self._context.close()
            if self._at_end is not None:
                self._at_end()

    def _gather(self) -> bool:
        """Wait for work, start what came in, end what was cancelled; False when the engine closes."""
        with self._condition:
            while not self._closing and not self._incoming and not self._running:
                self._condition.wait()
            if self._closing:
                return False
            arrived = list(self._incoming)
            self._incoming.clear()
            self._between_crowds = not self._running
            self._running += arrived
        for running in arrived:
            self._advance(running, None)
        for running in list(self._running):
            if running.ticket.cancelled:
                self._throw(running, CancelledError("cancelled").in_japanese("取り消されました"))
        return True

    def _advance(self, running: _Running, answer: list[Rows] | Exception | None) -> None:
        """Let a program go on to its next feeds, or take its result. What it yields is looked at here and answered in
        the next turn, even a refusal, so that no program can keep the others waiting by what it asks for.
        """
        program = running.program
        running.jobs, running.refusal = [], None
        try:
            feeds = program.throw(answer) if isinstance(answer, Exception) else program.send(answer)  # type: ignore[arg-type]  # None starts it
        except StopIteration as stop:
            self._end(running, result=stop.value)
        except BaseException as error:  # noqa: BLE001  (whatever a program raises belongs to whoever waits for it)
            self._end(running, error=error)
        else:
            self._accept(running, feeds)

    def _accept(self, running: _Running, feeds: Iterable[Feed]) -> None:
        """Turn feeds into jobs; what cannot be done is an error of the program that asked for it."""
        try:
            for feed in feeds:
                running.jobs.append(self._job(feed, running.rank))
        except Exception as error:  # noqa: BLE001  (thrown into the program, with the next turn)
            running.release()
            running.refusal = error

    def _job(self, feed: Feed, rank: int) -> Job:
        tokens = [operator.index(token) for token in feed.tokens]
        target = feed.sequence.begin_feed(tokens)
        if tokens:
            try:
                self._check(target)
            except EngineError:
                feed.sequence.abort_feed()
                raise
        return Job(rank, feed, target, len(tokens), done=not tokens)

    def _check(self, target: list[int]) -> None:
        """Refuse tokens that there are not, and more than fit in."""
        bad = first_outside(target, self.n_vocab)
        if bad is not None:
            raise EngineError(f"token id {target[bad]} is outside the vocabulary (0..{self.n_vocab - 1})").in_japanese(
                f"トークン id {target[bad]} は語彙（0〜{self.n_vocab - 1}）にありません"
            )
        if len(target) > self.n_cells:
            raise OutOfCellsError(
                f"this sequence needs {counted(len(target), 'cell')}, but the whole cache has {self.n_cells}; "
                "shorten it or load the model with a larger n_ctx"
            ).in_japanese(
                f"この列には {len(target)} セルが要りますが、キャッシュは全部で {self.n_cells} "
                "セルです。短くするか、n_ctx を大きくして読み込んでください"
            )

    def _throw(self, running: _Running, error: Exception) -> None:
        """End a program from outside; it may still return what it has, but nothing is decoded for it any more."""
        running.release()
        self._advance(running, error)
        if not running.ticket.done:
            try:
                running.program.close()
            except BaseException as raised:  # noqa: BLE001  (it belongs to whoever waits, as above)
                self._end(running, error=raised)
            else:
                self._end(running, error=error)

    def _end(self, running: _Running, *, result: Any = None, error: BaseException | None = None) -> None:
        if running in self._running:
            self._running.remove(running)
        running.release()
        self._cache.retire(running.rank)
        if error is not None:
            running.ticket.future.set_exception(error)
        else:
            running.ticket.future.set_result(result)

    def _turn(self) -> None:
        """One batch of plain feeds and one of feeds that want hidden states: they are never mixed, because a context
        that gives hidden states makes every token an output.
        """
        if not self._running:
            return
        if self._between_crowds and self._policy.reuse:
            self._cache.make_ready()
        served = self._running if self._policy.together else self._running[:1]
        waiting = [job for running in served for job in running.jobs if not job.done]
        if not self._policy.together and waiting and self._alone is not served[0]:
            self._alone = served[0]
            self._begin_alone(waiting)
        for hidden in (False, True):
            wanted = [job for job in waiting if job.feed.hidden == hidden]
            if wanted:
                self._decode(wanted, hidden)
        for running in list(self._running):
            if all(job.done for job in running.jobs):
                self._advance(running, running.refusal or [job.result(self.n_vocab) for job in running.jobs])

    def _begin_alone(self, waiting: list[Job]) -> None:
        """Make the cache as good as empty for the first jobs of a program that is served alone. What is left of the
        same pieces of one size stays: an empty cache would get them by the very same calls.
        """
        job, piece = waiting[0], self._policy.fixed_piece
        if len(waiting) == 1 and piece is not None and not job.feed.hidden:
            self._cache.begin_alone(job.feed.sequence, job.target[: job.reusable()], piece)
        else:
            self._cache.forget()

    def _prompt_room(self, *, streams: bool) -> int:
        """How many prompt tokens this turn may take. Where `streams` wait for a token each, a turn with pieces of
        prompts takes about half as long again as theirs alone, however long the prompts are.
        """
        if self._policy.fixed_piece is not None:
            return self._policy.fixed_piece
        seconds = min(self._stream_seconds / 2, _TURN_SECONDS) if streams else _TURN_SECONDS
        least = _LEAST_PIECE if streams else 32
        return max(least, min(self._context.n_batch, int(seconds / self._seconds_per_token)))

    def _decode(self, jobs: list[Job], hidden: bool) -> None:
        """Plan a batch of these jobs, compute it, and give every job its rows."""
        room = self._prompt_room(streams=any(job.n_new == 1 for job in jobs))
        plan = BatchPlan(self._cache, self._context.n_batch, room, self._policy.reuse)
        portions = plan.take(jobs)
        if not portions:
            return
        batch, outputs = self._lay_out(portions)
        self._compute(batch, hidden, sum(portion.count for portion in portions if portion.job.is_prompt))
        for portion in portions:
            self._cache.keep(portion.slot, portion.start)
        if len(portions) == 1 and self._policy.fixed_piece == self.options.n_ubatch and not hidden:
            self._cache.note_pieces(portions[0].slot, portions[0].start, self.options.n_ubatch)
        for job, row in outputs:
            job.logits.append(self._context.logits(row))
            if hidden:
                job.hidden.append(self._context.hidden(row))
        for portion in portions:
            if portion.is_last:
                portion.job.done = True
                portion.job.feed.sequence.end_feed(portion.job.target)

    def _lay_out(self, portions: list[Portion]) -> tuple[list[DecodeRow], list[tuple[Job, int]]]:
        """The rows of the batch, and which of them is the output of whom; the cells are taken from here on."""
        batch: list[DecodeRow] = []
        outputs: list[tuple[Job, int]] = []
        for portion in portions:
            wanted_from, tokens = portion.job.progress(), portion.tokens
            for position, token in enumerate(tokens, portion.start):
                output = position >= wanted_from
                if output:
                    outputs.append((portion.job, len(batch)))
                batch.append(DecodeRow(token, position, portion.slot.number, output))
            self._cache.append(portion.slot, tokens, beside=len(portions) > 1)
        return batch, outputs

    def _compute(self, batch: list[DecodeRow], hidden: bool, of_prompts: int) -> None:
        """One `llama_decode`, timed for the choice of threads and the size of the next pieces.

        of_prompts: how many of its tokens are prompts'.
        """
        threads = self._governor.choose(len(batch))
        if threads != self._threads:
            self._context.set_threads(threads)
            self._threads = threads
        if hidden:
            self._context.want_hidden(True)
        begin = time.perf_counter()
        try:
            self._context.decode(batch)
        finally:
            if hidden:
                self._context.want_hidden(False)
        seconds = time.perf_counter() - begin
        per_token = seconds / len(batch)
        self._governor.observe(per_token)
        if len(batch) >= 16:
            self._seconds_per_token += 0.3 * (per_token - self._seconds_per_token)
        streams = seconds - of_prompts * self._seconds_per_token  # at least so long without the prompts
        if not of_prompts or streams > self._stream_seconds:
            self._stream_seconds += 0.3 * (streams - self._stream_seconds)


def _between_turns(change: Callable[[], None]) -> Program[None]:
    """A program that feeds nothing: it runs `change` in the engine's thread, where nothing else is under way."""
    yield []
    change()


@dataclass(frozen=True, slots=True)
class Usage:
    """How full the engine is: cells in all, used (also as a cache), held by open sequences; sequences; programs."""

    n_cells: int
    used_cells: int
    live_cells: int
    live_sequences: int
    programs: int


_OPEN: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """A decode that is under way while the process ends would crash it; a program that hangs must not keep it alive."""
    for engine in list(_OPEN):
        engine._end_thread(10)
