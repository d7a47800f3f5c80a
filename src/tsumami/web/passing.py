"""One request on its way in, and its answer on the way out.

Guarantee: a body that is larger than its room, or that stops coming, ends the request with an answer that says so, and
takes no more memory or disk than its room. Whoever calls for work and goes away ends the work in that moment. Of an
answer only the headers are changed: one that comes piece by piece passes proxies as it comes, and a page stands in no
other site's frame, where a reader could be made to press what they do not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, Final, Never

from tsumami.web.farewell import Asgi, Receive, Scope, Send
from tsumami.wording import InBoth, Language

_PATIENCE_SECONDS: Final = 60.0  # for the next piece of a body
_LAST_SECONDS: Final = 2.0  # for the rest of a body that nobody wants
_ALWAYS: Final = {b"x-content-type-options": b"nosniff"}
_STREAM: Final = {b"x-accel-buffering": b"no", b"cache-control": b"no-cache"}


#: How a refusal is written: HTTP status and words -> what the answer's JSON says.
Told = Callable[[int, str], dict[str, Any]]


def refusal(_status: int, words: str) -> dict[str, Any]:
    """FastAPI's key, and Gradio's."""
    return {"detail": words, "error": words}


class Refused(Exception):
    """A request that is not answered as it wants: the HTTP status, and why in words."""

    def __init__(self, status: int, words: InBoth) -> None:
        super().__init__(words)
        self.status, self.words = status, words

    async def answer(self, receive: Receive, send: Send, told: Told = refusal, language: Language = "en") -> None:
        """Say so. What still comes of the request is taken for a moment and thrown away: a proxy that cannot get rid of
        a body says that this server is broken, instead of passing the words on.
        """
        words = json.dumps(told(self.status, self.words.told(language))).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(words)).encode())]
        headers += [(b"connection", b"close"), *_ALWAYS.items()]
        if self.status in (429, 503):
            headers.append((b"retry-after", b"5"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": words, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body"})


class Passing:
    """A request that was let in.

    charge: called with the size of each piece of the body as it comes.
    watched: whether the work ends when the caller goes away; streams see to that themselves.
    frames: which sites may show a page in a frame, as a Content-Security-Policy.

    Raises:
        Refused: from `charge`, or the body stops coming; nothing was answered yet.
    """

    def __init__(self, inside: Asgi, charge: Callable[[int], None], frames: bytes, *, watched: bool = False) -> None:
        self._inside = inside
        self._charge = charge
        self._frames = frames
        self._watched = watched
        self._read = asyncio.Event()
        self._over: asyncio.Future[Refused | None] = asyncio.get_running_loop().create_future()
        self._begun = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it."""

        async def receiving() -> Scope:
            return await self._receive(receive)

        async def sending(message: Scope) -> None:
            await self._send(send, message)

        work = asyncio.ensure_future(self._inside(scope, receiving, sending))
        watch = asyncio.ensure_future(self._watch(receive)) if self._watched else None
        try:
            await asyncio.wait((work, self._over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if watch is not None:
                watch.cancel()
            if not work.done():
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
        if self._over.done() and (refused := self._over.result()) is not None and not self._begun:
            raise refused
        if not work.cancelled():
            work.result()

    async def _receive(self, receive: Receive) -> Scope:
        if self._read.is_set():
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), _PATIENCE_SECONDS)
            self._charge(len(message.get("body", b"")))
        except TimeoutError:
            return await self._end(
                Refused(
                    408, InBoth("the request's body has stopped coming", "リクエストの本文が途中で届かなくなりました")
                )
            )
        except Refused as refused:
            return await self._end(refused)
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self._read.set()
        return message

    async def _end(self, verdict: Refused | None) -> Never:
        """End the request; whoever waits for more of it never gets it."""
        if not self._over.done():
            self._over.set_result(verdict)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    async def _watch(self, receive: Receive) -> None:
        await self._read.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        await self._end(None)

    async def _send(self, send: Send, message: Scope) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            message = {**message, "headers": self._with_ours(message.get("headers", ()))}
        await send(message)

    def _with_ours(self, headers: Any) -> list[tuple[bytes, bytes]]:
        """The headers of an answer, and ours where it says nothing of its own."""
        given = {name.lower(): value for name, value in headers}
        kind = given.get(b"content-type", b"")
        ours = _ALWAYS | (_STREAM if kind.startswith(b"text/event-stream") else {})
        added = [(name, value) for name, value in ours.items() if name not in given]
        if kind.startswith(b"text/html"):  # of several policies all hold
            added.append((b"content-security-policy", self._frames))
        return [*headers, *added]
