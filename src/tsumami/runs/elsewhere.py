"""Programs on an engine elsewhere: a thread with an event loop asks for the rows, and our chains choose from them.

Guarantee: a program here is the same program as on our own engine; what differs is that of each row only the likeliest
tokens are told, and the rest is at -inf (sampling/unseen.py says what that leaves open). A row that was told once is
remembered, so a replay, an audit or a fork asks for nothing twice and sees the same numbers; `forget` makes it ask
again. As many requests are under way as the servers have seats, those of the oldest programs first; each program stays
with one server, which has its beginning in the cache. A cancelled program's requests are given up at once. What goes
wrong on the way is thrown into the program that asked, and into no other.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import operator
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from tsumami.engine import Feed, Program, Rows, Ticket, first_outside
from tsumami.errors import CancelledError, EngineClosedError, EngineError, OutOfCellsError, RemoteError
from tsumami.models import RemoteName
from tsumami.native import Float32Array
from tsumami.remote import AsyncHttpWire, Capabilities, Patience, ToldRow
from tsumami.sampling.unseen import SeenRow
from tsumami.stopping import check_wanted
from tsumami.wording import counted

__all__ = ["RemoteEngine", "RowServer", "SeenRows"]

T = TypeVar("T")
_ROWS_KEPT: Final = 4096


class RowServer(Protocol):
    """What is asked for rows, and how: the bodies of requests, and what their answers say."""

    @property
    def path_there(self) -> str:
        """Where rows are asked."""

    @property
    def facts_path(self) -> str:
        """Where the server says what it is."""

    def check(self, answer: dict[str, Any]) -> None:
        """Whether what `facts_path` says is what it said before; a RemoteError if not."""

    def row_body(
        self, tokens: Sequence[int], count: int, *, slot: int | None = None, cached: bool = True
    ) -> dict[str, Any]:
        """What to ask for the row after `tokens`."""

    def read_row(self, answer: dict[str, Any]) -> ToldRow:
        """The row of an answer."""

    def level_body(self, tokens: Sequence[int], row: ToldRow, *, slot: int | None = None) -> dict[str, Any]:
        """What to ask for the place of the logits' zero, once `row` was told."""

    def read_level(self, answer: dict[str, Any], tokens: Sequence[int], row: ToldRow) -> float:
        """The logit of a token less its logarithm in `row`."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenRows(Rows):
    """Rows of which something is not seen; `told` says how much, row by row: what is unseen, and the most it can be."""

    told: tuple[tuple[float, float], ...] = ()

    @property
    def last(self) -> Float32Array:
        """The last row, which knows what is not seen of it."""
        return SeenRow.of(self.logits[-1], *self.told[-1])

    @property
    def each(self) -> list[Float32Array]:
        """All rows, each of which knows what is not seen of it."""
        return [SeenRow.of(row, *told) for row, told in zip(self.logits, self.told, strict=True)]


class _Seats:
    """The slots of a server: a request for each at once; who waits gets one in the order of the programs' age.

    Each slot has what it was asked last in its cache. A request takes the free one in which the least has to be
    computed for it and the least is lost to others: so every branch comes back to its own.
    """

    def __init__(self, count: int, first: int) -> None:
        """`first`: which slot is taken first, so that several processes do not all take the same."""
        self._cached: list[tuple[int, ...]] = [()] * count
        self._free = [(first + number) % count for number in range(count)]
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    async def take(self, rank: int, tokens: tuple[int, ...]) -> int:
        """Wait for a slot, and take it; `tokens`: what it is to be asked."""
        while not self._free:
            coming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (rank, next(self._numbers), coming))
            try:
                await coming
            except asyncio.CancelledError:
                self._wake()
                raise
        slot = min(self._free, key=lambda one: _apart(self._cached[one], tokens))
        self._free.remove(slot)
        self._cached[slot] = tokens
        return slot

    def give_back(self, slot: int) -> None:
        """Somebody else may have it."""
        self._free.append(slot)
        self._wake()

    def _wake(self) -> None:
        """Let the oldest look."""
        while self._waiting:
            *_, coming = heapq.heappop(self._waiting)
            if not coming.done():
                coming.set_result(None)
                return


def _apart(cached: tuple[int, ...], tokens: tuple[int, ...]) -> int:
    """How many tokens have to be computed where these are cached, and how many of those are lost by it."""
    shorter = min(len(cached), len(tokens))
    if cached[:shorter] == tokens[:shorter]:
        return len(cached) + len(tokens) - 2 * shorter
    shared = next(at for at in range(shorter) if cached[at] != tokens[at])
    return len(cached) + len(tokens) - 2 * shared


class RemoteEngine:
    """Runs programs on the servers of one model."""

    def __init__(
        self, name: RemoteName, server: RowServer, record: Capabilities, n_vocab: int, patience: Patience, n_ctx: int
    ) -> None:
        self.n_vocab, self.record = n_vocab, record
        self._name, self._server, self._patience, self._n_ctx = name, server, patience, n_ctx
        self._known: OrderedDict[tuple[int, ...], ToldRow] = OrderedDict()
        self._ranks = itertools.count()
        self._first = os.getpid()  # of several processes each begins at another address
        self._closing = False
        self._lock = threading.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self._wires: list[AsyncHttpWire] = []
        self._seats = [_Seats(record.slots, self._first) for _ in name.addresses]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_turn, args=(self._loop,), daemon=True)
        self._thread.name = "tsumami-elsewhere"
        self._thread.start()
        self._wait(self._open())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        for address in self._name.addresses:
            look = (self._server.facts_path, self._server.check)
            self._wires.append(AsyncHttpWire(self._name, address, self._patience, self.record.slots, look))

    # --- asked from any thread ---

    def submit(self, program: Program[T]) -> Ticket[T]:
        """Hand in a program.

        Raises:
            EngineClosedError: the engine was closed.
        """
        return self._hand_in(lambda ticket, stop, rank: self._drive(program, ticket, stop, rank))

    def listen(
        self, tokens: Sequence[int], body: dict[str, Any], take: Callable[[dict[str, Any]], Any]
    ) -> Ticket[None]:
        """Have one request answered in pieces, of which `take` gets each, in the engine's thread. `tokens`: its prompt.

        Raises:
            EngineClosedError: the engine was closed.
        """
        return self._hand_in(lambda ticket, stop, rank: self._hear(tuple(tokens), body, take, ticket, stop, rank))

    def _hand_in(self, start: Callable[[Ticket[T], asyncio.Event, int], Coroutine[Any, Any, None]]) -> Ticket[T]:
        stop = asyncio.Event()
        ticket: Ticket[T] = Ticket(lambda: self._tell(stop))
        with self._lock:
            if self._closing:
                raise EngineClosedError("this model was closed; load it again").in_japanese(
                    "このモデルは閉じられました。もう一度読み込んでください"
                )
            self._loop.call_soon_threadsafe(self._begin, start, ticket, stop, next(self._ranks))
        return ticket

    def _tell(self, stop: asyncio.Event) -> None:
        with self._lock:
            if not self._closing:
                self._loop.call_soon_threadsafe(stop.set)

    def run(self, program: Program[T]) -> T:
        """Hand in a program and wait for its result; whatever ends the waiting (Ctrl-C, say) cancels it."""
        assert threading.current_thread() is not self._thread, "a program must yield, not wait"
        check_wanted()
        return self.submit(program).wait()

    def forget(self) -> None:
        """Ask for every row anew from here on."""
        self._loop.call_soon_threadsafe(self._known.clear)

    def close(self) -> None:
        """End what runs; who waits gets an EngineClosedError. Safe to call twice."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        if threading.current_thread() is not self._thread:
            self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        else:
            self._loop.create_task(self._end()).add_done_callback(lambda _: self._loop.stop())

    # --- the loop's thread ---

    async def _end(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for wire in self._wires:
            await wire.close()

    def _begin(self, start: Callable[..., Any], ticket: Ticket[Any], stop: asyncio.Event, rank: int) -> None:
        task: asyncio.Task[None] = self._loop.create_task(start(ticket, stop, rank))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _drive(self, program: Program[Any], ticket: Ticket[Any], stop: asyncio.Event, rank: int) -> None:
        """Play the part of the batcher for one program: it may return what it has when it is ended from outside."""
        answer: list[Rows] | Exception | None = None
        try:
            while True:
                feeds = program.throw(answer) if isinstance(answer, Exception) else program.send(answer)  # type: ignore[arg-type]  # None starts it
                if isinstance(answer, CancelledError | EngineClosedError):
                    program.close()
                    ticket.future.set_exception(answer)
                    return
                answer = await _unless(stop, self._all(feeds, rank))
        except StopIteration as end:
            ticket.future.set_result(end.value)
        except BaseException as error:  # noqa: BLE001  (whatever a program raises belongs to whoever waits for it)
            ticket.future.set_exception(error)

    async def _hear(
        self,
        tokens: tuple[int, ...],
        body: dict[str, Any],
        take: Callable[[dict[str, Any]], Any],
        ticket: Ticket[None],
        stop: asyncio.Event,
        rank: int,
    ) -> None:
        """One request that is answered in pieces."""
        at = (self._first + rank) % len(self._wires)

        async def heard() -> None:
            slot = await self._seats[at].take(rank, tokens)
            try:
                await self._wires[at].listen(self._server.path_there, body | {"id_slot": slot}, take)
            finally:
                self._seats[at].give_back(slot)

        found = await _unless(stop, heard())
        if isinstance(found, Exception):
            ticket.future.set_exception(found)
        else:
            ticket.future.set_result(None)

    async def _all(self, feeds: Sequence[Feed], rank: int) -> list[Rows]:
        if not feeds:
            await asyncio.sleep(0)  # the others have a turn
        tasks = [asyncio.ensure_future(self._fed(feed, rank)) for feed in feeds]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fed(self, feed: Feed, rank: int) -> Rows:
        """One feed: a request for each row that is wanted."""
        tokens = [operator.index(token) for token in feed.tokens]
        target = feed.sequence.begin_feed(tokens)
        try:
            self._check(feed, target)
            before, count = len(target) - len(tokens), len(target)
            first = {"all": before, "last": max(count - 1, before), "none": count}[feed.rows]
            told = [await self._row(tuple(target[: end + 1]), rank, feed) for end in range(first, count)]
        except BaseException:
            feed.sequence.abort_feed()
            raise
        feed.sequence.end_feed(target)
        logits = np.stack([self._laid_out(row) for row in told]) if told else np.empty((0, self.n_vocab), np.float32)
        shares = tuple(row.unseen(self.n_vocab) for row in told)
        return SeenRows(logits, reused=told[-1].cached if told else 0, told=shares)

    def _check(self, feed: Feed, target: list[int]) -> None:
        bad = first_outside(target, self.n_vocab)
        if bad is not None:
            raise EngineError(f"token id {target[bad]} is outside the vocabulary (0..{self.n_vocab - 1})").in_japanese(
                f"トークン id {target[bad]} は語彙（0〜{self.n_vocab - 1}）にありません"
            )
        if len(target) > self._n_ctx:
            raise OutOfCellsError(
                f"this sequence has {counted(len(target), 'token')}, and the engine elsewhere takes {self._n_ctx}"
            ).in_japanese(f"この列は {len(target)} トークンですが、ほかの場所のエンジンに入るのは {self._n_ctx} です")
        if feed.hidden:
            raise EngineError("an engine elsewhere tells no hidden states, which contrastive search needs").in_japanese(
                "ほかの場所のエンジンは、コントラスティブサーチに要る隠れ状態を知らせません"
            )

    async def _row(self, tokens: tuple[int, ...], rank: int, feed: Feed) -> ToldRow:
        """The row after `tokens`, asked for if it is not known."""
        absolute = feed.absolute and self.record.absolute
        known = self._known.get(tokens)
        if known is None or (absolute and known.level is None):
            known = await self._asked(tokens, (self._first + rank) % len(self._wires), known, rank, absolute=absolute)
            self._known[tokens] = known
        self._known.move_to_end(tokens)
        while len(self._known) > _ROWS_KEPT:
            self._known.popitem(last=False)
        return known if absolute else ToldRow(known.ids, known.logprobs, None, known.cached)

    async def _asked(
        self, tokens: tuple[int, ...], at: int, known: ToldRow | None, rank: int, *, absolute: bool
    ) -> ToldRow:
        server, wire, seats = self._server, self._wires[at], self._seats[at]
        slot = await seats.take(rank, tokens)
        try:
            body = server.row_body(tokens, self.record.n_probs, slot=slot)
            row: ToldRow = known or await wire.post(server.path_there, body, self._whole)
            if not absolute or row.level is not None:
                return row

            def read(answer: dict[str, Any]) -> float:
                return server.read_level(answer, tokens, row)

            level = await wire.post(server.path_there, server.level_body(tokens, row, slot=slot), read)
            return ToldRow(row.ids, row.logprobs, level, row.cached)
        finally:
            seats.give_back(slot)

    def _whole(self, answer: dict[str, Any]) -> ToldRow:
        """The row of an answer, with as many tokens as were asked for."""
        row = self._server.read_row(answer).likeliest(self.record.n_probs)
        if (
            len(row.ids) < min(self.record.n_probs, self.n_vocab)
            or first_outside(row.ids.tolist(), self.n_vocab) is not None
        ):
            raise RemoteError(
                f"the engine elsewhere told {counted(len(row.ids), 'token')} of a row, not the "
                f"{self.record.n_probs} that "
                "were asked for",
                again=True,
            ).in_japanese(
                f"ほかの場所のエンジンが知らせた 1 行のトークンは {len(row.ids)} "
                f"個で、頼んだ {self.record.n_probs} 個ではありません"
            )
        return row

    def _laid_out(self, row: ToldRow) -> Float32Array:
        """The row over the whole vocabulary."""
        made = np.full(self.n_vocab, -np.inf, np.float32)
        made[row.ids] = row.logprobs + np.float32(row.level or 0.0)
        return made


async def _unless(stop: asyncio.Event, wanted: Coroutine[Any, Any, T]) -> T | Exception:
    """What is wanted, or what ended the waiting for it."""
    work = asyncio.ensure_future(wanted)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return CancelledError("cancelled").in_japanese("取り消されました")
        return work.result()
    except asyncio.CancelledError:
        return EngineClosedError("this model was closed").in_japanese("このモデルは閉じられました")
    except Exception as error:  # noqa: BLE001  (thrown into the program that asked)
        return error
    finally:
        stopping.cancel()
        work.cancel()
        await asyncio.gather(work, stopping, return_exceptions=True)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
