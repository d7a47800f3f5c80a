"""Programs on an engine elsewhere: the same runs as here, and what is kept when it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support.scripted_server import Handler, ScriptedServer, answered, fewer, gone, half, status

import tsumami
from tsumami.engine import EngineOptions, Feed, Sequence
from tsumami.errors import EngineClosedError, EngineError, ModelError, RemoteError, SettingsError
from tsumami.model import RemoteModel
from tsumami.models import remote_name
from tsumami.remote import Patience
from tsumami.runs import Prompt, Run
from tsumami.runs.connecting import connect
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

QUICK = Patience(connect=2, answer=5, total=1, first_pause=0.01, longest_pause=0.05)
PROMPT = Prompt("Hello", tuple(b"Hello"))
CALM = {"repeat_penalty": 1.0, "max_tokens": 12}


def script(tokens: tuple[int, ...]) -> Any:
    """Logits that depend on all tokens, and on nothing else."""
    return np.random.default_rng(sum((i + 1) * t for i, t in enumerate(tokens))).standard_normal(258) * 3 + 5


def model_of(*servers: ScriptedServer, patience: Patience = QUICK, **options: Any) -> RemoteModel:
    name = "llama-server+" + ",".join(server.name.removeprefix("llama-server+") for server in servers)
    return RemoteModel(connect(remote_name(name), EngineOptions(**options), patience))


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(script) as made:
        yield made


@pytest.fixture(scope="module")
def remote(server: ScriptedServer) -> Iterator[RemoteModel]:
    with model_of(server) as made:
        yield made


@pytest.fixture
def fresh(server: ScriptedServer, remote: RemoteModel) -> RemoteModel:
    """The same, as if nothing had been asked."""
    remote.engine.forget()
    server.tricks.clear()
    server.asked.clear()
    server.most_at_once = 0
    return remote


@pytest.mark.parametrize(
    "knobs",
    [{"temperature": 0.0}, {"seed": 4}, {"repeat_penalty": 1.3, "seed": 2}, {"mirostat_mode": 2, "seed": 3},
     {"top_k": 0, "typical_p": 0.8, "seed": 5}, {"dry_multiplier": 0.8, "seed": 6}],
    ids=str,
)  # fmt: skip
def test_a_run_elsewhere_is_the_run_that_it_would_be_here(fresh: RemoteModel, knobs: dict[str, Any]) -> None:
    here = ScriptedModel(script)
    one, other = (model.run(PROMPT, max_tokens=12, **knobs) for model in (fresh, here))
    assert one.tokens == other.tokens
    assert [step.p_final for step in one.steps] == pytest.approx([step.p_final for step in other.steps], abs=1e-3)
    assert not any(step.unseen or step.uncertain for step in one.steps)
    here.close()


def test_the_zero_of_the_logits_is_asked_only_where_a_penalty_divides_them(
    server: ScriptedServer, fresh: RemoteModel
) -> None:
    fresh.run(PROMPT, seed=1, **CALM)
    assert len(server.asked) == 12
    fresh.run(PROMPT, seed=1, max_tokens=12)
    assert sum(body["post_sampling_probs"] for _, body in server.asked) == 12


def test_what_was_told_once_is_not_asked_again(server: ScriptedServer, fresh: RemoteModel) -> None:
    run = fresh.run("Hello", seed=1, max_tokens=8)
    count = len(server.asked)
    ledgers = run.replay()
    assert len(ledgers) == 8
    assert fresh.run("Hello", seed=1, max_tokens=8).steps == run.steps
    assert len(server.asked) == count
    assert fresh.verify(run).same
    assert len(server.asked) > count


def test_only_a_row_s_likeliest_tokens_are_told_and_each_step_says_how_much_is_not(server: ScriptedServer) -> None:
    with model_of(server, n_probs=100) as made:
        run = made.run("Hello", seed=1, top_k=0, top_p=1.0, min_p=0.0, temperature=1.5, **CALM)
        cut = made.run("Hello", seed=1, **CALM)
    logits = np.asarray(script(run.receipt.prompt_tokens))
    p = np.exp(logits - logits.max())
    assert run.steps[0].unseen == pytest.approx(np.sort(p)[:-100].sum() / p.sum(), abs=1e-5)
    assert all(step.uncertain for step in run.steps)
    assert not any(step.uncertain for step in cut.steps)
    assert Run.from_json(run.to_json()) == run


def test_maps_and_intervals_are_certain_only_where_rows_are_told_whole(
    server: ScriptedServer, fresh: RemoteModel
) -> None:
    with model_of(server, n_probs=100) as made:
        for model, certain in ((made, False), (fresh, True)):
            found = model.knob_map(PROMPT, "temperature", 0.5, 0.6, seed=1, max_tokens=2, leaves=2, repeat_penalty=1.0)
            assert {piece.certain for piece in found.pieces} == {certain}
            run = model.run(PROMPT, seed=1, max_tokens=3, repeat_penalty=1.0)
            assert model.intervals(run, ["top_k"])["top_k"].certain == certain


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"guidance_scale": 2.0}, "likeliest"),
        ({"top_n_sigma": 1.0}, "standard deviation"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "hidden"),
        ({"grammar": 'root ::= "a"'}, "vocabulary"),
    ],
    ids=str,
)
def test_what_the_engine_does_not_tell_cannot_be_used_and_the_reason_is_said(
    server: ScriptedServer, knobs: dict[str, Any], says: str
) -> None:
    with model_of(server, n_probs=100) as made, pytest.raises(SettingsError, match=says):
        made.run("Hello", **knobs)


@pytest.mark.parametrize("options", [{"n_cells": 512}, {"threads": 1}, {"n_ctx": 4096}, {"n_gpu_layers": 3}], ids=str)
def test_what_is_the_server_s_affair_is_refused(server: ScriptedServer, options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="server"):
        model_of(server, **options)


def test_a_model_here_has_no_n_probs() -> None:
    with pytest.raises(SettingsError, match="n_probs"):
        tsumami.load(n_probs=500)


def test_many_runs_go_on_at_once_and_each_is_as_alone(server: ScriptedServer, fresh: RemoteModel) -> None:
    alone = [fresh.run("Hello", seed=seed, **CALM).tokens for seed in range(8)]
    fresh.engine.forget()
    server.most_at_once = 0
    streams = [fresh.stream("Hello", seed=seed, **CALM) for seed in range(8)]
    assert [stream.run.tokens for stream in streams] == alone
    assert 1 < server.most_at_once <= server.slots


def test_every_run_comes_back_to_the_slot_that_has_its_beginning(server: ScriptedServer, fresh: RemoteModel) -> None:
    streams = [fresh.stream("Hello", seed=seed, **CALM) for seed in range(server.slots)]
    runs = [stream.run for stream in streams]
    slots = [
        {
            body["id_slot"]
            for _, body in server.asked
            if body.get("prompt") == [*run.receipt.prompt_tokens, *run.tokens[:n]]
        }
        for run in runs
        for n in range(4, 12)
    ]
    assert all(len(one) == 1 for one in slots)
    assert len({tuple(one) for one in slots[::8]}) == server.slots


def test_several_addresses_share_the_work() -> None:
    with ScriptedServer(script, slots=1) as one, ScriptedServer(script, slots=1) as other, model_of(one, other) as made:
        one.asked.clear()
        streams = [made.stream("Hello", seed=seed, **CALM) for seed in range(4)]
        assert len({stream.run.tokens for stream in streams}) == 4
        assert all(any(path == "/completion" for path, _ in each.asked) for each in (one, other))
        assert one.most_at_once == other.most_at_once == 1


def test_several_addresses_have_one_model() -> None:
    with (
        ScriptedServer(script) as one,
        ScriptedServer(script, model="other.gguf") as other,
        pytest.raises(ModelError, match="same model"),
    ):
        model_of(one, other)


# --- failure ---


@pytest.mark.parametrize(
    "trick",
    [half, fewer, status(503), status(429, Retry_After="0")],
    ids=["half an answer", "fewer tokens", "503", "429"],
)
def test_what_passes_is_not_seen_in_the_run(server: ScriptedServer, fresh: RemoteModel, trick: Any) -> None:
    run = fresh.run("Hello", seed=3, **CALM)
    fresh.engine.forget()
    server.tricks.extend([trick] * 3)
    assert fresh.run("Hello", seed=3, **CALM).tokens == run.tokens
    assert not server.tricks


def test_a_server_that_is_gone_leaves_the_run_what_it_has_and_it_can_go_on() -> None:
    with ScriptedServer(script) as server, model_of(server, patience=replace(QUICK, total=0.2)) as made:
        whole = made.run("Hello", seed=3, **CALM)
        made.engine.forget()
        server.tricks.extend([*[answered] * 5, gone])
        lost = made.run("Hello", seed=3, **CALM)
        assert lost.stop_reason == "lost"
        assert lost.trouble == "llama-server cannot be reached at the address that was named; is it running?"
        assert len(lost.steps) == 5
        assert lost.tokens == whole.tokens[: len(lost.steps)]
        assert Run.from_json(lost.to_json()) == lost
        with pytest.raises(RemoteError, match="cannot be reached"):
            made.run("Another", **CALM)
        server.start()
        on = made.go_on(lost, max_tokens=12 - len(lost.steps))
        assert on.tokens == whole.tokens


def test_a_server_that_comes_back_in_time_is_waited_for() -> None:
    with ScriptedServer(script) as server, model_of(server, patience=replace(QUICK, total=10)) as made:
        whole = made.run("Hello", seed=3, **CALM)
        made.engine.forget()
        back = threading.Timer(0.3, server.start)
        server.tricks.extend([*[answered] * 5, lambda request: gone(request) and (back.start() or True)])
        again = made.run("Hello", seed=3, **CALM)
        back.join()
        assert (again.tokens, again.stop_reason) == (whole.tokens, "length")


def test_a_server_that_comes_back_with_another_model_is_noticed() -> None:
    with ScriptedServer(script) as server, model_of(server, patience=replace(QUICK, total=10)) as made:

        def replaced(request: Handler) -> bool:
            request.ours.model = "another.gguf"
            return half(request)

        server.tricks.extend([*[answered] * 3, replaced])
        lost = made.run("Hello", seed=3, **CALM)
        assert (len(lost.steps), lost.stop_reason) == (3, "lost")
        assert "another model answers there now (another.gguf, not scripted.gguf)" in (lost.trouble or "")


def test_a_cancelled_run_gives_its_request_up_and_no_other(server: ScriptedServer, fresh: RemoteModel) -> None:
    waiting, enough = threading.Event(), threading.Event()

    def hang(_: object) -> bool:
        waiting.set()
        enough.wait(10)
        return False

    server.tricks.append(hang)
    stream = fresh.stream("Hello", seed=1, **CALM)
    assert waiting.wait(5)
    other = fresh.stream("Other", seed=1, **CALM)
    stream.cancel()
    assert stream.run.stop_reason == "cancelled"
    assert other.run.stop_reason == "length"
    assert not enough.is_set()
    enough.set()


def test_closing_ends_what_runs_and_takes_nothing_more(server: ScriptedServer) -> None:
    made, waiting, enough = model_of(server), threading.Event(), threading.Event()

    def hang(_: object) -> bool:
        waiting.set()
        enough.wait(10)
        return False

    server.tricks.append(hang)
    stream = made.stream("Hello", **CALM)
    assert waiting.wait(5)
    made.close()
    with pytest.raises(EngineClosedError):
        _ = stream.run
    with pytest.raises(EngineClosedError):
        made.run("Hello")
    made.close()
    enough.set()


def test_wrong_feeds_are_errors_of_the_program_that_asked(fresh: RemoteModel) -> None:
    def program(feed: Feed) -> Any:
        (rows,) = yield [feed]
        return rows

    for feed, says in (
        (Feed(Sequence(), [999]), "outside the vocabulary"),
        (Feed(Sequence(), [1] * 600), "600 tokens"),
        (Feed(Sequence(), [1], hidden=True), "hidden states"),
    ):
        with pytest.raises(EngineError, match=says):
            fresh.engine.run(program(feed))
        assert not feed.sequence.under_way


# --- what is told of it ---


def test_receipts_say_what_was_told_and_not_where(server: ScriptedServer, remote: RemoteModel) -> None:
    receipt = remote.run("Hello", **CALM).receipt
    assert (receipt.engine.binding, receipt.engine.library) == ("llama-server", "b9999-abc")
    assert receipt.engine.features == ("n_probs=258", "n_vocab=258", "slots=4")
    assert (receipt.model.name, receipt.model.source) == ("scripted.gguf", "elsewhere: llama-server")
    assert "127.0.0.1" not in remote.run("Hello", **CALM).to_json()
    assert receipt.engine.exact
    assert "65 tokens" in receipt.engine.why_en


def test_a_server_that_does_not_repeat_itself_is_found_out() -> None:
    dice = np.random.default_rng(1)

    def shaky(tokens: tuple[int, ...]) -> Any:
        return script(tokens) + dice.standard_normal(258) * 1e-3

    with ScriptedServer(shaky) as server, model_of(server) as made:
        assert not made.exactness.exact
        assert made.exactness.failed == ("in pieces", "among others")
        run = made.run("Hello", seed=1, **CALM)
        found = made.verify(run)
        assert not found.same_numbers
        assert any("not exact" in english for _, english in found.circumstances)


def test_the_model_s_template_and_marks_are_those_of_the_server() -> None:
    with ScriptedServer(saying("Yes.")) as server, model_of(server) as made:
        assert made.chat([{"role": "user", "content": "Well?"}], temperature=0, repeat_penalty=1.0).text == "Yes."
        assert made.tokenizer.is_eog(ByteTokenizer.end)
        assert made.chat_template is not None
        with pytest.raises(EngineError, match="does not tell how its model is built"):
            _ = made.shape
