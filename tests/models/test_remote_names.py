"""Names of engines elsewhere are taken apart in one place, and nothing secret gets into one."""

from __future__ import annotations

import pytest

from tsumami.errors import ModelNotFoundError
from tsumami.models import is_remote, remote_name


@pytest.mark.parametrize(
    ("text", "kind", "addresses", "model", "prefix"),
    [
        ("llama-server+http://127.0.0.1:8080", "llama-server", ("http://127.0.0.1:8080",), None, ""),
        ("LLAMA-SERVER+HTTPS://Host/behind/", "llama-server", ("https://host",), None, "/behind"),
        ("llama-server+http://a:1,http://b:2,http://a:1", "llama-server", ("http://a:1", "http://b:2"), None, ""),
        ("llama-server+http://[::1]:8080", "llama-server", ("http://[::1]:8080",), None, ""),
        ("vllm+http://gpu:8000", "vllm", ("http://gpu:8000",), None, ""),
        ("vllm+http://gpu:8000/owner/model", "vllm", ("http://gpu:8000",), "owner/model", ""),
        ("sglang+http://gpu:30000", "sglang", ("http://gpu:30000",), None, ""),
        ("ollama+http://localhost:11434/gemma3:1b", "ollama", ("http://localhost:11434",), "gemma3:1b", ""),
        ("openai+https://api.example.com/v1/some-model", "openai", ("https://api.example.com",), "some-model", "/v1"),
    ],
)
def test_a_name_says_where_and_which(
    text: str, kind: str, addresses: tuple[str, ...], model: str | None, prefix: str
) -> None:
    made = remote_name(text)
    assert (made.kind, made.addresses, made.model, made.prefix) == (kind, addresses, model, prefix)
    assert is_remote(text)


@pytest.mark.parametrize("text", ["smollm2", "./llama-server+x", "http://localhost:8080", "llama-server", "x+http://a"])
def test_other_names_are_none(text: str) -> None:
    assert not is_remote(text)
    with pytest.raises(ModelNotFoundError, match="llama-server\\+http"):
        remote_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "llama-server+http://user:hunter2@host:8080",
        "openai+https://host/v1/model?key=hunter2",
        "llama-server+http://host:99999",
        "llama-server+http://",
        "llama-server+http://host:1,ftp://other:2",
        "llama-server+http://ho st",
        "ollama+http://localhost:11434",
        "openai+https://host/v1",
        "vllm+http://a:1/one,http://b:1/two",
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        remote_name(text)
    assert "hunter2" not in str(caught.value)
    assert "host:" not in str(caught.value).replace("localhost:", "")


def test_a_name_shows_no_address_and_keeps_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = remote_name("llama-server+http://secret-host:8080/behind")
    assert "secret-host" not in repr(made)
    assert "behind" not in repr(made)
    assert made.key is None
    monkeypatch.setenv("LLAMA_API_KEY", "hunter2")
    assert made.key == "hunter2"
    assert "hunter2" not in repr(made)
