"""`tsumami settings`: other programs' settings, read, written and explained, with a word about what is lost."""

from __future__ import annotations

import json
import os
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.gguf_writer import ARCHITECTURE, FLOAT32, INT32, gguf, pair

from tsumami.cli.knobs import read_settings
from tsumami.errors import UnknownKnobError
from tsumami.exchange import DIALECTS

MODELFILE = "FROM llama3\nPARAMETER temperature 0.7\nPARAMETER mirostat 2\nPARAMETER num_ctx 4096\n"


@pytest.fixture
def modelfile(tmp_path: Path) -> str:
    path = tmp_path / "Modelfile"
    path.write_text(MODELFILE, "utf-8")
    return str(path)


def test_a_modelfile_becomes_ours_and_the_report_stands_on_stderr(invoke: Any, modelfile: str) -> None:
    called = invoke("settings", "convert", modelfile)
    assert called.code == 0
    assert json.loads(called.out)["temperature"] == 0.7
    assert "from ollama-modelfile" in called.err
    assert "ignored by that program itself: mirostat 2" in called.err
    assert "no sampling setting: FROM, num_ctx" in called.err


def test_the_ending_of_the_file_says_the_dialect(invoke: Any, modelfile: str, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    assert invoke("settings", "convert", modelfile, "-o", str(out)).code == 0
    assert "temperature: 0.7" in out.read_text("utf-8")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_written_and_read_again(invoke: Any, modelfile: str, tmp_path: Path, dialect: str) -> None:
    out = tmp_path / "out"
    assert invoke("settings", "convert", modelfile, "--to", dialect, "-o", str(out)).code == 0
    again = invoke("settings", "convert", str(out), "--from", dialect)
    assert json.loads(again.out)["temperature"] == 0.7


def recommending(folder: Path, *pairs: bytes) -> str:
    path = folder / "model.gguf"
    path.write_bytes(gguf((ARCHITECTURE, *pairs)))
    return str(path)


def test_a_gguf_files_own_recommendation_is_a_file_of_settings(invoke: Any, tmp_path: Path) -> None:
    path = recommending(
        tmp_path,
        pair("general.sampling.temp", FLOAT32, struct.pack("<f", 0.5)),
        pair("general.sampling.top_k", INT32, struct.pack("<i", 20)),
    )
    found = read_settings(path)
    assert (found["temperature"], found["top_k"]) == (0.5, 20)
    called = invoke("settings", "explain", path)
    assert called.code == 0
    assert "from gguf" in called.err


def test_settings_may_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_text, args=('{"top_k": 7}',), daemon=True).start()
    assert read_settings(str(tmp_path / "pipe"))["top_k"] == 7


def test_a_gguf_file_that_recommends_nothing_says_so(invoke: Any, tmp_path: Path) -> None:
    called = invoke("settings", "convert", recommending(tmp_path))
    assert (called.code, "recommends no settings" in called.err) == (2, True)


def test_json_holds_the_notes(invoke: Any, modelfile: str) -> None:
    found = json.loads(invoke("settings", "convert", modelfile, "--to", "openai", "--json").out)
    assert (found["dialect"], found["to"]) == ("ollama-modelfile", "openai")
    assert {"fate", "foreign", "knob", "ja", "en"} <= set(found["notes"][0])
    assert {note["knob"] for note in found["lost"] if note["fate"] == "lost"} >= {"top_k"}


@pytest.mark.parametrize(("language", "word"), [("ja", "働かない"), ("en", "does nothing")])
def test_explain_says_what_each_knob_does_and_which_does_nothing(
    invoke: Any, tmp_path: Path, language: str, word: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"temperature": 0, "top_k": 7}', "utf-8")
    called = invoke("settings", "explain", str(path), lang=language)
    assert "top_k = 7" in called.out
    assert word in called.out


def test_dialects_are_listed(invoke: Any) -> None:
    out = invoke("settings", "dialects").out
    assert all(name in out for name in DIALECTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("convert",), "needs a file"),
        (("nonsense", "x"), "none of convert, explain, dialects"),
        (("convert", "no-such-file"), "cannot be read"),
    ],
)
def test_what_is_missing_is_said(invoke: Any, arguments: tuple[str, ...], words: str) -> None:
    called = invoke("settings", *arguments)
    assert called.code == 2
    assert words in called.err


def test_any_command_takes_another_programs_settings_and_says_what_is_lost(
    modelfile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_settings(modelfile)
    assert (found["temperature"], found["top_p"], found["repeat_penalty"]) == (0.7, 0.9, 1.0)
    said = capsys.readouterr().err
    assert "from ollama-modelfile" in said
    assert "mirostat" in said


def test_our_own_file_with_a_slip_of_the_pen_is_not_taken_for_another_programs(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"temprature": 0.3, "top_k": 5}', "utf-8")
    with pytest.raises(UnknownKnobError, match="temperature"):
        read_settings(str(path))
