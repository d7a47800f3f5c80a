"""What is let in, how much of it, and what every answer carries; an application of ours stands behind the gate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tsumami.app.serving.kinds import GRADIO
from tsumami.web import passing
from tsumami.web.callers import caller_of
from tsumami.web.gate import Gate
from tsumami.web.hosts import Hosts
from tsumami.web.limits import Limits

MEGABYTE = 1_000_000
SMALL = Limits(connections=3, caller_connections=2, sessions=1, body=1, upload=2, uploads=3)


class Inside:
    """The application behind the gate: it answers with the size of the body, or waits for `go`."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.cancelled = False
        routes: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
            ("/size", self.size), ("/gradio_api/upload", self.size), ("/gradio_api/run/slow", self.slow),
            ("/slow", self.slow), ("/gradio_api/heartbeat/a", self.slow), ("/stream", self.stream), ("/", self.page),
        ]  # fmt: skip
        self.app = Starlette(routes=[Route(path, do, methods=["GET", "POST"]) for path, do in routes])

    async def size(self, request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def slow(self, request: Request) -> Response:
        await request.body()
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return PlainTextResponse("done")

    async def stream(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[str]:
            yield "data: 1\n\n"

        return StreamingResponse(pieces(), media_type="text/event-stream")

    async def page(self, _: Request) -> Response:
        return HTMLResponse("<p>page")


class Caller:
    """Sends one request as uvicorn would hand it in, and keeps what is answered."""

    def __init__(self, gate: Gate, path: str, *pieces: bytes, address: str = "192.0.2.7", **headers: str) -> None:
        named = {"host": "localhost", **headers}
        self._scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
            "method": "POST" if pieces else "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
            "client": (address, 5000), "server": ("127.0.0.1", 7860), "root_path": "",
        }  # fmt: skip
        self._gate = gate
        self._pieces = list(pieces)
        self.stays = asyncio.Event()  # what comes after the pieces
        self.left = asyncio.Event()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def call(self) -> int:
        await self._gate(self._scope, self._receive, self._send)
        return self.status

    async def _receive(self) -> dict[str, Any]:
        if self._pieces:
            return {"type": "http.request", "body": self._pieces.pop(0), "more_body": True}
        if not self.stays.is_set():
            self.stays.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")


def gated(limits: Limits = SMALL, hosts: Hosts | None = None) -> tuple[Inside, Gate]:
    inside = Inside()
    return inside, Gate(inside.app, hosts or Hosts(), limits, GRADIO)


@contextlib.asynccontextmanager
async def under_way(inside: Inside, *callers: Caller) -> AsyncIterator[None]:
    """While these wait inside."""
    tasks = [asyncio.ensure_future(caller.call()) for caller in callers]
    await asyncio.sleep(0.02)
    try:
        yield
    finally:
        inside.go.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)


def test_a_foreign_name_or_page_reaches_nothing() -> None:
    async def check() -> None:
        _, gate = gated()
        for headers in ({"host": "rebound.example"}, {"origin": "https://rebound.example"}):
            caller = Caller(gate, "/", **headers)
            assert await caller.call() == 403
            assert b"--allow-host" in caller.body
            assert "access-control-allow-origin" not in caller.headers

    asyncio.run(check())


def test_a_web_socket_is_closed() -> None:
    async def check() -> None:
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message)

        _, gate = gated()
        await gate({"type": "websocket", "path": "/", "headers": []}, receive, send)
        assert [message["type"] for message in said] == ["websocket.close"]

    asyncio.run(check())


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_has_its_room_whether_it_says_how_large_it_is_or_not(declared: bool) -> None:
    async def check() -> None:
        _, gate = gated(Limits(body=1, upload=2))

        def sending(path: str, *pieces: bytes) -> Caller:
            length = {"content_length": str(sum(map(len, pieces)))} if declared else {"transfer_encoding": "chunked"}
            return Caller(gate, path, *pieces, **length)

        fits, too_large = sending("/size", b"a" * MEGABYTE), sending("/size", b"a" * MEGABYTE, b"b")
        assert (await fits.call(), fits.body) == (200, str(MEGABYTE).encode())
        assert await too_large.call() == 413
        assert b"1,000,000 bytes" in too_large.body
        assert await sending("/gradio_api/upload", b"a" * MEGABYTE, b"a" * MEGABYTE).call() == 200
        assert await sending("/gradio_api/upload", b"a" * MEGABYTE, b"a" * MEGABYTE, b"a").call() == 413

    asyncio.run(check())


def test_one_callers_files_have_their_room_and_anothers_theirs() -> None:
    async def check() -> None:
        _, gate = gated()
        statuses = [await Caller(gate, "/gradio_api/upload", b"a" * MEGABYTE).call() for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert await Caller(gate, "/gradio_api/upload", b"a" * MEGABYTE, address="192.0.2.8").call() == 200
        assert await Caller(gate, "/size", b"a").call() == 200

    asyncio.run(check())


def test_one_caller_has_so_many_requests_open_and_all_together_so_many() -> None:
    async def check() -> None:
        inside, gate = gated()
        mine = [Caller(gate, "/slow") for _ in range(2)]
        async with under_way(inside, *mine):
            refused = Caller(gate, "/size")
            assert await refused.call() == 429
            assert "retry-after" in refused.headers
            assert await Caller(gate, "/size", address="192.0.2.8").call() == 200
            async with under_way(inside, Caller(gate, "/slow", address="192.0.2.8")):
                assert await Caller(gate, "/size", address="192.0.2.9").call() == 503
        assert [caller.status for caller in mine] == [200, 200]
        assert await Caller(gate, "/size").call() == 200

    asyncio.run(check())


def test_one_caller_has_so_many_pages_open() -> None:
    async def check() -> None:
        inside, gate = gated()
        async with under_way(inside, Caller(gate, "/gradio_api/heartbeat/a")):
            assert await Caller(gate, "/gradio_api/heartbeat/a").call() == 429
            assert await Caller(gate, "/size").call() == 200
        assert await Caller(gate, "/gradio_api/heartbeat/a").call() == 200

    asyncio.run(check())


@pytest.mark.parametrize(("path", "ends"), [("/gradio_api/run/slow", True), ("/slow", False)])
def test_a_call_ends_with_its_caller_and_nothing_else_does(path: str, ends: bool) -> None:
    async def check() -> None:
        inside, gate = gated()
        caller = Caller(gate, path, b"{}")
        task = asyncio.ensure_future(caller.call())
        await inside.begun.wait()
        caller.left.set()
        if not ends:
            inside.go.set()
        await asyncio.wait_for(task, 5)
        assert (inside.cancelled, caller.status) == (ends, 0 if ends else 200)
        assert await Caller(gate, "/size").call() == 200

    asyncio.run(check())


def test_a_body_that_stops_coming_does_not_hold_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "_PATIENCE_SECONDS", 0.02)

    async def check() -> None:
        _, gate = gated()
        caller = Caller(gate, "/size", b"a")
        caller.stays.set()  # and nothing more comes
        assert await asyncio.wait_for(caller.call(), 5) == 408

    asyncio.run(check())


def test_a_stream_passes_proxies_as_it_comes_and_a_page_stands_in_no_other_sites_frame() -> None:
    async def check() -> None:
        _, gate = gated(hosts=Hosts(allowed=("tsumami.example",)))
        stream, page = Caller(gate, "/stream"), Caller(gate, "/")
        await stream.call()
        await page.call()
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["cache-control"] == "no-cache"
        assert page.headers["content-security-policy"] == "frame-ancestors 'self' tsumami.example"
        assert "x-accel-buffering" not in page.headers
        assert page.headers["x-content-type-options"] == "nosniff"

    asyncio.run(check())


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_caller_is_an_address_or_a_network(address: str, caller: str) -> None:
    assert caller_of(address) == caller
