"""Answers: JSON, and server-sent events that come one by one.

Guarantee: what is written is JSON, whatever a caller has sent that comes back in it (half a surrogate pair, say). A
stream that nobody reads any more ends what it comes from.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["EventStream", "Json", "event"]


class Json(JSONResponse):
    """An answer in JSON."""

    def render(self, content: Any) -> bytes:
        """Its bytes."""
        return _bytes(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def event(form: Any) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(form, ensure_ascii=False, allow_nan=False)}\n\n"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")  # half a pair becomes what JSON writes for it


class EventStream(Response):
    """Server-sent events; `closing` comes behind the last one."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None], closing: str = "") -> None:
        super().__init__()
        del self.headers["content-length"]
        self._events, self._closing = events, closing

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send them as they come; whoever is gone, or whose server ends, ends their making."""
        jobs = [asyncio.ensure_future(self._send(send)), asyncio.ensure_future(_gone(receive))]
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            ends = await asyncio.gather(*jobs, return_exceptions=True)
        if isinstance(ends[0], Exception):
            raise ends[0]

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with contextlib.aclosing(self._events):
            async for text in self._events:
                await send({"type": "http.response.body", "body": _bytes(text), "more_body": True})
        await send({"type": "http.response.body", "body": self._closing.encode()})


async def _gone(receive: Receive) -> None:
    """Until nobody reads any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
