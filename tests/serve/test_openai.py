"""The `openai` package as it is, against a server with a socket; and what it cannot ask for, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.serve.calling import got, live, posted, scripted, service, streamed

import tsumami
from tsumami.serve import ApiService, ServeOptions
from tsumami.serve.served import served

ASK: Any = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with live(service()) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_a_chat(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="any", messages=ASK, temperature=0)
    assert found.choices[0].message.content == "Hello there."
    assert (found.choices[0].finish_reason, found.object, found.model) == ("stop", "chat.completion", "scripted")
    assert found.usage is not None
    assert found.usage.completion_tokens == len("Hello there.") + 1
    own: Any = found.model_extra
    assert own["tsumami"]["receipt"]["prompt"] == "<system>Be kind.<user>Hi<assistant>"
    assert found.system_fingerprint is not None
    assert found.system_fingerprint.startswith("b")


def test_a_chat_as_it_comes(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="any", messages=ASK, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert (chunks[0].choices[0].delta.role, chunks[0].choices[0].delta.content) == ("assistant", None)
    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == "Hello there."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert len({one.id for one in chunks}) == 1


def test_completions(client: openai.OpenAI) -> None:
    found = client.completions.create(model="any", prompt="Say ", max_tokens=5, temperature=0)
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("Hello", "length")
    pieces = client.completions.create(model="any", prompt="Say ", max_tokens=5, temperature=0, stream=True)
    assert "".join(one.choices[0].text for one in pieces) == "Hello"


def test_probabilities(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(
        model="any", messages=ASK, temperature=0, max_tokens=4, logprobs=True, top_logprobs=3
    )
    logprobs = found.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(one.token for one in logprobs.content) == "Hell"
    assert [len(one.top_logprobs) for one in logprobs.content] == [3] * 4
    chunks = client.chat.completions.create(
        model="any", messages=ASK, temperature=0, max_tokens=4, logprobs=True, stream=True
    )
    told = [one.choices[0].logprobs for one in chunks if one.choices[0].delta.content]
    assert [entry.token for one in told if one and one.content for entry in one.content] == list("Hell")


def test_several_at_once(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="any", messages=ASK, n=3, seed=5, max_tokens=6)
    assert [choice.index for choice in found.choices] == [0, 1, 2]
    own: Any = found.model_extra
    assert [run["receipt"]["seed"] for run in own["tsumami"]["runs"]] == [5, 6, 7]


def test_errors_are_those_of_the_package(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Field 'temperature'") as caught:
        client.chat.completions.create(model="any", messages=ASK, temperature="hot")  # type: ignore[call-overload]
    assert caught.value.param == "temperature"
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size"):
        client.completions.create(model="any", prompt="x" * 600)
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")
    assert [one.id for one in client.models.list()] == ["scripted"]


def test_without_a_key_nothing_but_health_is_answered() -> None:
    with live(service(keys=("right", "also"))) as address:
        wrong = openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()
        assert openai.OpenAI(base_url=f"{address}/v1", api_key="also").models.list().data


def test_a_format_is_kept(model: tsumami.Model) -> None:
    """The real model: a scripted one knows no grammar."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    with live(ApiService(served(model, "m.gguf"), ServeOptions())) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        found = client.chat.completions.create(
            model="any", messages=ASK, temperature=0, max_tokens=12, response_format=form
        )
        assert "".join((found.choices[0].message.content or "").split()).startswith('{"n":')
        for bad in ({"type": "sound"}, {"type": "json_object", "schema": {"type": "hiccup"}}):
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(model="any", messages=ASK, response_format=bad)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "text",
        [],
        [123],
        [{}],
        [{"role": 1, "content": "a"}],
        [{"role": "user", "content": 1}],
        [{"role": "user"}],
        [{"role": "nobody", "content": "a"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "assistant", "content": "c"},
        ],
    ],
)
def test_messages_that_cannot_be_said_are_refused(messages: Any) -> None:
    answer = posted(service(), "/v1/chat/completions", {"messages": messages})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_template_gets_what_the_caller_says() -> None:
    template = "{% for m in messages %}{{ m.content }}{% endfor %}{{ mood }}{% if add_generation_prompt %}>{% endif %}"
    to = service(template=template)
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {"messages": [{"role": "user", "content": parts}], "chat_template_kwargs": {"mood": "!"}}
    assert posted(to, "/apply-template", body).json() == {"prompt": "a\n\nb!>"}
    assert posted(to, "/apply-template", {**body, "add_generation_prompt": False}).json() == {"prompt": "a\n\nb!"}
    went_on = {"messages": [*body["messages"], {"role": "assistant", "content": "So"}]}  # type: ignore[misc]
    assert posted(to, "/apply-template", went_on).json() == {"prompt": "a\n\nb>So"}
    also = {**went_on, "add_generation_prompt": False, "continue_final_message": True}
    assert posted(to, "/apply-template", also).json() == {"prompt": "a\n\nb>So"}
    assert posted(to, "/v1/chat/completions/input_tokens", body).json()["input_tokens"] == len("a\n\nb!>") + 1


def test_the_template_gets_what_llama_server_gives_every_template() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
    to = service(template="{{ enable_thinking }} {{ date_string | length }} {{ datetime | length }}")
    assert posted(to, "/apply-template", body).json() == {"prompt": "True 11 11"}
    assert posted(to, "/apply-template", {**body, "reasoning_effort": "none"}).json() == {"prompt": "False 11 11"}


def test_timings_and_progress_come_where_they_are_asked_for() -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "temperature": 0, "timings_per_token": True}
    events = streamed(service(), "/v1/chat/completions", {**body, "return_progress": True})
    assert events[-1] == "[DONE]"
    assert "timings" not in events[0]
    assert events[1]["timings"]["predicted_n"] == 1
    assert events[1]["prompt_progress"]["processed"] == events[1]["prompt_progress"]["total"]
    assert events[-2]["timings"]["predicted_n"] == 13


def test_verbose_shows_the_prompt() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "Book"}], "max_tokens": 2}
    assert "Book" in posted(service(), "/v1/chat/completions", {**body, "verbose": True}).json()["__verbose"]["prompt"]
    assert "__verbose" not in posted(service(), "/v1/chat/completions", body).json()


def test_the_page_of_routes_and_openapi_say_the_same() -> None:
    to = service(scripted())
    listing, form = got(to, "/").text, got(to, "/openapi.json").json()
    assert listing.startswith("<!doctype html>")
    assert all(path.partition("{")[0] in listing for path in form["paths"])
    fields = form["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"messages", "temperature", "dry_multiplier", "response_format"} <= fields["properties"].keys()
    assert "$ref" not in str(form)
