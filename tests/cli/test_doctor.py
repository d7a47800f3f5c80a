"""`tsumami doctor`: checks and measures now."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from tests.engine import tiny_model
from tests.support.adapters import write_for

from tsumami.cli import doctor
from tsumami.cli.doctor import optional_parts
from tsumami.engine import Exactness


def test_the_report_has_all_that_was_asked_for(invoke: Any) -> None:
    called = invoke("doctor", "--json", "--check-length", "48")
    assert called.code == 0
    found = json.loads(called.out)
    assert found["exact"] is True
    assert found["checked_tokens"] == 48
    assert (found["mode"], found["quantization"], found["n_ctx"]) == ("exact", "Q4_1", 4096)
    assert found["n_cells"] >= found["n_ctx"]
    assert len(found["fingerprint"]) == 64
    assert found["recommended"] == {}
    assert found["threads"] >= 1
    assert found["features"]
    assert found["binding"]
    assert found["environment"]["GGML_CPU_TILED_MM"]
    assert found["prompt_per_second"] > 0
    assert found["generation_per_second"] > 0
    assert {part["name"].split()[0] for part in found["parts"]} >= {"gemma", "listening", "speaking"}


@pytest.mark.parametrize(("language", "words"), [("en", "not exact: fast mode"), ("ja", "exact ではない: 速度優先")])
def test_fast_mode_is_not_exact_and_says_the_remedy(invoke: Any, language: str, words: str) -> None:
    called = invoke("doctor", "--fast", "--n-ctx", "512", lang=language)
    assert called.code == 0
    told = re.sub(r"\s", "", called.out)
    assert words.replace(" ", "") in told
    assert ("loadthemodelwithoutfast" if language == "en" else "読み込み直して") in told


def test_the_check_runs_afresh(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = Exactness(False, "理由", "the reason", "対処", "the remedy", ("forked",))
    monkeypatch.setattr("tsumami.engine.exactness.check_exactness", lambda *_, **__: verdict)
    called = invoke("doctor", "--n-ctx", "512")
    assert "not exact: the reason" in called.out
    assert "the remedy" in called.out


def test_every_part_says_how_to_get_it() -> None:
    assert all(part.install.startswith(("pip install ", "apt install ")) for part in optional_parts())


@pytest.mark.parametrize(
    ("default", "others", "words"),
    [
        (True, (), "one, which is used"),
        (True, ("rag", "tool_use"), "the default one is used; also there, not used: rag, tool_use"),
        (False, ("rag",), "no default one, only for other uses: rag"),
        (False, (), "none: choose the prompt format raw or llama2"),
    ],
)
def test_it_says_which_chat_templates_there_are_and_which_is_used(
    default: bool, others: tuple[str, ...], words: str
) -> None:
    found = Mock(chat_template=default, other_templates=others)
    assert doctor._templates(found).startswith(words)


def test_adapters_are_named_with_their_scale_and_sha256(invoke: Any, tmp_path: Path) -> None:
    path = tiny_model.write(tmp_path / "tiny.gguf", tiny_model.SENSITIVE)
    style = write_for(tmp_path / "style.gguf", path, ["blk.0.attn_q.weight"], rank=3)
    said = ("doctor", "--json", "--model", str(path), "--threads", "1", "--n-ctx", "512", "--check-length", "40")
    (found,) = json.loads(invoke(*said, "--lora", f"{style}:0.5").out)["adapters"]
    assert (found["name"], found["scale"]) == ("style.gguf", 0.5)
    assert found["fingerprint"] == hashlib.sha256(style.read_bytes()).hexdigest()
    refused = invoke("run", "--model", str(path), "--lora", str(path), "x")
    assert refused.code == 2
    assert "not an adapter" in refused.err
