"""Streams that end when the server does.

Guarantee: a page that is open when the server is told to end is told so: its streams, which would go on for ever, come
to their proper end at once. Otherwise the server would wait for them, tear them off, and print where it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Farewell:
    """Runs requests until they are over or the server is ending."""

    def __init__(self) -> None:
        self._ending = asyncio.Event()

    def say(self) -> None:
        """The server is ending; called in its event loop."""
        self._ending.set()

    async def run(self, app: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. When the server ends, `app` hears that its reader has gone, which ends a stream; what it
        has left open is closed, and what it has not begun to answer is answered with 503. What it still says then is
        not passed on: Gradio says where in the server it was.
        """
        begun = unfinished = told = False

        async def sending(message: Scope) -> None:
            nonlocal begun, unfinished
            if told:
                return
            begun = True
            unfinished = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)

        async def receiving() -> Scope:
            nonlocal told
            news, ending = asyncio.ensure_future(receive()), asyncio.ensure_future(self._ending.wait())
            try:
                await asyncio.wait((news, ending), return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    return news.result()
                told = True
                return {"type": "http.disconnect"}
            finally:
                news.cancel()
                ending.cancel()

        await app(scope, receiving, sending)
        silent = told and not begun
        if silent:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        if silent or (unfinished and self._ending.is_set()):
            await send({"type": "http.response.body"})
