"""Documents, compressed on their way to a browser: the page is a megabyte of layout, scripts and words, and a fifth of
that on the wire.

Guarantee: only a whole document of HTML is touched, and nothing in it is changed; streams go out as they are made.
"""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

from tsumami.web.farewell import Send


def packed(send: Send, accepted: str) -> Send:
    """`send` that compresses documents, for a browser that accepts these encodings."""
    if "gzip" not in accepted:
        return send
    begun: Any = None  # of a document, until all of it is there
    parts: list[bytes] = []

    async def packing(message: Any) -> None:
        nonlocal begun
        if message["type"] == "http.response.start" and _is_document(message):
            begun = message
        elif begun is None:
            await send(message)
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                body = await asyncio.to_thread(gzip.compress, b"".join(parts), 5, mtime=0)
                start, begun = begun, None
                kept = [one for one in start["headers"] if one[0].lower() != b"content-length"]
                more = {b"content-encoding": b"gzip", b"vary": b"accept-encoding", b"content-length": b"%d" % len(body)}
                await send({**start, "headers": [*kept, *more.items()]})
                await send({**message, "body": body})

    return packing


def _is_document(start: Any) -> bool:
    headers = {key.lower(): value for key, value in start.get("headers", ())}
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers
