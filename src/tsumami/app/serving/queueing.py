"""The queue through which work comes: whoever calls, from the page or a script, takes turns.

Guarantee: what generates begins when `Turns` says so, whichever door it came through (Gradio's queue, or a direct
call), and what waits holds no thread; what only answers (knobs, checks) does not wait for it. Who has too much waiting
is refused in words. Whoever goes away ends what they have asked for, also while it waits, and their place is free.

Gradio's queue has forty places for all events of a page together, and its threads are forty; an event whose reader has
gone goes on to its end there; and it looks for work a thousand times a second, which keeps a sixteenth of a core busy
while nobody asks for anything, and takes that from whatever generates. This one leans on `Queue`'s methods `push`,
`get_events`, `process_events`, `clean_events` and `remove_from_queue`, on its `sleep_when_free`, on the names of its
tasks, and on `Blocks.process_api`, so that an upgrade of Gradio has one place to look.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import anyio
import fastapi
import gradio as gr
from gradio.queueing import Event, Queue

from tsumami.web.callers import caller_of
from tsumami.web.limits import Limits
from tsumami.web.places import place, too_many_waiting
from tsumami.web.pulling import pulled
from tsumami.web.turns import Asker, Turns
from tsumami.wording import asked_in

#: The names (Gradio's concurrency_id) under which events that generate are declared: on the page, and in the API.
WORKING: Final = frozenset({"talk", "api"})
_AT_ONCE: Final = 1024  # events of a page that can be under way, with those that wait for nothing
_LOOKS_EVERY: Final = 0.01  # seconds between two looks for work: as long as what was just sent may lie there


def take_turns(blocks: gr.Blocks, turns: Turns, limits: Limits) -> None:
    """Let a page's events take turns; to be called once, before the page is mounted."""
    blocks.max_threads = max(_AT_ONCE, 2 * limits.generations)
    threads: Any = anyio.CapacityLimiter(math.inf)  # as many as there are places, and quick answers
    blocks.limiter = threads
    for event in blocks.fns.values():
        if event.concurrency_id in WORKING and inspect.isgeneratorfunction(event.fn):
            event.fn = _pulled(event.fn, threads)
    blocks._queue = FairQueue(blocks, turns, limits)
    direct: Any = functools.partial(_directly, blocks.process_api, turns, limits)
    blocks.process_api = direct  # type: ignore[method-assign]  # Gradio has no other place for it


def _pulled(function: Callable[..., Any], threads: anyio.CapacityLimiter) -> Callable[..., Any]:
    """A handler that answers piece by piece, so that it ends with its caller: of one that is cancelled in its first
    step Gradio keeps nothing that could be closed.
    """

    @functools.wraps(function)
    async def answering(*given: Any, **named: Any) -> AsyncIterator[Any]:
        async with contextlib.aclosing(pulled(function(*given, **named), threads)) as pieces:
            async for piece in pieces:
                yield piece

    return answering


class FairQueue(Queue):
    """Gradio's queue, whose working events begin when they have a place."""

    def __init__(self, blocks: gr.Blocks, turns: Turns, limits: Limits) -> None:
        super().__init__(
            live_updates=True,
            concurrency_count=blocks.max_threads,
            update_intervals=1,
            max_size=None,
            blocks=blocks,
            default_concurrency_limit=None,
        )
        self.sleep_when_free = _LOOKS_EVERY
        self._turns = turns
        self._limits = limits
        self._ready: deque[Event] = deque()

    async def push(self, body: Any, request: fastapi.Request, username: str | None) -> Any:
        """Take an event in.

        Raises:
            fastapi.HTTPException: its caller has too much waiting.
        """
        asker = _asker(request, body.session_hash)
        _refuse_too_many(self._turns, self._limits, asker, request)
        answer = await super().push(body, request, username)
        event = self.event_ids_to_events.get(str(answer[1])) if answer[0] else None
        if event is not None and event.concurrency_id in WORKING:
            self._turns.ask(event._id, asker, functools.partial(self._ready.append, event))
        return answer

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The event that begins next."""
        while self._ready:
            event = self._ready.popleft()
            queued = self.event_queue_per_concurrency_id[event.concurrency_id].queue
            if event in queued:
                queued.remove(event)
                return [event], False, event.concurrency_id
            self._turns.leave(event._id)
        for name, events in self.event_queue_per_concurrency_id.items():
            limit = events.concurrency_limit
            free = limit is None or events.current_concurrency < limit
            if name not in WORKING and events.queue and free:
                return [events.queue.pop(0)], False, name
        return None

    async def process_events(self, events: list[Event], *how: Any, **more: Any) -> None:
        """Work an event off, and give its place back."""
        try:
            await super().process_events(events, *how, **more)
        finally:
            for event in events:
                self._turns.leave(event._id)

    async def clean_events(self, *, session_hash: str | None = None, event_id: str | None = None) -> None:
        """The reader of a session, or of an event, has gone."""
        gone = [
            event
            for event in list(self.event_ids_to_events.values())
            if event.session_hash == session_hash or event._id == event_id
        ]
        await super().clean_events(session_hash=session_hash, event_id=event_id)
        for event in gone:
            self._end(event)

    async def remove_from_queue(self, event_id: str) -> None:
        """An event that waits is not wanted any more."""
        await super().remove_from_queue(event_id)
        if event_id not in self.event_ids_to_events:
            self._turns.leave(event_id)

    def _end(self, event: Event) -> None:
        """Cancel an event's task, if it has begun; its end gives its place back."""
        tasks = [task for task in self._asyncio_tasks if task.get_name().endswith(event._id)]
        for task in tasks:
            task.add_done_callback(lambda _: self._turns.leave(event._id))  # it may not even have begun
            task.cancel()
        if not tasks:
            self._turns.leave(event._id)

    def compute_analytics_summary(self, records: Any) -> Any:  # noqa: ARG002  (as Gradio calls it)
        """Nothing: Gradio would sort the last ten thousand events after each, for a page that is closed here."""
        return self.cached_event_analytics_summary


async def _directly(
    behind: Callable[..., Awaitable[Any]], turns: Turns, limits: Limits, block_fn: Any, *given: Any, **how: Any
) -> Any:
    """In the place of `Blocks.process_api`: what comes without the queue needs a place, too."""
    request = getattr(how.get("request"), "request", None)
    if how.get("event_id") is not None or request is None:
        return await behind(block_fn, *given, **how)
    try:
        if block_fn.concurrency_id not in WORKING:
            return await behind(block_fn, *given, **how)
        asker = _asker(request, how.get("session_hash"))
        _refuse_too_many(turns, limits, asker, request)
        async with place(turns, asker):
            return await behind(block_fn, *given, **how)
    except asyncio.CancelledError as gone:  # Gradio would print where it was, as if that were an error
        raise gr.Error("the caller has gone", print_exception=False) from gone


def _asker(request: Any, session: str | None) -> Asker:
    return Asker(caller_of(request.client.host if request.client else ""), session or "")


def _refuse_too_many(turns: Turns, limits: Limits, asker: Asker, request: Any) -> None:
    words = too_many_waiting(turns, limits, asker.caller)
    if words is not None:
        language = asked_in(request.url.path, request.headers.get("accept-language", ""))
        raise fastapi.HTTPException(429, words.told(language), {"retry-after": "5"})
