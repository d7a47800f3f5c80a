"""A stream ends when the server does, and says nothing of the server's inside."""

from __future__ import annotations

import asyncio
from typing import Any

from tsumami.web.farewell import Farewell


def test_a_stream_is_told_and_closed_and_its_last_words_are_not_passed_on() -> None:
    async def stream(_: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"cancelled at /home/site.py", "more_body": True})

    async def check() -> list[Any]:
        said: list[Any] = []

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            said.append(message)

        farewell = Farewell()
        running = asyncio.ensure_future(farewell.run(stream, {}, receive, send))
        while len(said) < 2:
            await asyncio.sleep(0)
        farewell.say()
        await asyncio.wait_for(running, 5)
        return said

    said = asyncio.run(check())
    assert [message.get("body", b"") for message in said] == [b"", b"one", b""]
    assert not said[-1].get("more_body")
