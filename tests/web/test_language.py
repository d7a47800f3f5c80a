"""Who is not let in is told so in the language of the page that they have open, or of their headers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tsumami.web.gate import Gate
from tsumami.web.hosts import Hosts
from tsumami.web.limits import Limits
from tsumami.wording import InBoth, asked_in


@pytest.mark.parametrize(
    ("path", "accepted", "language"),
    [
        ("/ja/gradio_api/queue/join", "en", "ja"),
        ("/en/gradio_api/queue/join", "ja", "en"),
        ("/below/ja/map", "", "ja"),
        ("/v1/models", "", "en"),
        ("/v1/models", "ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("/v1/jam", "", "en"),
    ],
)
def test_the_language_of_a_request(path: str, accepted: str, language: str) -> None:
    assert asked_in(path, accepted) == language


@pytest.mark.parametrize(("path", "words"), [("/ja/", "名前"), ("/en/", "called")])
def test_a_refusal_speaks_it(path: str, words: str) -> None:
    sent: list[Any] = []

    async def inside(*_: Any) -> None:
        raise AssertionError

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "client": ("192.0.2.7", 5000),
        "headers": [(b"host", b"elsewhere")],
    }  # fmt: skip
    asyncio.run(Gate(inside, Hosts(), Limits())(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent).decode("unicode_escape")
    assert sent[0]["status"] == 403
    assert words in body


def test_a_text_stands_in_another_in_both_languages() -> None:
    said = InBoth("it is required", "必要です").within("Field 'a': {said}", "フィールド 'a': {said}")
    assert (said.told("en"), said.told("ja")) == ("Field 'a': it is required", "フィールド 'a': 必要です")
