"""The server chooses by itself, in one call: its text and tokens are read, and a run of ours is made of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.scripted_server import Handler, ScriptedServer, broken_off, half, no_json, status

from tsumami.engine import EngineOptions
from tsumami.errors import EngineClosedError, RemoteError
from tsumami.model import RemoteModel
from tsumami.models import remote_name
from tsumami.remote import Patience, RemoteTokenizer, ThereReading, Vocabulary
from tsumami.runs.connecting import connect
from tsumami.testing import saying

QUICK = Patience(connect=2, answer=5, total=1, first_pause=0.01, longest_pause=0.05)
SAID = "Hello, 光る😀 there."


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(saying(SAID)) as made:
        yield made


@pytest.fixture(scope="module")
def shared(server: ScriptedServer) -> Iterator[RemoteModel]:
    with RemoteModel(connect(remote_name(server.name), EngineOptions(exact=False), QUICK)) as made:
        yield made


@pytest.fixture
def remote(server: ScriptedServer, shared: RemoteModel) -> RemoteModel:
    shared.engine.forget()
    server.tricks.clear()
    server.asked.clear()
    return shared


def test_it_is_one_call_whose_text_comes_as_it_is_written(server: ScriptedServer, remote: RemoteModel) -> None:
    with remote.there("abc", temperature=0, max_tokens=100, top_k=7, seed=5) as stream:
        pieces = list(stream)
    assert "".join(pieces) == stream.reply.text == SAID
    assert len(pieces) == len(SAID)
    asked = [body for path, body in server.asked if path == "/completion"]
    assert len(asked) == 1
    assert (asked[0]["seed"], asked[0]["top_k"], asked[0]["temperature"], asked[0]["n_probs"]) == (5, 7, 0, 0)
    assert asked[0]["prompt"] == remote.tokenize("abc")
    assert "chat_template_kwargs" not in asked[0]


def test_tokens_that_end_inside_a_character_are_told_by_its_bytes(remote: RemoteModel) -> None:
    reply = remote.there("abc", max_tokens=100).reply
    assert reply.count == len(reply.tokens)
    assert reply.tokens == (*SAID.encode(), 256)
    assert (reply.stop_reason, reply.trouble, reply.reused) == ("eog", None, 3)
    assert reply.settings.seed >= 0


def test_a_run_of_its_tokens_has_all_that_a_run_has(remote: RemoteModel) -> None:
    reply = remote.there("abc", temperature=0.5, seed=2, max_tokens=100).reply
    run = remote.run_of(reply, ledger=True)
    assert (run.text, run.tokens, run.stop_reason) == (SAID, reply.tokens, "eog")
    assert (run.receipt.begun, run.receipt.seed, run.receipt.settings.max_tokens) == (reply.tokens, 2, 100)
    assert len(run.ledgers) == len(run.steps)
    assert all(step.alternatives and step.p_raw > 0 for step in run.steps)
    assert remote.verify(run).same


@pytest.mark.parametrize(("count", "known"), [(1, 1), (5, 5), (8, 7), (9, 7), (10, 10)])
def test_a_run_ends_where_the_reply_did(remote: RemoteModel, count: int, known: int) -> None:
    """Eight is in the middle of a character, whose tokens nobody told."""
    reply = remote.there("abc", max_tokens=count).reply
    assert (reply.stop_reason, reply.count, len(reply.tokens)) == ("length", count, known)
    run = remote.run_of(reply)
    assert run.tokens == reply.tokens == tuple(SAID.encode()[:known])
    assert run.receipt.settings.max_tokens == known


def test_a_reply_of_which_no_token_is_known_is_no_run(server: ScriptedServer, remote: RemoteModel) -> None:
    server.tricks.append(broken_off(1, content="x", tokens=[], tokens_predicted=2, stop=False))
    lost = remote.there("abc").reply
    assert remote.run_of(lost).text == SAID[0] + "x"  # of one token there is one way
    server.tricks.append(broken_off(0, content="x", tokens=[], tokens_predicted=20, stop=False))
    with pytest.raises(RemoteError, match="did not tell which tokens"):
        remote.run_of(remote.there("abc").reply)


def test_what_the_server_does_not_have_is_named_if_it_is_turned(remote: RemoteModel) -> None:
    assert remote.there("abc", max_tokens=2).reply.lost == ()
    lost = remote.there("abc", max_tokens=2, banned_texts=("x",), thinking_budget=3).reply.lost
    assert {one.knob for one in lost} == {"banned_texts", "thinking_budget"}


@pytest.mark.parametrize("trick", [status(503), half, no_json], ids=["busy", "half", "no stream"])
def test_what_fails_before_anything_came_is_asked_again(
    server: ScriptedServer, remote: RemoteModel, trick: Any
) -> None:
    server.tricks.append(trick)
    assert remote.there("abc", max_tokens=3).reply.text == SAID[:3]


@pytest.mark.parametrize(
    ("trick", "says"),
    [
        (broken_off(4), "ended its stream before"),
        (broken_off(4, error={"message": "secret", "type": "server_error"}), "broke off in the middle"),
        (broken_off(4, content="x"), "not as documented"),
        (broken_off(4, content="", tokens=[], tokens_predicted=4, stop=True, model="other.gguf"), "another model"),
    ],
    ids=["ended", "error", "a field is missing", "another model"],
)
def test_what_fails_later_keeps_what_had_come_and_says_why(
    server: ScriptedServer, remote: RemoteModel, trick: Any, says: str
) -> None:
    server.tricks.append(trick)
    reply = remote.there("abc", max_tokens=9).reply
    assert (reply.text[:4], reply.stop_reason) == (SAID[:4], "lost")
    assert says in str(reply.trouble)
    assert "secret" not in str(reply.trouble)
    assert "127.0.0.1" not in str(reply.trouble)
    run = remote.run_of(reply)
    assert (run.text, run.stop_reason, run.trouble) == (SAID[:4], "lost", reply.trouble)
    assert remote.verify(run).same


def test_a_refusal_is_an_error_at_once_without_the_server_s_words(server: ScriptedServer, remote: RemoteModel) -> None:
    server.tricks.append(status(400, b'{"error":{"type":"invalid_request_error","message":"secret prompt"}}'))
    with pytest.raises(RemoteError, match=r"refused the request \(400, invalid_request_error\)") as caught:
        _ = remote.there("abc").reply
    assert "secret" not in str(caught.value)


def test_cancelled_it_ends_at_once_and_keeps_what_there_is(server: ScriptedServer, remote: RemoteModel) -> None:
    waiting = threading.Event()

    def slow(request: Handler) -> bool:
        def pieces() -> Iterator[dict[str, Any]]:
            yield from list(request.ours.pieces(request.ours.asked[-1][1]))[:2]
            waiting.wait(30)

        request.stream(pieces())
        return True

    server.tricks.append(slow)
    with remote.there("abc", max_tokens=9) as stream:
        steps = iter(stream)
        assert next(steps) + next(steps) == SAID[:2]
        stream.cancel()
        reply = stream.reply
    waiting.set()
    assert (reply.text, reply.stop_reason, reply.tokens) == (SAID[:2], "cancelled", tuple(SAID[:2].encode()))
    assert remote.run_of(reply).tokens == reply.tokens


def test_of_a_closed_model_nothing_is_asked(server: ScriptedServer) -> None:
    with RemoteModel(connect(remote_name(server.name), EngineOptions(exact=False), QUICK)) as made:
        assert made.chooses_there
    with pytest.raises(EngineClosedError):
        made.there("abc")


def test_where_the_bytes_leave_several_ways_no_token_is_named() -> None:
    pieces = (b"\xe5\x85", b"\x89", b"\xe5", b"\x85\x89", b"!", b"\xf0\x9f", b"\x98\x80")
    texts = RemoteTokenizer(Vocabulary(pieces, frozenset(), frozenset(), None, None), lambda *_, **__: [])
    assert texts.only_tokens(pieces[5], 1) == (5,)
    assert texts.only_tokens("光".encode(), 2) is None
    assert texts.only_tokens("光".encode(), 3) is None
    for first, known in (("光", []), ("😀", [5, 6, 4])):
        reading = ThereReading(texts, lambda _: None)
        reading.take({"content": f"{first}!", "tokens": [4], "tokens_predicted": 3, "stop": False})
        reading.take({"content": "!", "tokens": [4], "tokens_predicted": 4, "stop": False})
        assert (reading.tokens, reading.count) == ([*known, *([4] if known else [])], 4)
