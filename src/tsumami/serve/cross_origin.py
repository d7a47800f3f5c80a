"""Which pages of other places may read answers in a browser (CORS); none, unless the server's owner says so.

Guarantee: an origin that was not let in reads nothing: it gets no header that its browser waits for, and the gate
refuses what it sends. The names of the headers are written as llama-server writes them, for whoever compares letters.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tsumami.web.hosts import Headers, Hosts

__all__ = ["CrossOrigin"]

_MAY: Final = (
    (b"Access-Control-Allow-Methods", b"GET, POST, DELETE, OPTIONS"),
    (b"Access-Control-Allow-Headers", b"*"),
    (b"content-length", b"0"),
)


class CrossOrigin:
    """An application before another."""

    def __init__(self, inside: ASGIApp, hosts: Hosts) -> None:
        self._inside, self._hosts = inside, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a browser that asks first, and add the headers to other answers."""
        headers = Headers.of(scope.get("headers", ()))
        origin = headers.get("origin")
        if scope["type"] != "http" or not origin:
            await self._inside(scope, receive, send)
            return
        ours = self._headers(origin)
        if scope["method"] == "OPTIONS" and headers.get("access-control-request-method"):
            may = [*ours, *(_MAY if ours else (_MAY[-1],))]
            await send({"type": "http.response.start", "status": 200, "headers": may})
            await send({"type": "http.response.body"})
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *ours]}
            await send(message)

        await self._inside(scope, receive, sending)

    def _headers(self, origin: str) -> list[tuple[bytes, bytes]]:
        if not self._hosts.admits(origin):
            return []
        return [
            (b"Access-Control-Allow-Origin", origin.encode("latin-1")),
            (b"Access-Control-Allow-Credentials", b"true"),
            (b"vary", b"origin"),
        ]
