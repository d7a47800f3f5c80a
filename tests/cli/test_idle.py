"""A knob that was turned and does nothing is named, with the reason, by every command that generates."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import thinking_model

from tsumami.sweep.cluster import cluster

from .conftest import Invoke

XTC = ["--temperature", "0", "--xtc-probability", "1", "--max-tokens", "4"]
VARIED = ["--temperature", "0", "--max-tokens", "4"]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_run_says_that_xtc_does_nothing_at_temperature_0(invoke: Invoke, lang: str) -> None:
    said = invoke("run", "Once", *XTC, lang=lang)  # type: ignore[arg-type]  # a parameter of the test
    assert said.code == 0
    assert "xtc_probability: " in said.err
    assert ("temperature 0" in said.err) if lang == "en" else ("温度" in said.err or "temperature" in said.err)
    assert "xtc_probability: " not in said.out


def test_who_wants_quiet_has_quiet(invoke: Invoke) -> None:
    assert invoke("run", "Once", *XTC, "--quiet").err == ""


def test_nothing_is_said_of_what_acts(invoke: Invoke) -> None:
    assert "temperature: " not in invoke("run", "Once", "--temperature", "1.5", "--max-tokens", "2", "--seed", "1").err


@pytest.mark.parametrize(
    "command",
    [
        ["compare", "Once", "--vary", "xtc_probability=0,1"],
        ["grid", "Once", "--vary", "xtc_probability=0,1"],
        ["map", "Once", "--knob", "xtc_probability", "--range", "0.1:1"],
    ],
    ids=["compare", "grid", "map"],
)
def test_what_is_varied_and_does_nothing_is_named(invoke: Invoke, command: list[str]) -> None:
    said = invoke(*command, *VARIED)
    assert said.code == 0, said.err
    assert "xtc_probability: " in said.err


def test_a_knob_that_acts_in_one_of_the_lanes_is_not_called_idle(invoke: Invoke) -> None:
    said = invoke("compare", "Once", "--vary", "temperature=0,1", "--top-k", "5", "--max-tokens", "3", "--seed", "1")
    assert "top_k: " not in said.err


def test_audit_and_explain_say_it_of_saved_runs_and_chat_when_it_begins(invoke: Invoke, tmp_path: Path) -> None:
    for name, order in (("a", "1"), ("b", "0.5")):
        invoke("run", "Once", "--temperature", "0", "--xtc-probability", order, "--max-tokens", "3", "-q",
               "-o", str(tmp_path / f"{name}.json"))  # fmt: skip
    for command in (["audit", str(tmp_path / "a.json")],
                    ["explain", str(tmp_path / "a.json"), str(tmp_path / "b.json")]):  # fmt: skip
        said = invoke(*command)
        assert said.code == 0, said.err
        assert "xtc_probability: " in said.err, command
    assert "xtc_probability: " in invoke("chat", *XTC, stdin="/exit\n").err


def test_run_and_audit_say_whether_the_text_is_complete(invoke: Invoke, tmp_path: Path) -> None:
    path, grammar = str(tmp_path / "run.json"), 'root ::= "{}" [ ]*'
    never_end = [part for token in (0, 2, 4) for part in ("--logit-bias", f"{token}=-inf")]
    said = invoke("run", "x", "--grammar", grammar, *never_end, "--temperature", "0", "--max-tokens", "6", "-o", path)
    assert "grammar: complete from token 2 on; then only white space" in said.err
    assert "then only white space" in invoke("audit", path).out
    cut = invoke("run", "x", "--regex", "(ab){20}", "--temperature", "0", "--max-tokens", "1", lang="ja")
    assert "regex: まだ完結していない" in cut.err
    assert "tok/s" not in cut.err
    assert "1 トークン" in cut.err


def test_the_knobs_of_the_thinking_say_so_where_the_model_has_none(invoke: Invoke) -> None:
    said = invoke("run", "Hi", "--thinking-budget", "5", "--max-tokens", "1", "--seed", "0", "--threads", "1").err
    assert "thinking_budget: Neither this model's template nor its vocabulary marks any thinking" in said
    assert "thinking_settings" not in said


def test_a_chat_says_so_as_well(invoke: Invoke) -> None:
    said = invoke("chat", "--thinking-budget", "5", "--threads", "1", stdin="/set thinking=on\n/exit\n")
    assert "thinking_budget: Neither this model's template" in said.err
    assert "asks for enable_thinking" in said.out + said.err


THINKING = ["--thinking-budget", "5", "--max-tokens", "2", "--threads", "1"]
NO_THINKING = "thinking_budget: Neither this model's template nor its vocabulary marks any thinking"


def test_every_other_command_asks_its_model_as_well(invoke: Invoke, tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{seed}.json") for seed in range(2)]
    for seed, path in enumerate(paths):
        invoke("run", "Hi", *THINKING, "--seed", str(seed), "--temperature", "2", "-q", "-o", path)
    asked = {
        "map": ["map", "Hi", "--knob", "top_k", "--range", "1:2", *THINKING],
        "audit": ["audit", paths[0]],
        "explain": ["explain", *paths],
        "compare": ["compare", "--run", paths[0], "--run", paths[1]],
    }
    for name, command in asked.items():
        said = invoke(*command)
        assert said.code == 0, (name, said)
        assert NO_THINKING in said.err, name


def test_over_ray_the_workers_are_asked(invoke: Invoke) -> None:
    with cluster("local", 1):
        said = invoke("grid", "Hi", "--vary", "top_k=1,2", *THINKING, "--ray", "auto", "--workers", "1")
    assert said.code == 0, said
    assert NO_THINKING in said.err


def test_a_model_that_thinks_is_not_told_so(invoke: Invoke, tmp_path: Path) -> None:
    path = thinking_model.write(tmp_path / "thinker.gguf")
    said = invoke("run", "Hi", "-m", str(path), "-t", "model", "--n-ctx", "512", *THINKING, "--thinking", "on")
    assert said.code == 0, said
    assert "thinking_budget" not in said.err
    assert "thinking:" not in said.err
