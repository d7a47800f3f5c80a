"""vLLM and SGLang with a vocabulary that is here: our chain chooses from their rows; deviations are clear errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.support.id_servers import IdServerProcess, id_server

import tsumami
from tsumami.engine import EngineOptions
from tsumami.errors import ModelError, ModelNotFoundError, RemoteError, SettingsError
from tsumami.model import RemoteModel
from tsumami.models import remote_name, resolve
from tsumami.native import NativeModel
from tsumami.remote import Patience
from tsumami.runs import Run
from tsumami.runs.connecting import connect
from tsumami.sampling import Chain
from tsumami.settings import Settings

QUICK = Patience(connect=2, answer=20, total=0.2, first_pause=0.01)
KINDS = ["vllm", "sglang"]
CALM: dict[str, Any] = {"repeat_penalty": 1.0, "max_tokens": 6}


@pytest.fixture(scope="module")
def native() -> Iterator[NativeModel]:
    made = NativeModel(resolve("smollm2").path, vocab_only=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(native: NativeModel) -> Iterator[IdServerProcess]:
    size = native.vocab.n_tokens

    def script(tokens: tuple[int, ...]) -> Any:
        return np.random.default_rng(sum((i + 1) * t for i, t in enumerate(tokens))).standard_normal(size) * 4

    def tokenize(text: str) -> list[int]:
        return native.vocab.tokenize(text.encode(), add_special=False, parse_special=False)

    with id_server(script, tokenize) as made:
        yield made


@pytest.fixture
def behind(shared: IdServerProcess) -> IdServerProcess:
    shared.asked.clear()
    shared.instead, shared.most, shared.logits, shared.models = None, 5000, False, ["owner/served"]
    shared.deterministic = True
    return shared


def model_of(behind: IdServerProcess, kind: str, end: str = "", **options: Any) -> RemoteModel:
    name = remote_name(f"{kind}+http://127.0.0.1:{behind.port}{end}")
    return RemoteModel(connect(name, EngineOptions(**{"vocabulary": "smollm2", **options}), QUICK))


@pytest.mark.parametrize("kind", KINDS)
def test_our_chain_chooses_from_its_rows(behind: IdServerProcess, kind: str) -> None:
    knobs: dict[str, Any] = {"seed": 4, "temperature": 1.3, "top_k": 50, **CALM}
    with model_of(behind, kind) as remote:
        run = remote.run("The sky", **knobs)
        size = remote.tokenizer.n_tokens
        prompt = remote.as_prompt("The sky")
        assert remote.verify(run).same
        assert Run.from_json(run.to_json()) == run
        assert len(run.replay()) == len(run.steps)
    chain = Chain.from_settings(Settings(**knobs), seed=4, n_vocab=size, n_ctx=512)
    chain.accept_prompt(prompt.tokens)
    for step in run.steps:
        row = np.full(size, -np.inf, np.float32)
        told = behind._told([*prompt.tokens, *chain.reply], 1000)[1:]
        row[[token for token, _ in told]] = [value for _, value in told]
        assert chain.choose(row).pick.token == step.id
        chain.accept(step.id)
    assert all(step.unseen > 0 and not step.uncertain for step in run.steps)
    assert run.receipt.model.source == f"elsewhere: {'vLLM' if kind == 'vllm' else 'SGLang'}"
    assert "127.0.0.1" not in run.to_json()


@pytest.mark.parametrize("kind", KINDS)
def test_the_drawn_token_that_comes_with_a_row_is_not_taken_for_one_of_the_likeliest(
    behind: IdServerProcess, kind: str
) -> None:
    with model_of(behind, kind, n_probs=100) as remote:
        run = remote.run("The sky", seed=1, temperature=2.0, top_k=0, top_p=1.0, min_p=0.0, **CALM)
        assert remote.record.n_probs == 100
    assert all(step.rank <= 100 for step in run.steps)
    assert all(step.uncertain for step in run.steps)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_that_is_here_makes_grammars_and_templates_possible(behind: IdServerProcess, kind: str) -> None:
    with model_of(behind, kind) as remote:
        assert remote.chat_template is not None
        assert "grammar" not in remote.lacks
        assert "repeat_penalty" in remote.lacks
        run = remote.run("The sky", seed=1, grammar="root ::= [0-9]+", **{**CALM, "max_tokens": 2})
        assert run.text.isdigit() or run.stop_reason == "dead_end"
        with pytest.raises(SettingsError, match="zero of its logits"):
            remote.run("The sky", repeat_penalty=1.2)


def test_what_it_says_of_itself_stands_in_the_receipt(behind: IdServerProcess) -> None:
    with model_of(behind, "sglang") as remote:
        assert (remote.engine_card.library, remote.name) == ("0.5.4", "served")
        assert "deterministic" in remote.engine_card.features
        assert remote.exactness.exact
        assert remote.n_ctx == 512
    behind.deterministic = False
    with model_of(behind, "sglang") as remote:
        assert "deterministic" not in remote.engine_card.features
        assert not remote.exactness.exact
        assert "--enable-deterministic-inference" in remote.exactness.remedy_ja
    with model_of(behind, "vllm") as remote:
        assert remote.engine_card.library == "0.11.0"
        salts = {body["cache_salt"] for path, body in behind.asked if path == "/v1/completions"}
        assert len(salts) > 1, "a row that is to be computed anew does not come from its cache"


def test_it_is_asked_for_as_much_as_it_tells(behind: IdServerProcess) -> None:
    behind.most = 20
    with model_of(behind, "vllm") as remote:
        assert remote.record.n_probs == 20
    with pytest.raises(RemoteError, match=r"refused the request \(400, BadRequestError\)") as caught:
        model_of(behind, "vllm", n_probs=101)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_another_vocabulary_is_refused(behind: IdServerProcess, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "tokenize", lambda text: list(text.encode()))
    with pytest.raises(ModelError, match="the same text becomes other tokens there"):
        model_of(behind, kind)


@pytest.mark.parametrize("shift", [0.0, -100.0])
def test_logits_are_taken_where_all_are_told_and_their_zero_with_them(
    behind: IdServerProcess, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    behind.logits, behind.most = True, 100_000
    script = behind.script
    monkeypatch.setattr(behind, "script", lambda tokens: script(tokens) + shift)
    knobs: dict[str, Any] = {"seed": 4, "temperature": 1.3, "repeat_penalty": 1.3, "max_tokens": 4}
    with model_of(behind, "vllm", n_probs=49_152) as remote:
        assert remote.record.whole
        assert "repeat_penalty" not in remote.lacks
        run = remote.run("The sky", **knobs)
        prompt = remote.as_prompt("The sky")
        assert remote.verify(run).same
    chain = Chain.from_settings(Settings(**knobs), seed=4, n_vocab=49_152, n_ctx=512)
    chain.accept_prompt(prompt.tokens)
    for step in run.steps:
        row = np.asarray(script((*prompt.tokens, *chain.reply)), np.float32) + np.float32(shift)
        assert chain.choose(row).pick.token == step.id
        assert (step.unseen, step.uncertain) == (0, False)
        chain.accept(step.id)


def test_logits_of_which_some_are_not_seen_are_refused(behind: IdServerProcess) -> None:
    behind.logits = True
    with pytest.raises(RemoteError, match="start it with raw_logprobs"):
        model_of(behind, "vllm")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "instead",
    [
        {"model": "owner/served", "choices": [], "meta_info": {}},
        {"model": "owner/served", "choices": [{"logprobs": {"top_logprobs": [{}]}}],
         "meta_info": {"output_top_logprobs": [[]]}},
        {"model": "owner/served", "choices": [{"logprobs": {"top_logprobs": [{" the": -0.5}]}}],
         "meta_info": {"output_top_logprobs": [[["x", "y", None]]]}},
    ],
    ids=["nothing", "empty", "no ids"],
)  # fmt: skip
def test_what_is_not_as_documented_is_a_clear_error(
    behind: IdServerProcess, kind: str, instead: dict[str, Any]
) -> None:
    behind.instead = instead
    with pytest.raises(RemoteError, match=r"did not answer as documented|gave half an answer"):
        model_of(behind, kind)


def test_another_model_behind_the_same_address_ends_the_run(behind: IdServerProcess) -> None:
    with model_of(behind, "vllm") as remote:
        behind.instead = {"model": "another"}
        with pytest.raises(RemoteError, match="another model answers there now, not served"):
            remote.run("The sky", **CALM)


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_models_one_has_to_be_named(behind: IdServerProcess, kind: str) -> None:
    behind.models = ["owner/served", "b"]
    with pytest.raises(ModelNotFoundError, match="has 2 models"):
        model_of(behind, kind)
    with model_of(behind, kind, "/owner/served") as remote:
        assert remote.name == "served"


def test_options_that_do_not_fit_together_are_refused(behind: IdServerProcess) -> None:
    with pytest.raises(SettingsError, match="leave --vocabulary out"):
        model_of(behind, "vllm", exact=False)
    with pytest.raises(SettingsError, match="llama-server tells its own"):
        model_of(behind, "llama-server")
    with pytest.raises(ModelNotFoundError, match="with --vocabulary and a file of the same model"):
        model_of(behind, "vllm", vocabulary=None)
    with pytest.raises(ModelNotFoundError, match="without /v1"):
        model_of(behind, "vllm", "/v1/owner/served")
    with pytest.raises(SettingsError, match="a model here has its own"):
        tsumami.load("smollm2", vocabulary="smollm2")
