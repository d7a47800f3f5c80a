"""Every answer says what its page may load: what this server gives, and nothing from anywhere else."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from tsumami.app import page
from tsumami.app.serving.content_policy import guarded


def sent(*messages: dict[str, Any]) -> list[Any]:
    """What goes out of these messages."""
    out: list[Any] = []

    async def send(message: Any) -> None:
        out.append(message)

    async def talk() -> None:
        for message in messages:
            await guarded(send)(message)

    asyncio.run(talk())
    return out


def test_every_answer_begins_with_the_policy_and_keeps_what_it_had() -> None:
    had = [(b"content-type", b"text/html")]
    begun, body = sent(
        {"type": "http.response.start", "status": 200, "headers": had}, {"type": "http.response.body", "body": b"x"}
    )
    headers = dict(begun["headers"])
    assert headers[b"content-type"] == b"text/html"
    assert body == {"type": "http.response.body", "body": b"x"}
    rules = dict(rule.strip().split(" ", 1) for rule in headers[b"content-security-policy"].decode().split(";"))
    assert {"default-src", "img-src", "connect-src", "media-src", "font-src", "frame-src", "object-src"} <= set(rules)
    for what, where in rules.items():
        assert not re.search(r"https?:|[*]|//", where), f"{what} may go elsewhere"
    assert "unsafe" not in rules["img-src"] + rules["connect-src"] + rules["default-src"]


def test_the_page_says_which_language_it_is_in() -> None:
    for language in ("ja", "en"):
        assert f"document.documentElement.lang = '{language}'" in page.script(language)
    assert "@language" not in page.script("ja")
