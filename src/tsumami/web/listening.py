"""The socket that a server listens on.

Guarantee: a port in use is known before anything takes long: from here on it is taken, and who connects waits.
"""

from __future__ import annotations

import socket

from tsumami.errors import SettingsError
from tsumami.quoting import theirs

__all__ = ["listen"]


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0: a free one.

    Raises:
        SettingsError: it cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only where the protocol is named; else each waits 40 ms for the other side
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"{host}:{port} cannot be listened on ({error.strerror or error}); choose another --port"
        ).in_japanese(
            f"{host}:{port} で待ち受けられません（{theirs(error.strerror or error)}）。別の --port にしてください"
        ) from error
    return listening
