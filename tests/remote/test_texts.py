"""Lesser engines: what they document is read, what they do not tell is not made up, and deviations are clear errors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.text_servers import TextServerProcess, text_server

from tsumami.errors import ModelNotFoundError, RemoteError
from tsumami.models import remote_name
from tsumami.remote import Patience, TextServer, ToldToken

ASKED = [{"role": "user", "content": "Say hello"}]
QUICK = Patience(total=0.1, first_pause=0.01)


@pytest.fixture(scope="module")
def shared() -> Iterator[TextServerProcess]:
    with text_server() as made:
        yield made


@pytest.fixture
def behind(shared: TextServerProcess) -> TextServerProcess:
    shared.asked.clear()
    shared.headers.clear()
    shared.instead = None
    return shared


def generate(behind: TextServerProcess, kind: str, end: str, values: dict[str, Any] | None = None, **how: bool) -> Any:
    server = TextServer(remote_name(f"{kind}+http://127.0.0.1:{behind.port}{end}"), QUICK)
    try:
        return server.generate(ASKED, values or {}, **how)
    finally:
        server.close()


NAMES = [("ollama", "/gemma3:1b", "gemma3:1b"), ("openai", "/v1/gpt-x", "gpt-x"), ("vllm", "", "owner/served"),
         ("sglang", "", "owner/served")]  # fmt: skip


@pytest.mark.parametrize(("kind", "end", "model"), NAMES)
@pytest.mark.parametrize("raw", [False, True])
def test_the_text_and_what_is_told_of_its_tokens(
    behind: TextServerProcess, kind: str, end: str, model: str, raw: bool
) -> None:
    found = generate(behind, kind, end, {"temperature": 0.5}, raw=raw)
    assert (found.text, found.model) == ("Hello", model)
    assert found.finish in ("stop", "length")
    assert [(one.text, one.logprob) for one in found.tokens] == [("Hel", -0.1), ("lo", -0.5)]
    assert found.tokens[0].others == (("Hel", -0.1), ("Hi", -2.5))
    path, body = behind.asked[-1]
    assert (body["options"] if kind == "ollama" else body)["temperature"] == 0.5
    assert ("prompt" in body) == raw
    assert path.endswith(("/generate", "/completions") if raw else ("/chat", "/chat/completions"))


@pytest.mark.parametrize(("kind", "end", "model"), NAMES)
@pytest.mark.parametrize(
    "instead", [{}, {"choices": []}, {"choices": [{"message": None}]}, {"message": {"content": 3}}]
)
def test_what_is_not_as_documented_is_a_clear_error(
    behind: TextServerProcess, kind: str, end: str, model: str, instead: dict[str, Any]
) -> None:
    behind.instead = {**instead, **({"data": [{"id": "owner/served"}]} if kind in ("vllm", "sglang") else {})}
    with pytest.raises(RemoteError, match="did not answer as documented") as caught:
        generate(behind, kind, end)
    assert "127.0.0.1" not in str(caught.value)


def test_a_model_that_is_not_there_is_an_error_without_the_server_s_words(behind: TextServerProcess) -> None:
    with pytest.raises(RemoteError, match=r"Ollama refused the request \(404, not_found\)") as caught:
        generate(behind, "ollama", "/another")
    assert "secret" not in str(caught.value)


def test_vllm_names_its_only_model_itself(behind: TextServerProcess) -> None:
    generate(behind, "vllm", "")
    assert [path for path, _ in behind.asked] == ["/v1/models", "/v1/chat/completions"]
    behind.instead = {"data": [{"id": "a"}, {"id": "b"}]}
    with pytest.raises(ModelNotFoundError, match="has 2 models"):
        generate(behind, "vllm", "")


def test_a_key_is_read_when_something_is_asked(behind: TextServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    generate(behind, "openai", "/v1/gpt-x")
    assert behind.headers[-1]["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in json.dumps(behind.asked)


def test_an_entropy_is_bounded_from_below_by_what_was_told() -> None:
    whole = [0.5, 0.25, 0.125, 0.0625, 0.0625]
    exact = -sum(p * math.log2(p) for p in whole)
    told = [ToldToken("a", others=tuple((str(i), math.log(p)) for i, p in enumerate(whole[:n]))) for n in (2, 4, 5)]
    bounds = [one.least_entropy or 0.0 for one in told]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(exact)
    assert all(bound <= exact + 1e-9 for bound in bounds)
    assert ToldToken("a").least_entropy is None
