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
        (("compare", "x", "--vary", "top_k=1,2"), "only `tsumami run` can use it"),
        (("doctor",), "only `tsumami run` can use it"),
    ],
    ids=str,
)
def test_what_needs_more_is_refused(refused: Any, name: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(*arguments, "-m", name)
