"""Many callers at once, callers who leave, and callers who send what cannot be."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Final

import httpx
import pytest
from tests.serve.calling import Client, asked, live, posted, scripted, service
from tests.support.worlds import noise

import tsumami
from tsumami.serve import ApiService, Served, ServeOptions
from tsumami.serve.bodies import KOBOLD, SAMPLED, Detokenizing, Kobold, Messages, NativeText, OpenAIChat, Tokenizing
from tsumami.serve.served import served
from tsumami.testing import ScriptedModel
from tsumami.web.limits import Limits

MANY: Final = 32
PATIENCE: Final = 60.0  # seconds for what happens in a moment


def text_of(events: list[str]) -> str:
    return "".join(json.loads(event)["content"] for event in events)


def body(number: int, **more: Any) -> dict[str, Any]:
    return {"prompt": f"The number {number} is", "seed": number, "temperature": 1.5, "n_predict": 4, **more}


@pytest.mark.parametrize("kind", ["noise", "real"])
def test_each_of_many_texts_at_once_is_the_text_that_comes_alone(kind: str, model: tsumami.Model) -> None:
    def to() -> ApiService:
        backend = served(model, "m.gguf") if kind == "real" else Served(ScriptedModel(noise), "noise")
        return ApiService(backend, ServeOptions())

    async def together(client: Client) -> list[list[str]]:
        return await asyncio.gather(*(client.stream("/completion", body(number)) for number in range(MANY)))

    async def alone(client: Client) -> list[list[str]]:
        return [await client.stream("/completion", body(number)) for number in range(MANY)]

    found = [text_of(events) for events in asked(to(), together)]
    assert found == [text_of(events) for events in asked(to(), alone)]
    assert len(set(found)) > MANY // 4


def test_what_is_over_the_places_waits_for_its_turn() -> None:
    to = service(scripted(), limits=Limits(generations=2))

    async def many(client: Client) -> list[httpx.Response]:
        return await asyncio.gather(*(client.post("/completion", body(number)) for number in range(8)))

    assert {answer.status_code for answer in asked(to, many)} == {200}
    assert to.slots.doing == {}


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_frees_their_place(stream: bool) -> None:
    model = ScriptedModel(noise, n_ctx=2**30)
    to = service(model)
    endless = body(1, n_predict=-1, ignore_eos=True, stream=stream)
    with live(to) as address, httpx.Client() as client:
        try:
            with client.stream("POST", f"{address}/completion", json=endless, timeout=1.0) as answer:
                next(answer.iter_lines())
        except httpx.ReadTimeout:
            assert not stream
        ends = time.monotonic() + PATIENCE
        while model.engine.open or to.slots.doing:
            assert time.monotonic() < ends, "it goes on for nobody"
            time.sleep(0.01)
        slots = client.get(f"{address}/slots").json()
    assert not any(slot["is_processing"] for slot in slots)


BASES: Final[dict[str, tuple[type[Any], dict[str, Any]]]] = {
    "/completion": (NativeText, {"prompt": "x", "n_predict": 1}),
    "/v1/chat/completions": (OpenAIChat, {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}),
    "/api/v1/generate": (Kobold, {"prompt": "x", "max_length": 1}),
    "/tokenize": (Tokenizing, {"content": "x"}),
    "/detokenize": (Detokenizing, {"tokens": [1]}),
    "/apply-template": (Messages, {"messages": [{"role": "user", "content": "x"}]}),
}
WRONG: Final = ('"x"', "[{}]", '{"a": [[]]}', "true", "1e999", "-1e30", str(10**40), "1.5", '"\\ud800"', "[[[[1]]]]")


@pytest.mark.parametrize("path", BASES)
def test_each_field_that_cannot_be_is_refused_by_its_name(path: str) -> None:
    kind, base = BASES[path]
    free = {name for one in KOBOLD.fields if not one.expressible for name in (one.name, *one.aliases)}
    fields = SAMPLED.get(kind, kind).model_fields.keys() - free  # what no knob is for may be anything

    async def attack(client: Client) -> list[str]:
        missed = []
        for name in fields:
            blamed = False
            for wrong in WRONG:
                rest = {key: value for key, value in base.items() if key != name}
                content = json.dumps({**rest, name: 0}).replace(f'"{name}": 0', f'"{name}": {wrong}')
                answer = await client.post(path, content=content.encode())
                assert answer.status_code in (200, 400), (name, wrong, answer.text)
                if answer.status_code == 400:
                    error = answer.json()["error"]
                    assert error["type"] == "invalid_request_error"
                    blamed = blamed or name in error["message"]
            missed += [] if blamed else [name]
        assert (await client.post(path, base)).status_code == 200
        return missed

    assert asked(service(), attack) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b'"x"',
        b"null",
        b'{"prompt": "\xff"}',
        b'{"prompt": NaN}',
        b"[" * 100_000,
        b'{"n": 1' + b"0" * 5000 + b"}",
    ],
)
def test_a_body_that_is_none_is_refused(content: bytes) -> None:
    to = service()

    async def ask(client: Client) -> tuple[int, int]:
        bad = await client.post("/completion", content=content)
        assert "error" in bad.json()
        return bad.status_code, (await client.get("/health")).status_code

    assert asked(to, ask) == (400, 200)


def test_a_body_that_is_too_large_is_refused() -> None:
    to = service(limits=Limits(body=1))
    answer = asked(to, lambda client: client.post("/completion", content=b" " * 1_000_001))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, 413)


def test_what_is_not_there_and_what_another_page_sends_is_refused_in_the_same_form() -> None:
    answer = posted(service(), "/v1/nothing", {})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    answer = asked(service(), lambda client: client.post("/completion", {"prompt": "x"}, origin="http://evil.example"))
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_a_page_that_is_let_in_may_read_and_others_may_not() -> None:
    to = service(origins=("localhost", "https://front.example"))

    async def ask(client: Client, origin: str) -> tuple[int, str | None, int]:
        first = await client.http.options(
            "/completion", headers={"origin": origin, "access-control-request-method": "POST"}
        )
        then = await client.post("/completion", {"prompt": "x", "n_predict": 1}, origin=origin)
        return first.status_code, first.headers.get("access-control-allow-origin"), then.status_code

    for origin in ("http://localhost:3000", "https://front.example", "http://127.0.0.1"):
        assert asked(to, lambda client, origin=origin: ask(client, origin)) == (200, origin, 200)  # type: ignore[misc]
    for origin in ("https://evil.example", "http://localhost.evil.example", "null"):
        assert asked(to, lambda client, origin=origin: ask(client, origin)) == (200, None, 403)  # type: ignore[misc]


def test_keys_are_shown_as_either_program_does() -> None:
    to = service(keys=("right",))

    async def statuses(client: Client) -> list[int]:
        asks = ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer right"}, {"x-api-key": "right"})
        return [(await client.get("/v1/models", **headers)).status_code for headers in asks]

    assert asked(to, statuses) == [401, 401, 200, 200]
    assert asked(to, lambda client: client.get("/health")).status_code == 200
