"""Bad input: one clear line that names the value and the remedy, nothing on stdout, exit code 2."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import tsumami
from tsumami.cli.front import build

Refused = Callable[..., str]
PROMPT = "Once upon a time"


def gguf(architecture: str) -> bytes:
    """A complete GGUF file with one small tensor and an architecture."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = text("general.architecture") + struct.pack("<I", 8) + text(architecture)
    tensor = text("w") + struct.pack("<IQIQ", 1, 8, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes(32)


def test_no_such_file(refused: Refused) -> None:
    assert "nowhere/model.gguf" in refused("run", PROMPT, "-m", "nowhere/model.gguf")


def test_no_such_name(refused: Refused) -> None:
    assert "'gema'" in (line := refused("chat", "-m", "gema", stdin="hi\n"))
    assert "gemma" in line


@pytest.mark.parametrize("text", ["[1", "[1]", '"x"'])
def test_values_for_a_template_that_are_no_object(refused: Refused, text: str) -> None:
    assert "chat_template_kwargs" in refused("serve", "--chat-template-kwargs", text)


def test_not_a_gguf(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"PK\x03\x04 this is a zip")
    assert "m.gguf" in (line := refused("run", PROMPT, "-m", str(file)))
    assert "GGUF" in line


def test_a_truncated_gguf(refused: Refused, model: tsumami.Model, tmp_path: Path) -> None:
    from tsumami.models import resolve

    file = tmp_path / "half.gguf"
    file.write_bytes(resolve().path.read_bytes()[:4_000_000])
    assert "half.gguf" in (line := refused("doctor", "-m", str(file)))
    assert "truncated" in line or "incomplete" in line or "ends" in line


def test_an_unknown_architecture(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "strange.gguf"
    file.write_bytes(gguf("quux"))
    assert "quux" in refused("run", PROMPT, "-m", str(file))


def test_a_hub_name_that_cannot_be_reached(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "nobody/nothing:x.gguf" in (line := refused("run", PROMPT, "-m", "nobody/nothing:x.gguf"))
    assert "HF_HUB_OFFLINE" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--temprature", "1"], ["--temprature", "--temperature"]),
        (["--top-p", "1.5"], ["top_p", "1.5", "0 to 1"]),
        (["--temperature", "nan"], ["temperature", "nan", "0, or 1e-15 or more"]),
        (["--repeat-penalty", "0"], ["repeat_penalty", "1 does nothing"]),
        (["--seed", "x"], ["seed", "'x'", "whole number"]),
        (["--preset", "nope"], ["'nope'", "balanced"]),
        (["--penalty-alpha", "0.6", "--top-k", "1"], ["penalty_alpha", "top_k"]),
        (["--grammar", "root ::= ("], ["grammar", "line 1"]),
        (["--grammar", 'x ::= "a"'], ["grammar", "root"]),
        (["--json-schema", "{"], ["json_schema", "not JSON"]),
        (["--grammar", 'root ::= "a"', "--json-schema", "{}"], ["grammar and json_schema exclude each other"]),
        (["--logit-bias", "99999999=1"], ["99999999", "49151"]),
        (["--template", "lama2"], ["'lama2'", "llama2"]),
        (["--settings", "nowhere.json"], ["nowhere.json"]),
        (["--n-ctx", "10"], ["n_ctx = 10", "512"]),
        (["--n-ctx", "many"], ["--n-ctx", "whole number"]),
        (["--n-ctx", "100000000000"], ["n_ctx = 100000000000"]),
        (["--n-ctx", "1000000000"], ["n_ctx = 1000000000", "trained for 8,192 tokens"]),
        (["--threads", "0"], ["threads = 0", "1 to 512"]),
        (["-o", "nowhere/run.json"], ["nowhere/run.json", "cannot be written"]),
        (["--save-settings", "nowhere/s.json"], ["nowhere/s.json", "cannot be written"]),
        (["--file", "nowhere.txt"], ["given; give one"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_value_that_cannot_work(refused: Refused, arguments: list[str], words: list[str]) -> None:
    line = refused("run", PROMPT, *arguments)
    assert all(word in line for word in words), line


@pytest.mark.parametrize("arguments", [[""], ["--prompt", ""], [], ["-"], ["--template", "model", ""]])
def test_an_empty_prompt(refused: Refused, arguments: list[str]) -> None:
    assert "the prompt is empty" in refused("run", *arguments, stdin="")


def test_two_prompts(refused: Refused) -> None:
    assert "given twice" in refused("run", "a", "--prompt", "b")


def test_a_prompt_longer_than_the_context(refused: Refused) -> None:
    line = refused("run", "word " * 600, "--n-ctx", "512")
    assert "the prompt has 60" in line
    assert "511 fit" in line


def test_invalid_utf8(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_bytes("あ".encode() + b"\xff")
    assert "p.txt is not valid UTF-8 at byte 3 (0xff)" in refused("run", "--file", str(file))
    assert "stdin is not valid UTF-8 at byte 1" in refused("run", stdin=b"a\x80")
    assert "not valid" in refused("run", "a\udcff")


def test_a_broken_template(invoke: Callable[..., object], model: tsumami.Model) -> None:
    from tsumami.errors import TemplateError

    with pytest.raises(TemplateError, match=r"template"):
        model.prompt("hi", template=tsumami.prompts.ModelFormat("{% if %}"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no valid JSON"),
        ("{}", "an object with a `version`"),
        ('{"version": 99}', "version 99"),
        ('{"version": 1, "receipt": {}}', "receipt"),
    ],
)
def test_a_broken_run_file(refused: Refused, tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(content, "utf-8")
    assert words in refused("verify", str(file))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_run_file_is_read_as_any_editor_saves_it(refused: Refused, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(json.dumps({"version": 99}).encode(encoding))
    assert "version 99" in refused("verify", str(file))
    file.write_bytes("実行".encode("cp932"))
    assert "not valid utf-8 at byte 0" in refused("verify", str(file))


def test_no_run_file(refused: Refused) -> None:
    assert "nowhere.json cannot be read" in refused("verify", "nowhere.json")
    assert "RUN.JSON" in refused("verify")


def test_an_unknown_command(refused: Refused) -> None:
    assert "'run'" in refused("rnu")


def test_errors_are_marked_in_the_language(refused: Refused) -> None:
    assert refused("run", PROMPT, "--top-p", "2", lang="ja").startswith("エラー: top_p は 2.0 ですが、使えるのは")


def test_a_hostile_name_cannot_move_the_cursor(refused: Refused) -> None:
    line = refused("run", PROMPT, "-m", "a\x1b[2Jb\nc.gguf")
    assert "\x1b" not in line


def test_debug_shows_where_an_error_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from tsumami.errors import SettingsError

    monkeypatch.setenv("TSUMAMI_DEBUG", "1")
    result = CliRunner().invoke(build("en"), ["run", PROMPT, "--top-p", "2"])
    assert isinstance(result.exception, SettingsError)


def test_nothing_is_lost_that_was_there(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"precious": True}), "utf-8")
    refused("run", "", "-o", str(file))
    refused("run", "word " * 600, "--n-ctx", "512", "-o", str(file))
    assert json.loads(file.read_text("utf-8")) == {"precious": True}
    new = tmp_path / "new.json"
    refused("run", "word " * 600, "--n-ctx", "512", "-o", str(new))
    assert not new.exists()
