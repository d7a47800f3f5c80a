"""What a list says of files: read from how they begin, whatever they hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gguf_writer import ARRAY, STRING, UINT32, MiB, array, model, string, text, u32, u64

from tsumami.models.facts import FileFacts, _facts, file_facts

LANGUAGES = array("general.languages", STRING, 2, string("ja") + string("en"))
FILE_TYPE = string("general.file_type") + u32(UINT32) + u32(15)
SAID = (FILE_TYPE, text("general.license", "mit"), LANGUAGES)
LONG = array("tokenizer.ggml.tokens", STRING, 200_000, b"".join(string(f"token {n}") for n in range(200_000)))


def written(folder: Path, *pairs: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(model(*pairs))
    return path


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    assert file_facts(written(tmp_path, *SAID)) == FileFacts("model", "llama", "Q4_K_M", "mit", ("ja", "en"))


def test_what_it_does_not_say_is_not_known(tmp_path: Path) -> None:
    assert file_facts(written(tmp_path)) == FileFacts("model", "llama")


def test_a_long_vocabulary_behind_it_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, *SAID, LONG)
    whole = path.read_bytes()
    assert len(whole) > MiB
    path.write_bytes(whole[: 1 << 16] + b"\xff" * MiB)
    assert file_facts(path) == FileFacts("model", "llama", "Q4_K_M", "mit", ("ja", "en"))


def test_what_lies_beyond_the_first_bytes_is_not_known(tmp_path: Path) -> None:
    found = file_facts(written(tmp_path, LONG, text("general.license", "mit")))
    assert found == FileFacts("model", "llama")


@pytest.mark.parametrize("value", ["\x1b[31mred\n\r\t", "\u202eevil", "x" * 10_000])
def test_nothing_of_a_file_does_anything_to_a_screen(tmp_path: Path, value: str) -> None:
    found = file_facts(written(tmp_path, text("general.license", value)))
    assert found is not None
    assert len(found.license or "") <= 40
    assert (found.license or "").isprintable()


def test_an_adapter_says_that_it_is_one(tmp_path: Path) -> None:
    found = file_facts(written(tmp_path, text("general.type", "adapter")))
    assert found is not None
    assert found.kind == "adapter"


def test_what_is_no_such_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PK\x03\x04")
    (tmp_path / "empty.gguf").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.gguf")
    for name in ("a.gguf", "empty.gguf", "pipe.gguf", "missing.gguf", "."):
        assert file_facts(tmp_path / name) is None


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = written(tmp_path, text("general.license", "mit"))
    _facts.cache_clear()
    assert file_facts(path) == file_facts(path)
    assert (_facts.cache_info().misses, _facts.cache_info().hits) == (1, 1)
    path.write_bytes(model(text("general.license", "apache-2.0")))
    found = file_facts(path)
    assert found is not None
    assert found.license == "apache-2.0"


@given(st.binary(max_size=300), st.integers(0, 2**40), st.integers(0, 2**64 - 1))
def test_no_bytes_make_it_fail(tmp_path_factory: pytest.TempPathFactory, tail: bytes, pairs: int, count: int) -> None:
    path = tmp_path_factory.mktemp("hostile") / "x.gguf"
    head = b"GGUF" + u32(3) + u64(1) + u64(pairs)
    path.write_bytes(head + tail + string("k") + u32(ARRAY) + u32(STRING) + u64(count))
    assert isinstance(file_facts(path), FileFacts)
