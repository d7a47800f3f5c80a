"""Work comes in turns through every door, and ends with whoever asked for it.

A small page of Gradio's stands for ours, spoken to by plain HTTP: what is tested are the seams with its queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import fastapi
import gradio as gr
import httpx
import pytest
import uvicorn
from gradio.events import api as declare_api
from gradio.queueing import Queue

from tsumami.app.serving.kinds import GRADIO
from tsumami.app.serving.queueing import FairQueue, take_turns
from tsumami.web.gate import Gate
from tsumami.web.hosts import Hosts
from tsumami.web.limits import Limits
from tsumami.web.turns import Turns

FEW = Limits(generations=3, per_caller=3, per_session=2, waiting=4)
SOON = 5.0  # seconds until what is awaited must have come; it comes in a fraction of them


@dataclass
class Work:
    """What the endpoints do: `slow` and `stream` go on until `go`, `quick` answers at once."""

    go: threading.Event = field(default_factory=threading.Event)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def slow(self, name: str) -> str:
        self.begun.append(name)
        try:
            while not self.go.is_set():
                await asyncio.sleep(0.01)
        finally:
            self.ended.append(name)
        return name

    def stream(self, name: str) -> Iterator[str]:
        self.begun.append(name)
        try:
            while not self.go.is_set():
                self.go.wait(2)
                yield name
        finally:
            self.ended.append(name)

    def quick(self, name: str) -> str:
        return name


@dataclass
class Running:
    """The page as a server."""

    work: Work
    url: str
    turns: Turns

    async def until(self, what: Callable[[], bool]) -> None:
        end = time.monotonic() + SOON
        while not what():
            assert time.monotonic() < end, (self.work, self.turns.running)
            await asyncio.sleep(0.01)

    async def call(self, client: httpx.AsyncClient, name: str, value: str, session: str | None = None) -> str:
        """Ask for work; returns the address of its answer."""
        body = {"data": [value]} | ({"session_hash": session} if session else {})
        posted = await client.post(f"{self.url}/gradio_api/call/{name}", json=body)
        posted.raise_for_status()
        return f"{self.url}/gradio_api/call/{name}/{posted.json()['event_id']}"


@contextlib.asynccontextmanager
async def page(limits: Limits = FEW) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    work, turns = Work(), Turns(limits)
    with gr.Blocks(analytics_enabled=False) as blocks:
        for function, kind in ((work.slow, "api"), (work.stream, "talk"), (work.quick, "quick")):
            declare_api(function, api_name=function.__name__, concurrency_limit=None, concurrency_id=kind)
    blocks.queue(default_concurrency_limit=None)
    take_turns(blocks, turns, limits)
    app = gr.mount_gradio_app(fastapi.FastAPI(), blocks, path="/en")
    blocks.has_launched = blocks.is_running = True
    inside: Any = app
    config = uvicorn.Config(
        Gate(inside, Hosts(), limits, GRADIO), port=0, log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(timeout=30) as client:
            yield Running(work, f"http://127.0.0.1:{port}/en", turns), client
    finally:
        work.go.set()
        server.should_exit = True
        await serving


def test_a_session_has_its_share_and_others_do_not_wait_behind_what_it_has_waiting() -> None:
    async def check() -> None:
        async with page() as (running, client):
            answers = [await running.call(client, "slow", f"many {n}") for n in range(5)]
            answers.append(await running.call(client, "slow", "another", session="b"))
            await running.until(lambda: len(running.work.begun) == 3)
            assert running.work.begun == ["many 0", "many 1", "another"]
            assert await _answer(client, await running.call(client, "quick", "now")) == ["now"], "it waits for nobody"
            running.work.go.set()
            for answer, name in zip(answers, [*(f"many {n}" for n in range(5)), "another"], strict=True):
                assert await _answer(client, answer) == [name], "all of them are answered"
            await running.until(lambda: running.turns.running == 0)

    asyncio.run(check())


def test_who_has_too_much_waiting_is_told_so() -> None:
    async def check() -> None:
        async with page() as (running, client):
            for number in range(6):
                await running.call(client, "slow", str(number))
            body = {"data": ["too many"]}
            for door in ("call/slow", "run/slow"):
                refused = await client.post(f"{running.url}/gradio_api/{door}", json=body)
                assert "calls of yours wait" in refused.text
                assert door != "call/slow" or refused.status_code == 429
            elsewhere = {"x-forwarded-for": "192.0.2.9"}
            posted = await client.post(f"{running.url}/gradio_api/call/slow", json=body, headers=elsewhere)
            assert posted.status_code == 200

    asyncio.run(check())


def test_a_direct_call_takes_its_turn_as_well() -> None:
    async def check() -> None:
        async with page() as (running, client):
            first = [await running.call(client, "slow", str(n)) for n in range(2)]
            direct = asyncio.ensure_future(client.post(f"{running.url}/gradio_api/run/slow", json={"data": ["direct"]}))
            await running.until(lambda: running.turns.waiting_of("127.0.0.1") == 1)
            assert running.work.begun == ["0", "1"]
            running.work.go.set()
            assert (await direct).json()["data"] == ["direct"]
            for answer in first:
                await _answer(client, answer)

    asyncio.run(check())


def test_work_ends_with_its_caller_whichever_door_it_came_through() -> None:
    async def check() -> None:
        async with page() as (running, client):
            leaving = [
                await _listening(client, await running.call(client, "slow", "listened to")),
                await _listening(client, await running.call(client, "stream", "stream", session="s")),
            ]
            await running.until(lambda: sorted(running.work.begun) == ["listened to", "stream"])
            body = {"data": ["direct"], "session_hash": "direct"}
            leaving.append(asyncio.ensure_future(client.post(f"{running.url}/gradio_api/run/slow", json=body)))
            await running.until(lambda: len(running.work.begun) == 3)
            leaving.append(await _listening(client, await running.call(client, "slow", "waiting")))
            for one in leaving[::-1]:
                one.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
            await running.until(lambda: {"direct", "listened to", "stream"} <= {*running.work.ended})
            await running.until(lambda: running.turns.running == 0)
            assert running.turns.waiting_of("127.0.0.1") == 0
            assert running.work.begun.count("waiting") == running.work.ended.count("waiting")

    asyncio.run(check())


def test_more_streams_than_gradio_has_threads_go_on_at_once() -> None:
    async def check() -> None:
        async with page(Limits()) as (running, client):
            answers = [await running.call(client, "stream", str(n), session=f"s{n}") for n in range(42)]
            reading = [await _listening(client, answer) for answer in answers]
            await running.until(lambda: len(running.work.begun) == 42)
            assert await _answer(client, await running.call(client, "quick", "now")) == ["now"]
            running.work.go.set()
            await asyncio.gather(*reading)

    asyncio.run(check())


def test_a_page_that_nobody_uses_leaves_the_machine_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[FairQueue] = []

    def count(queue: FairQueue) -> int:
        looks.append(queue)
        return Queue.__len__(queue)

    monkeypatch.setattr(FairQueue, "__len__", count, raising=False)

    async def check() -> None:
        async with page() as (running, client):
            assert await _answer(client, await running.call(client, "quick", "now")) == ["now"]
            looks.clear()
            await asyncio.sleep(0.5)  # in which Gradio's own looks for work 400 times
            assert 0 < len(looks) <= 50

    asyncio.run(check())


async def _answer(client: httpx.AsyncClient, address: str) -> Any:
    """The last answer of a call."""
    text = (await client.get(address)).text
    assert "event: complete" in text, text
    return json.loads(text.rsplit("data: ", 1)[1])


async def _listening(client: httpx.AsyncClient, address: str) -> asyncio.Future[None]:
    """Somebody who listens to an answer, from when they do."""
    listens = asyncio.Event()

    async def listen() -> None:
        async with client.stream("GET", address) as answer:
            listens.set()
            async for _ in answer.aiter_lines():
                pass

    listening = asyncio.ensure_future(listen())
    await listens.wait()
    return listening
