"""The wire: what may pass is tried again, what cannot is an error at once, and nothing private is in either."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from tests.support.scripted_server import ScriptedServer, half, no_json, status

from tsumami.errors import RemoteError
from tsumami.models import RemoteName, remote_name
from tsumami.remote import HttpWire, Patience

QUICK = Patience(connect=2, answer=0.5, total=2, first_pause=0.01, longest_pause=0.02)
BODY = {"prompt": [65], "n_probs": 3, "post_sampling_probs": False}


@pytest.fixture(scope="module")
def shared() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        yield made


@pytest.fixture
def server(shared: ScriptedServer) -> ScriptedServer:
    shared.tricks.clear()
    shared.asked.clear()
    shared.headers.clear()
    return shared


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[HttpWire]:
    name = remote_name(server.name)
    made = HttpWire(name, name.addresses[0], QUICK)
    yield made
    made.close()


@pytest.mark.parametrize(
    "trick",
    [status(429, Retry_After="0"), status(503), status(500), half, no_json],
    ids=["429", "503", "500", "half an answer", "no JSON"],
)
def test_what_may_pass_is_tried_again(server: ScriptedServer, wire: HttpWire, trick: object) -> None:
    server.tricks.extend([trick, trick])  # type: ignore[list-item]
    assert wire.post("/completion", BODY)["model"] == server.model
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("trick", "says"),
    [
        (status(302, Location="http://other.example/"), "not followed"),
        (status(401), "wants a key"),
        (status(400, b'{"error": {"type": "exceed_context_size_error", "message": "secret"}}'), "exceed_context_size"),
        (status(404, b"secret"), "404"),
    ],
    ids=["redirect", "key", "too long", "not there"],
)
def test_what_cannot_pass_is_an_error_at_once(server: ScriptedServer, wire: HttpWire, trick: object, says: str) -> None:
    server.tricks.append(trick)  # type: ignore[arg-type]
    with pytest.raises(RemoteError, match=says) as caught:
        wire.post("/completion", BODY)
    assert len(server.asked) == 1
    assert not {"secret", "127.0.0.1", "example"} & set(str(caught.value).replace("/", " ").split())


def test_patience_ends(server: ScriptedServer, wire: HttpWire) -> None:
    server.tricks.append(status(429, Retry_After="3600"))
    with pytest.raises(RemoteError, match="busy"):
        wire.post("/completion", BODY)
    assert len(server.asked) == 1


def test_nothing_listens_is_said_after_some_tries() -> None:
    with ScriptedServer() as gone:
        name = remote_name(gone.name)
    wire = HttpWire(name, name.addresses[0], Patience(total=0.1, first_pause=0.01))
    with pytest.raises(RemoteError, match="cannot be reached") as caught:
        wire.get("/props")
    wire.close()
    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_without_tls_is_an_error_and_not_asked_in_the_open(server: ScriptedServer) -> None:
    name = RemoteName("openai", (f"https://127.0.0.1:{server.port}",), "m")
    wire = HttpWire(name, name.addresses[0], Patience(total=0.1, first_pause=0.01))
    with pytest.raises(RemoteError, match="TLS"):
        wire.get("/props")
    wire.close()
    assert server.asked == []


def test_a_slow_answer_is_an_error(server: ScriptedServer, wire: HttpWire) -> None:
    enough = threading.Event()
    server.tricks.append(lambda request: enough.wait(5) and False)
    with pytest.raises(RemoteError, match="in time"):
        wire.post("/completion", BODY)
    enough.set()


def test_a_key_goes_to_the_server_and_nowhere_else(
    server: ScriptedServer, wire: HttpWire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LLAMA_API_KEY", "hunter2")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    caplog.set_level(logging.DEBUG)
    wire.post("/completion", BODY)
    assert server.headers[-1]["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in caplog.text
    assert "127.0.0.1" not in caplog.text
