"""Calling a service without a socket: requests as a server would hand them in, one event loop a test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import uvicorn

from tsumami.serve import ApiService, Served, ServeOptions
from tsumami.serve.outside import outside
from tsumami.testing import ByteTokenizer, ScriptedModel, saying
from tsumami.web.farewell import Farewell

T = TypeVar("T")
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def scripted(reply: str = "Hello there.", *, n_ctx: int = 512, **more: Any) -> ScriptedModel:
    """A model that answers with this, whatever it is asked."""
    return ScriptedModel(saying(reply, **more), n_ctx=n_ctx)


def service(model: ScriptedModel | None = None, **options: Any) -> ApiService:
    """A service of a scripted model."""
    options = {"template": TEMPLATE, **options}
    return ApiService(Served(model or scripted(), "scripted", "scripted.gguf"), ServeOptions(**options))


class Client:
    """Sends requests to a service."""

    def __init__(self, to: ApiService) -> None:
        app: Any = outside(to, to.options.hosts, Farewell())
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=headers)

    async def post(self, path: str, body: Any = None, content: bytes | None = None, **headers: str) -> httpx.Response:
        if content is None:
            return await self.http.post(path, json=body, headers=headers)
        return await self.http.post(path, content=content, headers={"content-type": "application/json", **headers})

    async def stream(self, path: str, body: dict[str, Any]) -> list[str]:
        """The data of every event of a stream."""
        answer = await self.post(path, {"stream": True, **body})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [line.removeprefix("data: ") for line in answer.text.splitlines() if line]


def asked(to: ApiService, ask: Callable[[Client], Awaitable[T]]) -> T:
    """What an exchange with a service gives."""

    async def talk() -> T:
        return await ask(Client(to))

    return asyncio.run(talk())


def posted(to: ApiService, path: str, body: Any) -> httpx.Response:
    """One answer."""
    return asked(to, lambda client: client.post(path, body))


def got(to: ApiService, path: str, **headers: str) -> httpx.Response:
    """One answer."""
    return asked(to, lambda client: client.get(path, **headers))


def streamed(to: ApiService, path: str, body: dict[str, Any]) -> list[Any]:
    """The events of a stream, read; `[DONE]` as it is."""
    lines = asked(to, lambda client: client.stream(path, body))
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@contextlib.contextmanager
def live(to: ApiService) -> Iterator[str]:
    """A service behind a socket, in a thread; its address."""
    app: Any = outside(to, to.options.hosts, Farewell())
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


__all__ = ["TEMPLATE", "ByteTokenizer", "Client", "asked", "got", "live", "posted", "scripted", "service", "streamed"]
