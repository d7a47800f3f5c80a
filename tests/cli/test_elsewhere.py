"""The commands on an engine elsewhere: they work, say what was not told, and nothing says where it is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.id_servers import id_server
from tests.support.scripted_server import Handler, ScriptedServer, half
from tests.support.worlds import noise

from tsumami.models import resolve
from tsumami.native import NativeModel

FEW = ("--n-probs", "100", "--no-history")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(noise) as made:
        yield made


@pytest.fixture
def saved(server: ScriptedServer, invoke: Any, tmp_path: Path) -> dict[str, str]:
    """Two runs that part."""
    made = {}
    for name, knobs in (("a", ["--temperature", "0.5"]), ("b", ["--temperature", "2.5"])):
        made[name] = str(tmp_path / f"{name}.json")
        called = invoke(
            "run", "abc", "-m", server.name, "--seed", "3", "--max-tokens", "8", *knobs, *FEW, "-o", made[name]
        )
        assert called.code == 0
    return made


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_run_says_how_much_was_not_told(server: ScriptedServer, invoke: Any, lang: str) -> None:
    open_row = ("--top-k", "0", "--top-p", "1", "--min-p", "0", "--temperature", "1.5", "--ledger")
    called = invoke("run", "abc", "-m", server.name, "--seed", "3", "--max-tokens", "4", *open_row, *FEW, lang=lang)
    assert called.code == 0
    assert ("4 choices not certain" if lang == "en" else "確実ではない選択 4") in called.err
    assert ("unseen, which may have changed this choice" if lang == "en" else "この選択は確実ではない") in called.err
    assert "127.0.0.1" not in called.err + called.out


def test_a_run_that_was_lost_says_why_and_keeps_its_text(
    server: ScriptedServer, invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(request: Handler) -> bool:
        if request.ours.asked[-1][1]["prompt"][:4] != [257, *b"abc"] or len(request.ours.asked[-1][1]["prompt"]) < 6:
            request.ours.tricks.append(replaced)  # not yet
            return False
        monkeypatch.setattr(server, "model", "other.gguf")
        return half(request)

    kept = tmp_path / "lost.json"
    call = ("run", "abc", "-m", server.name, "--seed", "3", "--max-tokens", "4", *FEW, "-o", str(kept))
    known = invoke(*call)
    server.tricks.append(replaced)
    called = invoke(*call)
    assert called.code == 0
    assert "the engine elsewhere stopped answering · another model answers there now" in called.err
    assert known.out.startswith(called.out.rstrip("\n"))
    lost = json.loads(kept.read_text())
    assert (lost["stop_reason"], len(lost["steps"])) == ("lost", 2)


def test_explain_audit_and_verify_take_the_engine_by_name(
    server: ScriptedServer, invoke: Any, refused: Any, saved: dict[str, str]
) -> None:
    explained = invoke("explain", saved["a"], saved["b"], "-m", server.name, "--n-probs", "100")
    assert "temperature" in explained.out
    audited = json.loads(invoke("audit", saved["a"], "-m", server.name, "--n-probs", "100", "--json").out)
    assert audited["tokens"] == 8
    assert invoke("verify", saved["a"], "-m", server.name, "--n-probs", "100").code == 0
    assert "name it with --model llama-server+http" in refused("verify", saved["a"])
    assert "127.0.0.1" not in Path(saved["a"]).read_text()


def test_compare_map_and_grid(server: ScriptedServer, invoke: Any) -> None:
    common = ("abc", "-m", server.name, "--seed", "3", "--max-tokens", "3", *FEW)
    compared = json.loads(invoke("compare", *common, "--vary", "temperature=0.3,2.5", "--json").out)
    assert len(compared["lanes"]) == 2
    mapped = invoke("map", *common, "--knob", "temperature", "--range", "0.1:2", "--json")
    assert mapped.code == 0, mapped
    assert json.loads(mapped.out)["pieces"]
    grid = json.loads(invoke("grid", *common, "--vary", "top_k=1,40", "--seeds", "2", "--json").out)
    assert len(grid["cells"]) == 4


def test_doctor_finds_out_what_it_can_do(server: ScriptedServer, invoke: Any) -> None:
    called = invoke("doctor", "-m", server.name, "--n-probs", "100", "--check-length", "40", "--json")
    found = json.loads(called.out)
    assert (found["engine"], found["build"], found["model"]) == ("llama-server", "b9999-abc", "scripted.gguf")
    assert found["capabilities"]["n_probs"] == 100
    assert found["capabilities"]["absolute"] is True
    assert (found["exact"], found["checked_tokens"]) == (True, 40)
    assert "guidance_scale" in found["lacks"]
    shown = invoke("doctor", "-m", server.name, "--n-probs", "100", "--check-length", "40", lang="ja")
    assert "使えないつまみ" in shown.out
    assert "127.0.0.1" not in called.out + shown.out


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("llama-server+http://me:hunter2@127.0.0.1:1", "holds no user, password or query"),
        ("ollama+http://127.0.0.1:1", "model's name there stands behind"),
    ],
)
def test_a_name_that_cannot_be_is_refused(refused: Any, name: str, says: str) -> None:
    line = refused("run", "abc", "-m", name)
    assert says in line
    assert "hunter2" not in line


def test_what_belongs_to_the_server_is_refused(server: ScriptedServer, refused: Any) -> None:
    assert "--threads is the affair of the server" in refused("run", "abc", "-m", server.name, "--threads", "2")


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_with_fast_the_server_chooses_and_nothing_more_is_asked(server: ScriptedServer, invoke: Any, lang: str) -> None:
    server.asked.clear()
    called = invoke("run", "abc", "-m", server.name, "--fast", "--max-tokens", "5", lang=lang)
    assert called.code == 0, called
    assert called.out.endswith("\n")
    assert ("chosen by the server" if lang == "en" else "選んだのはサーバー") in called.err
    assert sum(body.get("stream", False) for _, body in server.asked) == 1
    rows = [body for path, body in server.asked if path == "/completion" and body.get("n_probs", 0) > 64]
    assert len(rows) == 1  # the one that names the vocabulary


def test_with_fast_what_is_asked_for_is_computed_afterwards(
    server: ScriptedServer, invoke: Any, refused: Any, tmp_path: Path
) -> None:
    kept = tmp_path / "run.json"
    call = ("run", "abc", "-m", server.name, "--fast", "--max-tokens", "3", "--seed", "3", "--n-probs", "100")
    called = invoke(*call, "--ledger", "-o", str(kept))
    assert called.code == 0, called
    run = json.loads(kept.read_text())
    assert [step["id"] for step in run["steps"]] == run["receipt"]["begun"]
    assert "temperature" in called.err
    assert "the first 2 of 3" in called.err
    assert invoke("verify", str(kept), "-m", server.name, "--n-probs", "100").code == 0
    assert json.loads(invoke(*call, "--json").out)["steps"] == run["steps"]
    assert "needs the vocabulary of a model that is here" in refused(*call, "--grammar", 'root ::= "a"', "--json")


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
def test_with_a_vocabulary_that_is_here_the_commands_work_on_servers_that_tell_rows_by_ids(
    invoke: Any, kind: str, tmp_path: Path
) -> None:
    native = NativeModel(resolve("smollm2").path, vocab_only=True)
    vocab, kept = native.vocab, str(tmp_path / "run.json")

    def script(tokens: tuple[int, ...]) -> Any:
        return np.random.default_rng(sum(tokens)).standard_normal(vocab.n_tokens) * 4

    def tokenize(text: str) -> list[int]:
        return vocab.tokenize(text.encode(), add_special=False, parse_special=False)

    with contextlib.closing(native), id_server(script, tokenize) as server:
        there = ("-m", f"{kind}+http://127.0.0.1:{server.port}", "--vocabulary", "smollm2")
        few = ("abc", "--seed", "3", "--max-tokens", "3", "--repeat-penalty", "1", "--no-history")
        ran = invoke("run", *few, *there, "--ledger", "-o", kept)
        assert ran.code == 0, ran
        assert "unseen" in ran.err
        assert invoke("verify", kept, *there).code == 0
        compared = json.loads(invoke("compare", *few, *there, "--vary", "temperature=0.3,2.5", "--json").out)
        assert len(compared["lanes"]) == 2
        assert len(json.loads(invoke("grid", *few, *there, "--vary", "top_k=1,40", "--json").out)["cells"]) == 2
        found = json.loads(invoke("doctor", *there, "--json", "--check-length", "40").out)
    assert (found["engine"], found["capabilities"]["n_probs"]) == ({"vllm": "vLLM", "sglang": "SGLang"}[kind], 1000)
    assert found["generation_per_second_with_repeat_penalty"] is None
    assert "repeat_penalty" in found["lacks"]


def test_with_fast_the_text_alone_can_be_kept_and_no_rows_are_asked_for(
    server: ScriptedServer, invoke: Any, tmp_path: Path
) -> None:
    kept = tmp_path / "reply.txt"
    server.asked.clear()
    called = invoke("run", "abc", "-m", server.name, "--fast", "--max-tokens", "5", "-o", str(kept))
    assert called.code == 0, called
    assert kept.read_text("utf-8") == called.out
    rows = [body for path, body in server.asked if path == "/completion" and body.get("n_probs", 0) > 64]
    assert len(rows) == 1  # the one that names the vocabulary
