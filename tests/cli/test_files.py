"""Texts from outside: encodings, byte order marks, lines of a stream."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.cli.files import json_in, lines, read_prompt, read_text
from tsumami.errors import PromptError, SettingsError

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
LINES = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")))


@given(LINES, st.sampled_from(ENCODINGS), st.sampled_from(["\n", "\r\n"]))
def test_a_stream_has_the_lines_that_were_written(said: list[str], encoding: str, end: str) -> None:
    data = "".join(line + end for line in said).encode(encoding)
    assert list(lines(io.BytesIO(data), "stdin")) == said


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_line_is_there_before_the_next_one_is_written(encoding: str) -> None:
    stream = io.BytesIO("/seed 1\nਊ\n後".encode(encoding))  # U+0A0A holds the byte of a line end, twice
    found = lines(stream, "stdin")
    assert next(found) == "/seed 1"
    assert stream.tell() <= len("/seed 1\n".encode(encoding))
    assert list(found) == ["ਊ", "後"]


def test_joined_files_keep_no_mark_at_the_beginning_of_a_line() -> None:
    stream = io.BytesIO("a\n".encode("utf-8-sig") + "/exit\n".encode("utf-8-sig"))
    assert list(lines(stream, "stdin")) == ["a", "/exit"]


@pytest.mark.parametrize("data", [b"a\nb\x80\n", b"a\nb\xe3\x81", "a\nb".encode("utf-16") + b"x"])
def test_a_line_that_is_not_valid_is_named(data: bytes) -> None:
    with pytest.raises(PromptError, match=r"stdin line 2 is not valid UTF-\d+ at byte \d"):
        list(lines(io.BytesIO(data), "stdin"))


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-16-le"])
def test_prompts_and_settings_are_read_as_powershell_writes_them(tmp_path: Path, encoding: str) -> None:
    prompt, settings = tmp_path / "poem.txt", tmp_path / "settings.json"
    prompt.write_bytes("A poem, 詩\r\n".encode(encoding))
    settings.write_bytes(json.dumps({"stop": ["終"]}, ensure_ascii=False).encode(encoding))
    assert read_prompt(None, str(prompt)) == "A poem, 詩"
    assert json_in(read_text(str(settings)), str(settings)) == {"stop": ["終"]}


def test_half_a_file_in_utf_16_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "poem.txt"
    file.write_bytes("a poem".encode("utf-16")[:-1])
    with pytest.raises(SettingsError, match=r"poem\.txt is not valid UTF-16 at byte 12"):
        json_in(read_text(str(file), SettingsError), str(file))
