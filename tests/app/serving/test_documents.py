"""A document is compressed for who can read it so, and nothing else is touched."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from tsumami.app.serving.documents import packed

HTML = (b"content-type", b"text/html; charset=utf-8")


def sent(accepted: str, *messages: dict[str, Any]) -> list[Any]:
    """What goes out of these messages."""
    out: list[Any] = []

    async def send(message: Any) -> None:
        out.append(message)

    async def talk() -> None:
        packing = packed(send, accepted)
        for message in messages:
            await packing(message)

    asyncio.run(talk())
    return out


def start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def test_a_document_is_compressed_whole_however_many_parts_it_came_in() -> None:
    whole = b"<p>tsumami</p>" * 1000
    begun, rest = sent(
        "br, gzip", start(HTML, (b"Content-Length", b"14000")), body(whole[:9], more=True), body(whole[9:])
    )
    headers = dict(begun["headers"])
    assert gzip.decompress(rest["body"]) == whole
    assert headers[b"content-length"] == str(len(rest["body"])).encode()
    assert b"Content-Length" not in headers
    assert headers[b"content-encoding"] == b"gzip"
    assert len(rest["body"]) < len(whole) / 5


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        ("", HTML),
        ("br", HTML),
        ("gzip", (b"content-type", b"text/event-stream")),
        ("gzip", (b"content-type", b"image/png")),
    ],
)
def test_for_others_and_of_others_nothing_is_touched(accepted: str, kind: tuple[bytes, bytes]) -> None:
    messages = [start(kind), body(b"one", more=True), body(b"two")]
    assert sent(accepted, *messages) == messages


def test_what_is_compressed_already_stays_as_it_is() -> None:
    messages = [start(HTML, (b"content-encoding", b"gzip")), body(b"x")]
    assert sent("gzip", *messages) == messages
