"""A real llama-server as the oracle: for the same body both answer with the same fields, and where their kernels agree
with the same text.

They part where two tokens are nearly alike: ours computes exactly, that server with llama.cpp's default kernels, and
the bundled model's weights are rounded coarsely.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import httpx
import pytest
from tests.serve.calling import live
from tests.serve.test_tools import TOOL
from tests.support.llama_server_process import LlamaServerProcess

import tsumami
from tsumami.serve import ApiService, ServeOptions
from tsumami.serve.served import served

ASK: Final[list[Any]] = [{"role": "user", "content": "What is the capital of France?"}]
CHAT: Final[dict[str, Any]] = {"messages": ASK, "max_tokens": 8, "temperature": 0}
TEXT: Final[dict[str, Any]] = {"prompt": "1, 2, 3, 4, 5, 6, 7,", "n_predict": 8, "temperature": 0}
CALL: Final = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
SAID: Final = [*ASK, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "x", "tool_call_id": "a"}]
#: Path, body, and whether the text is the same.
BODIES: Final[list[tuple[str, dict[str, Any] | None, bool]]] = [
    ("/completion", TEXT, True),
    ("/completion", {**TEXT, "n_probs": 2}, True),
    ("/completion", {**TEXT, "n_probs": 2, "post_sampling_probs": True, "return_tokens": True}, True),
    ("/completion", {**TEXT, "prompt": ["One", "Two"]}, False),
    ("/v1/completions", {**TEXT, "logprobs": 2}, True),
    ("/v1/chat/completions", CHAT, True),
    ("/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": 2, "n": 2}, True),
    ("/v1/chat/completions", {**CHAT, "tools": [TOOL], "tool_choice": "required"}, True),
    ("/v1/chat/completions", {**CHAT, "tools": [TOOL], "tool_choice": "perhaps"}, False),
    ("/v1/chat/completions", {**CHAT, "tools": [TOOL], "grammar": 'root ::= "a"'}, False),
    ("/v1/chat/completions", {**CHAT, "tools": [TOOL], "logprobs": True, "stream": True}, False),
    ("/v1/chat/completions", {**CHAT, "messages": SAID}, False),
    ("/v1/chat/completions", {}, False),
    ("/apply-template", {"messages": SAID}, False),
    ("/apply-template", {"messages": ASK, "tools": [TOOL]}, False),
    ("/tokenize", {"content": "Hello", "with_pieces": True}, False),
    ("/detokenize", {"tokens": [1, 2]}, False),
    ("/completion", {"prompt": "x", "n_predict": "many"}, False),
    ("/completion", {"prompt": "x " * 3000}, False),
    ("/health", None, False),
]


class Answer(NamedTuple):
    """An answer: its status, and what it says."""

    status: int
    form: Any


@pytest.fixture(scope="module")
def addresses(model: tsumami.Model) -> Iterator[tuple[str, str]]:
    """Theirs and ours."""
    with LlamaServerProcess() as process, live(ApiService(served(model, "m.gguf"), ServeOptions(n_ctx=1024))) as ours:
        yield f"http://127.0.0.1:{process.port}", ours


def asked(address: str, path: str, body: Any) -> Answer:
    """An answer, without anything of ours in between."""
    answer = httpx.get(address + path) if body is None else httpx.post(address + path, json=body, timeout=60)
    return Answer(answer.status_code, answer.json())


def fields(form: Any, before: str = "") -> set[str]:
    """The names in an answer, with what leads to them."""
    if isinstance(form, dict):
        return {name for key, value in form.items() for name in (before + key, *fields(value, f"{before}{key}."))}
    return {name for one in form for name in fields(one, before)} if isinstance(form, list) else set()


def texts(form: Any) -> list[Any]:
    """The texts of an answer."""
    return [one.get("text", one.get("message")) for one in form["choices"]] if "choices" in form else [form["content"]]


@pytest.mark.parametrize(("path", "body", "same"), BODIES)
def test_the_same_body_gives_the_same_fields_and_the_same_text(
    addresses: tuple[str, str], path: str, body: dict[str, Any] | None, same: bool
) -> None:
    theirs, ours = (asked(address, path, body) for address in addresses)
    assert ours.status == theirs.status, ours.form
    assert fields(theirs.form) - fields(ours.form) == set()
    if same:
        assert texts(ours.form) == texts(theirs.form)
    if path in ("/apply-template", "/tokenize", "/detokenize"):
        assert ours.form == theirs.form


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completion", {**TEXT, "n_probs": 1}),
        ("/v1/completions", TEXT),
        ("/v1/chat/completions", {**CHAT, "logprobs": True, "stream_options": {"include_usage": True}}),
    ],
)
def test_a_stream_has_the_same_fields_and_the_same_end(
    addresses: tuple[str, str], path: str, body: dict[str, Any]
) -> None:
    theirs, ours = (
        [
            line.removeprefix("data: ")
            for line in httpx.post(address + path, json={**body, "stream": True}, timeout=60).text.splitlines()
            if line
        ]
        for address in addresses
    )
    done = ["[DONE]"] if theirs[-1] == "[DONE]" else []
    assert ours[-1:] == done or not done
    theirs, ours = theirs[: len(theirs) - len(done)], ours[: len(ours) - len(done)]
    assert fields([json.loads(one) for one in theirs]) <= fields([json.loads(one) for one in ours])
    assert fields(json.loads(theirs[-1])) <= fields(json.loads(ours[-1]))


def test_where_the_kernels_do_not_agree_the_texts_part_late(addresses: tuple[str, str]) -> None:
    body = {"prompt": "The capital of France is", "n_predict": 8, "temperature": 0}
    theirs, ours = (asked(address, "/completion", body).form["content"] for address in addresses)
    assert ours.startswith(" Paris.")
    assert theirs.startswith(" Paris.")


def test_models_are_listed_with_the_same_fields(addresses: tuple[str, str]) -> None:
    theirs, ours = (asked(address, "/v1/models", None).form for address in addresses)
    newer = {"data.architecture", "data.architecture.input_modalities", "data.architecture.output_modalities",
             "data.meta.vocab_type"}  # fmt: skip
    assert fields(theirs) - fields(ours) <= newer, "of a newer llama.cpp than ours"
