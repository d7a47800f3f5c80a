"""Running an application behind a socket until it is interrupted.

Guarantee: when the server is told to end, it says farewell to open streams before it waits for them to go, and waits
only a moment.
"""

from __future__ import annotations

import socket
from typing import Any, Final

import uvicorn

from tsumami.web.farewell import Farewell

__all__ = ["run"]

_LAST_WORDS: Final = 2  # seconds that open connections get


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, farewell: Farewell) -> None:
        super().__init__(config)
        self._farewell = farewell

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._farewell.say()
        await super().shutdown(sockets)


def run(app: Any, listening: socket.socket, farewell: Farewell, proxies: tuple[str, ...]) -> None:
    """Answer what comes. app: an ASGI application; proxies: whose word on who asks is believed."""
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=_LAST_WORDS, forwarded_allow_ips=list(proxies)
    )
    _Server(config, farewell).run(sockets=[listening])
