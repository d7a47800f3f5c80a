"""Against a real llama-server: what works here on a model of this machine works on that one, and says so truly."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.llama_server_process import LlamaServerProcess
from tests.support.strategies import settings_strategy

import tsumami
from tsumami import explain
from tsumami.engine import Sequence
from tsumami.errors import DeadEndError
from tsumami.model import RemoteModel
from tsumami.models import remote_name
from tsumami.remote import LlamaServer, Patience, lacks
from tsumami.runs import Run
from tsumami.runs.connecting import connect
from tsumami.runs.healing import healed
from tsumami.sampling import Chain
from tsumami.settings import Settings

PROMPTS = ("The capital of France is", "Once upon a time", "1, 2, 3, 1, 2, 3,")
CLOSE = 1.0  # kernels differ: ours is exact, that server's is llama.cpp's default, and Q4_1 rounds coarsely


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServerProcess]:
    with LlamaServerProcess(slots=8, cells=8 * 512) as made:
        yield made


@pytest.fixture(scope="module")
def remote(server: LlamaServerProcess) -> Iterator[RemoteModel]:
    with tsumami.load(server.name) as made:
        assert isinstance(made, RemoteModel)
        yield made


def asked(server: LlamaServerProcess, body: dict[str, Any]) -> Any:
    """An answer, without anything of ours in between."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310  (the server of this test)
        return json.loads(answer.read())


def test_its_vocabulary_and_tokens_are_those_of_the_file(remote: RemoteModel, model: tsumami.Model) -> None:
    theirs, ours = remote.tokenizer, model.tokenizer
    assert remote.recommended is None
    assert theirs.n_tokens == ours.n_tokens
    for token in range(ours.n_tokens):
        assert theirs.piece(token) == ours.piece(token)
        assert theirs.is_control(token) == ours.is_control(token)
        assert theirs.is_eog(token) == ours.is_eog(token)
    assert (theirs.bos, theirs.eos) == (ours.bos, ours.eos)
    talk = [{"role": "user", "content": "発光ダイオード <|im_end|>"}]
    assert remote.prompt(talk) == model.prompt(talk)
    assert remote.chat_template == model.chat_template


def test_greedy_texts_are_ours_wherever_the_kernels_leave_no_doubt(remote: RemoteModel, model: tsumami.Model) -> None:
    sure = 0
    for prompt in PROMPTS:
        run = remote.run(prompt, temperature=0, max_tokens=12, repeat_penalty=1.0)
        tokens = [*run.receipt.prompt_tokens, *run.tokens]
        rows = model.engine.run(_rows(tokens))[len(run.receipt.prompt_tokens) - 1 : -1]
        for row, step in zip(rows, run.steps, strict=True):
            second, first = np.sort(row)[-2:]
            assert row[step.id] > first - CLOSE
            if first - second > CLOSE:
                assert step.id == int(row.argmax())
                sure += 1
    assert sure > 10


def _rows(tokens: list[int]) -> Any:
    from tsumami.engine import Feed

    (rows,) = yield [Feed(Sequence(), tokens, rows="all")]
    return rows.logits


def test_the_zero_of_its_logits_is_about_where_ours_is(remote: RemoteModel, model: tsumami.Model) -> None:
    tokens = model.tokenize(PROMPTS[0])
    theirs = remote.engine.run(_rows(tokens))
    ours = model.engine.run(_rows(tokens))
    for one, other in zip(theirs[1:], ours[1:], strict=True):
        top = np.argsort(one)[-20:]
        assert np.median(np.abs(one[top] - other[top])) < CLOSE


@settings(max_examples=200)
@given(settings_strategy(max_tokens=1, stop=(), grammar=None, json_schema=None, regex=None), st.integers(0, 9))
def test_our_chain_chooses_from_the_rows_that_it_gave(
    server: LlamaServerProcess, remote: RemoteModel, drawn: Settings, seed: int
) -> None:
    impossible = {name: getattr(Settings(), name) for name in lacks(remote.record) if name != "grammar"}
    wanted = drawn.replace(**impossible, thinking_settings=None, banned_texts=(), negative_prompt=None, seed=seed)
    prompt = healed(remote, remote.as_prompt(PROMPTS[seed % len(PROMPTS)]), wanted)
    run = remote.run(prompt, wanted)
    texts, size = remote.tokenizer, remote.tokenizer.n_tokens
    chain = Chain.from_settings(
        wanted, seed=seed, n_vocab=size, n_ctx=remote.n_ctx, texts=texts, healing=prompt.healing
    )
    chain.accept_prompt(prompt.tokens)
    try:
        token = chain.choose(given_row(server, remote, prompt.tokens, absolute=chain.absolute)).pick.token
    except DeadEndError:
        assert run.stop_reason == "dead_end"
    else:
        assert run.tokens == (token,)


GIVEN: dict[tuple[tuple[int, ...], bool], Any] = {}


def given_row(server: LlamaServerProcess, remote: RemoteModel, tokens: tuple[int, ...], *, absolute: bool) -> Any:
    """The row that the server gives, asked by hand."""
    if (tokens, absolute) not in GIVEN:
        name = remote_name(server.name)
        there = LlamaServer(name, name.addresses[0], Patience())
        told = there.read_row(asked(server, there.row_body(tokens, remote.record.n_probs)))
        level = there.read_level(asked(server, there.level_body(tokens, told)), tokens, told) if absolute else 0.0
        there.close()
        row = np.full(remote.tokenizer.n_tokens, -np.inf, np.float32)
        row[told.ids] = told.logprobs + np.float32(level)
        GIVEN[tokens, absolute] = row
    return GIVEN[tokens, absolute]


def test_compare_audit_and_the_microscope_work_and_verify_says_the_same(remote: RemoteModel) -> None:
    found = remote.compare(PROMPTS[1], vary={"temperature": [0.3, 1.4]}, seeds=[3], max_tokens=10)
    assert [lane.error for lane in found.lanes] == [None, None]
    assert found.divergences[0].kind == "parted"
    assert "temperature" in found.divergences[0].en
    run = found.runs[1]
    assert len(run.replay()) == len(run.steps)
    assert [ledger.pick.token for ledger in run.replay()] == list(run.tokens)
    found_out = explain.audit(run)
    assert found_out.tokens == 10
    assert {"temperature", "repeat_penalty"} <= {one.knob for one in found_out.knobs}
    assert "temperature" not in found_out.dead
    assert 0 < run.steps[0].unseen < 0.2
    saved = Run.from_json(run.to_json())
    assert saved == run
    assert remote.verify(saved).same


def test_a_map_and_a_grid_work(remote: RemoteModel) -> None:
    made = remote.knob_map(PROMPTS[0], "temperature", 0.0, 1.5, max_tokens=2, leaves=4, seed=1)
    piece = made.pieces[-1]
    run = remote.run(PROMPTS[0], temperature=piece.high, max_tokens=2, seed=1)
    assert run.text == piece.text
    grid = remote.grid(PROMPTS[0], vary={"top_k": [1, 40]}, seeds=[1, 2], max_tokens=4)
    for top_k in (1, 40):
        cell = grid.at(top_k=top_k, seed=2)
        assert remote.run(PROMPTS[0], top_k=top_k, seed=2, max_tokens=4).tokens == cell.tokens


def test_tokens_that_end_inside_a_character_have_rows_like_all_others(
    remote: RemoteModel, model: tsumami.Model
) -> None:
    for penalty in (1.0, 1.2):
        run = remote.run("発光ダイオード、", seed=3, max_tokens=30, temperature=0.7, repeat_penalty=penalty)
        assert (run.stop_reason, run.trouble) == ("length", None)
        assert len([step for step in run.steps if b"\xff" > step.piece[:1] >= b"\x80"]) > 5
    tokens = model.tokenize("発光ダイオード、")
    theirs, ours = remote.engine.run(_rows(tokens)), model.engine.run(_rows(tokens))
    for one, other in zip(theirs[1:], ours[1:], strict=True):
        top = np.argsort(one)[-20:]
        assert np.median(np.abs(one[top] - one.max() - (other[top] - other.max()))) < CLOSE


def test_eight_lanes_at_once_are_as_alone(remote: RemoteModel) -> None:
    knobs: dict[str, Any] = {"max_tokens": 5, "repeat_penalty": 1.0, "temperature": 1.2}
    together = [remote.stream(PROMPTS[1], seed=seed, **knobs) for seed in range(8)]
    tokens = [stream.run.tokens for stream in together]
    assert len(set(tokens)) > 4
    remote.engine.forget()
    alone = [remote.run(PROMPTS[1], seed=seed, **knobs).tokens for seed in (0, 7)]
    assert alone == [tokens[0], tokens[7]]


def test_killed_in_the_middle_it_leaves_what_there_was_and_started_anew_it_goes_on() -> None:
    patience = replace(Patience(), total=0.2, first_pause=0.05)
    with (
        LlamaServerProcess(slots=1, cells=512) as server,
        RemoteModel(connect(remote_name(server.name), tsumami.engine.EngineOptions(), patience)) as remote,
    ):
        with remote.stream(PROMPTS[1], seed=1, max_tokens=400, repeat_penalty=1.0, ignore_eos=True) as stream:
            steps = iter(stream)
            for _ in range(3):
                next(steps)
            threading.Thread(target=server.kill).start()
            lost = stream.run
        assert lost.stop_reason == "lost"
        assert 3 <= len(lost.steps) < 400
        assert "127.0.0.1" not in lost.to_json()
        server.kill()
        server.start()
        on = remote.go_on(lost, max_tokens=3)
        assert on.tokens[: len(lost.steps)] == lost.tokens
        assert len(on.tokens) == len(lost.steps) + 3


def test_it_chooses_by_itself_in_one_call_and_a_run_is_made_of_its_tokens(remote: RemoteModel) -> None:
    knobs: dict[str, Any] = {"seed": 3, "max_tokens": 60, "temperature": 0.7}
    for prompt in ("発光ダイオード、", PROMPTS[1]):
        with remote.there(prompt, **knobs) as stream:
            pieces = list(stream)
        reply = stream.reply
        assert "".join(pieces) == reply.text
        assert (reply.trouble, reply.stop_reason) == (None, "length")
        assert reply.count == len(reply.tokens)
        run = remote.run_of(reply)
        assert run.tokens == reply.tokens
        assert reply.text == run.text
        assert remote.verify(run).same
    short = remote.there(remote.prompt("Say hi."), temperature=0, max_tokens=200).reply
    assert (short.stop_reason, remote.run_of(short).stop_reason) == ("eog", "eog")
    assert remote.run_of(short).text == short.text
    stopped = remote.there(PROMPTS[2], temperature=0, max_tokens=30, stop=(" 11",)).reply
    assert (stopped.stop_reason, stopped.stop_string, remote.run_of(stopped).text) == ("stop", " 11", stopped.text)
    limited = remote.there(PROMPTS[0], seed=1, grammar='root ::= "A"+', max_tokens=5).reply
    assert set(limited.text) == {"A"}
