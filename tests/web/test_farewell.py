"""A stream ends when the server does, and says nothing of the server's inside."""

from __future__ import annotations

import asyncio
from typing import Any

from tsumami.web.farewell import Farewell


async def told_to(app: Any, after: int) -> list[Any]:
    """What comes of an application that is told to end when it has said so much."""
    said: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        said.append(message)

    farewell = Farewell()
    running = asyncio.ensure_future(farewell.run(app, {}, receive, send))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(said) == after
    farewell.say()
    await asyncio.wait_for(running, 5)
    return said


def test_a_stream_is_told_and_closed_and_its_last_words_are_not_passed_on() -> None:
    async def stream(_: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"cancelled at /home/site.py", "more_body": True})

    said = asyncio.run(told_to(stream, after=2))
    assert [message.get("body", b"") for message in said] == [b"", b"one", b""]
    assert not said[-1].get("more_body")


def test_what_nothing_was_said_of_yet_is_answered() -> None:
    async def working(_: Any, receive: Any, __: Any) -> None:
        await receive()

    said = asyncio.run(told_to(working, after=0))
    assert [message.get("status") for message in said] == [503, None]
