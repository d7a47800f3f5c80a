"""llama-server's answers, read: the vocabulary, rows, where the logits' zero is, and what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.support.scripted_server import ScriptedServer

from tsumami.errors import ModelError, RemoteError
from tsumami.models import remote_name
from tsumami.remote import LlamaServer, Patience, ToldRow, lacks
from tsumami.testing import ByteTokenizer

TOKENS = [104, 105, 33]


def script(tokens: tuple[int, ...]) -> Any:
    return np.random.default_rng(len(tokens)).standard_normal(ByteTokenizer().n_tokens) * 6 + 9


@pytest.fixture(scope="module")
def behind() -> Iterator[ScriptedServer]:
    with ScriptedServer(script) as made:
        yield made


@pytest.fixture(scope="module")
def server(behind: ScriptedServer) -> Iterator[LlamaServer]:
    name = remote_name(behind.name)
    made = LlamaServer(name, name.addresses[0], Patience(total=1, first_pause=0.01))
    yield made
    made.close()


def test_the_vocabulary_is_read_from_its_answers(server: LlamaServer) -> None:
    made, known = server.vocabulary(), ByteTokenizer()
    assert made.pieces == tuple(known.piece(token) for token in range(known.n_tokens))
    assert made.marks == {known.end, known.begin}
    assert (made.ends, made.bos, made.eos) == ({known.end}, known.begin, known.end)


def test_a_row_is_the_likeliest_tokens_and_says_what_it_leaves_out(server: LlamaServer) -> None:
    row = server.read_row(server.wire.post(server.path_there, server.row_body(TOKENS, 20)))
    logits = np.asarray(script(tuple(TOKENS)))
    p = np.exp(logits - logits.max())
    p /= p.sum()
    assert row.ids.tolist() == np.argsort(-p)[:20].tolist()
    assert row.logprobs == pytest.approx(np.log(p[row.ids]), abs=1e-5)
    unseen, most = row.unseen(len(p))
    assert unseen == pytest.approx(1 - p[row.ids].sum(), abs=1e-6)
    assert unseen <= most


@pytest.mark.parametrize("last", [104, 256, 7, 97, 0xE3])
def test_the_zero_of_the_logits_is_found(server: LlamaServer, last: int) -> None:
    tokens = [*TOKENS, last]
    assert server.tells_zero(tokens)
    row = server.read_row(server.wire.post(server.path_there, server.row_body(tokens, 20)))
    level = server.read_level(server.wire.post(server.path_there, server.level_body(tokens, row)), tokens, row)
    assert row.logprobs + level == pytest.approx(np.asarray(script(tuple(tokens)))[row.ids], abs=1e-3)


@pytest.mark.parametrize(
    "told",
    [None, [], [{}], [{"top_logprobs": 3}], [{"top_logprobs": []}], [{"top_logprobs": [{"id": 1}]}],
     [{"top_logprobs": [{"id": 1, "logprob": -2}, {"id": 2, "logprob": -1}]}],
     [{"top_logprobs": [{"id": 1, "logprob": None}]}]],
    ids=str,
)  # fmt: skip
def test_half_an_answer_is_none(server: LlamaServer, told: Any) -> None:
    with pytest.raises(RemoteError, match="half an answer") as caught:
        server.read_row({"completion_probabilities": told})
    assert caught.value.again


def test_another_model_is_noticed_in_an_answer_and_in_what_the_server_says(server: LlamaServer) -> None:
    answer = server.wire.post(server.path_there, server.row_body(TOKENS, 5))
    with pytest.raises(RemoteError, match=r"another model answers there now \(other\.gguf, not scripted\.gguf\)"):
        server.read_row(answer | {"model": "C:\\models\\other.gguf"})
    props = server.wire.get("/props")
    server.check(props)
    with pytest.raises(RemoteError, match="under the same name"):
        server.check(props | {"chat_template": "another"})


def test_what_is_no_llama_server_is_refused(behind: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "answer", lambda path, body: {"object": "list"})
    name = remote_name(behind.name)
    with pytest.raises(ModelError, match="not llama-server"):
        LlamaServer(name, name.addresses[0], Patience())


def test_a_folder_over_there_is_not_told(server: LlamaServer) -> None:
    assert server.facts.model == "scripted.gguf"


def test_what_is_not_told_cannot_be_used(server: LlamaServer) -> None:
    some, whole = (server.record(count, 258, absolute=True) for count in (100, 1000))
    assert (some.whole, whole.whole, some.full) == (False, True, True)
    assert "guidance_scale" in lacks(some)
    assert "guidance_scale" not in lacks(whole)
    assert "repeat_penalty" not in lacks(some)
    assert "repeat_penalty" in lacks(server.record(100, 258, absolute=False))
    assert "grammar" in lacks(whole)


def test_the_most_that_is_unseen_is_bounded_by_the_last_that_was_told() -> None:
    row = ToldRow(np.array([3, 1], np.int32), np.log(np.array([0.6, 0.001], np.float32)))
    assert row.unseen(5) == pytest.approx((0.399, 0.003))
    assert row.unseen(2) == (0.0, 0.0)
