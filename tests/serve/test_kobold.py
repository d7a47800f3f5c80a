"""KoboldCpp's API, as its front ends call it."""

from __future__ import annotations

import asyncio
import json

from tests.serve.calling import Client, asked, got, posted, scripted, service
from tests.support.worlds import noise

from tsumami.testing import ScriptedModel


def test_a_text_and_what_ended_it() -> None:
    found = posted(service(), "/api/v1/generate", {"prompt": "Hi. ", "max_length": 5, "temperature": 0}).json()
    assert (found["results"][0]["text"], found["results"][0]["finish_reason"]) == ("Hello", "length")
    found = posted(service(), "/api/v1/generate", {"prompt": "Hi. ", "temperature": 0, "stop_sequence": [" t"]}).json()
    assert (found["results"][0]["text"], found["results"][0]["finish_reason"]) == ("Hello", "stop")


def test_settings_are_read_as_koboldcpps() -> None:
    """What a body leaves out holds as KoboldCpp has it, and not as llama-server has it."""
    receipt = posted(service(), "/api/v1/generate", {"prompt": "x"}).json()["tsumami"]["receipt"]
    assert (receipt["settings"]["top_k"], receipt["settings"]["max_tokens"]) == (100, 180)


def test_memory_stands_before_the_prompt_and_a_context_of_another_size_is_noted() -> None:
    body = {"prompt": "b", "memory": "a", "max_length": 1, "max_context_length": 8192}
    own = posted(service(), "/api/v1/generate", body).json()["tsumami"]
    assert own["receipt"]["prompt"] == "ab"
    assert [note["foreign"] for note in own["notes"]] == ["max_context_length"]


def test_a_stream() -> None:
    lines = asked(
        service(), lambda client: client.stream("/api/extra/generate/stream", {"prompt": "x", "temperature": 0})
    )
    events = [json.loads(line) for line in lines]
    assert "".join(event["token"] for event in events) == "Hello there."
    assert events[-1]["finish_reason"] == "stop"


def test_a_text_that_grows_can_be_looked_at_and_ended() -> None:
    to = service(ScriptedModel(noise, n_ctx=2**30))

    async def talk(client: Client) -> None:
        body = {"prompt": "x", "max_length": 2**31 - 1, "genkey": "mine", "ban_eos_token": True}
        growing = asyncio.ensure_future(client.post("/api/v1/generate", body))
        while not (
            text := (await client.post("/api/extra/generate/check", {"genkey": "mine"})).json()["results"][0]["text"]
        ):
            await asyncio.sleep(0)
        assert (await client.post("/api/extra/abort", {"genkey": "mine"})).json() == {"success": "true"}
        found = (await growing).json()["results"][0]
        assert found["text"].startswith(text)
        assert (await client.post("/api/extra/abort", {"genkey": "mine"})).json() == {"success": "false"}

    asked(to, talk)


def test_what_it_is_can_be_asked() -> None:
    to = service(scripted(n_ctx=300))
    assert got(to, "/api/v1/model").json() == {"result": "koboldcpp/scripted"}
    assert got(to, "/api/extra/true_max_context_length").json() == {"value": 300}
    assert got(to, "/api/extra/version").json()["result"] == "KoboldCpp"
    counted = posted(to, "/api/extra/tokencount", {"prompt": "abc"}).json()
    assert counted == {"value": 4, "ids": [257, 97, 98, 99]}
