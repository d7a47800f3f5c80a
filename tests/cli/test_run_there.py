"""`tsumami run` on an engine that generates by itself: its text, what it tells, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.text_servers import TextServerProcess, text_server


@pytest.fixture(scope="module")
def behind() -> Iterator[TextServerProcess]:
    with text_server() as made:
        yield made


@pytest.fixture
def name(behind: TextServerProcess) -> str:
    return f"ollama+http://127.0.0.1:{behind.port}/gemma3:1b"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_text_and_what_was_told(invoke: Any, name: str, behind: TextServerProcess, lang: str) -> None:
    called = invoke("run", "Say hello", "-m", name, "-t", "model", "--ledger", "--xtc-probability", "0.5", lang=lang)
    assert (called.code, called.out) == (0, "Hello\n")
    assert (
        "no ledger, no promise of repeats" if lang == "en" else "台帳も、同じ文章がまた出る約束もない"
    ) in called.err
    assert ("entropy, at least" if lang == "en" else "エントロピー（下限）") in called.err
    assert "xtc_probability" in called.err
    assert "127.0.0.1" not in called.err


def test_as_json_it_is_what_was_sent_and_told_and_no_run(invoke: Any, name: str) -> None:
    found = json.loads(invoke("run", "Say hello", "-m", name, "--json", "--temperature", "0.3", "--seed", "7").out)
    assert (found["text"], found["engine"], found["sent"]["seed"]) == ("Hello", "Ollama", 7)
    assert "receipt" not in found
    assert [one["text"] for one in found["tokens"]] == ["Hel", "lo"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "x", "-o", "x.json"), "no token ids"),
        (("run", "x", "-t", "llama2"), "needs raw or model"),
        (("compare", "x", "--vary", "top_k=1,2", "--html"), "tells too little for a report"),
        (("compare", "x", "--vary", "top_k=1,2", "-o", "x.html"), "tells too little for a report"),
        (("compare", "x"), "a comparison has 2 to 8"),
        (("map", "x", "--knob", "temperature", "--range", "0:1"), "only `tsumami run` and `tsumami compare` can"),
        (("grid", "x", "--vary", "top_k=1,2"), "only `tsumami run` and `tsumami compare` can"),
    ],
    ids=str,
)
def test_what_needs_more_is_refused(refused: Any, name: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(*arguments, "-m", name)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_compare_shows_the_texts_and_where_they_part_and_gives_no_reason(invoke: Any, name: str, lang: str) -> None:
    called = invoke("compare", "Say hello", "-m", name, "-t", "model", "--vary", "temperature=0.5,1.9,0.7", lang=lang)
    assert called.code == 0, called
    lines = called.out.splitlines()
    assert lines[0] == "A  temperature=0.5"
    assert {"Hello", "Help"} <= set(lines)
    parted = "A and B part after 3 characters." if lang == "en" else "B は A と 3 文字目のあとで分かれた。"
    assert parted in called.out
    told = " ".join(called.out.split()) if lang == "en" else "".join(called.out.split())
    assert ("A has 'lo' (60.7%), B has 'p' (22.3%, 'lo' 60.7%)" if lang == "en" else "Bは'p'(22.3%,'lo'60.7%)") in told
    assert "C part" not in called.out
    assert ("why cannot be computed" if lang == "en" else "なぜかは計算できない") in called.err
    assert "127.0.0.1" not in called.out + called.err


def test_compare_as_json_says_what_was_sent_and_a_lane_that_fails_is_named(
    invoke: Any, name: str, behind: TextServerProcess
) -> None:
    call = ("compare", "Say hello", "-m", name, "--vary", "temperature=0.5,1.9", "--seeds", "3,", "--json")
    found = json.loads(invoke(*call).out)
    assert [lane["sent"]["temperature"] for lane in found["lanes"]] == [0.5, 1.9]
    assert {lane["sent"]["seed"] for lane in found["lanes"]} == {3}
    assert [(one["lane"], one["characters"], one["token"]) for one in found["partings"]] == [(1, 3, 1)]
    behind.instead = {}
    try:
        failed = invoke(*call)
    finally:
        behind.instead = None
    assert failed.code == 2
    assert [lane["told"] for lane in json.loads(failed.out)["lanes"]] == [None, None]
    assert "did not answer as documented" in json.loads(failed.out)["lanes"][0]["error"]


@pytest.mark.parametrize(
    ("kind", "end", "version", "models", "told"),
    [
        ("ollama", "/gemma3:1b", "0.12.11", ["gemma3:1b", "qwen3:4b"], "raw"),
        ("vllm", "", "0.11.0", ["owner/served"], "processed"),
        ("sglang", "", "0.5.4", ["owner/served"], "processed"),
        ("openai", "/v1/gpt-x", None, ["owner/served"], "processed"),
    ],
)
def test_doctor_finds_out_what_it_tells(
    invoke: Any, behind: TextServerProcess, kind: str, end: str, version: str | None, models: list[str], told: str
) -> None:
    name = f"{kind}+http://127.0.0.1:{behind.port}{end}"
    found = json.loads(invoke("doctor", "-m", name, "--json").out)
    assert (found["version"], found["models"], found["probabilities"]) == (version, models, told)
    assert (found["others_in_chat"], found["others_in_text"], found["repeats"]) == (2, 2, True)
    assert (found["token_ids"], found["rows"], found["ledger"]) == (False, False, False)
    assert "temperature" not in found["not_there"]
    assert "xtc_probability" in found["not_there"]
    shown = invoke("doctor", "-m", name, lang="ja")
    assert "台帳、レシート" in shown.out
    assert "127.0.0.1" not in shown.out + shown.err


def test_models_lists_those_of_an_engine_elsewhere(invoke: Any, refused: Any, behind: TextServerProcess) -> None:
    there = f"ollama+http://127.0.0.1:{behind.port}"
    called = invoke("models", "-m", there)
    assert called.out.splitlines() == ["gemma3:1b", "qwen3:4b"]
    assert "doctor" in called.err
    assert json.loads(invoke("models", "-m", there, "--json").out) == {
        "engine": "Ollama", "models": ["gemma3:1b", "qwen3:4b"],
    }  # fmt: skip
    assert "no name of an engine elsewhere" in refused("models", "-m", "smollm2")
