"""The header reader: what a good file says, and a reason for every bad one."""

from __future__ import annotations

import os
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.gguf_writer import (
    ARCHITECTURE,
    ARRAY,
    BOOL,
    F16,
    F32,
    FLOAT32,
    INT32,
    Q4_0,
    Q8_0,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    array,
    gguf,
    model,
    pair,
    string,
    text,
    u32,
    u64,
)

from tsumami.errors import ModelError, ModelFormatError, ModelNotFoundError
from tsumami.models.finding import resolve
from tsumami.models.gguf import GGUFHeader, TensorInfo, Unread, read_header

RICH = gguf(
    (
        ARCHITECTURE,
        text("general.name", "つまみ"),
        text("general.license", "mit"),
        pair("llama.context_length", UINT32, u32(2048)),
        pair("general.file_type", UINT32, u32(7)),
        pair("flag", BOOL, b"\x01"),
        pair("rope", FLOAT32, struct.pack("<f", 0.5)),
        pair("big", UINT64, u64(2**64 - 1)),
        array("languages", STRING, 2, string("ja") + string("en")),
        array("tokens", STRING, 3000, string("x") * 3000),
        array("types", INT32, 3000, bytes(12000)),
        array("heads", UINT8, 3, b"\x01\x02\x03"),
    ),
    (("a", (64, 2), Q8_0, 0), ("b", (8,), F32, 160)),
    data=192,
)


def write(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


def test_a_header_tells_its_metadata_and_tensors(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, RICH))
    assert (header.version, header.architecture, header.license) == (3, "llama", "mit")
    assert header.metadata["general.name"] == "つまみ"
    assert (header.quantization, header.kind) == ("Q8_0", "model")
    assert header.metadata["flag"] is True
    assert (header.metadata["rope"], header.metadata["big"]) == (0.5, 2**64 - 1)
    assert (header.metadata["languages"], header.metadata["heads"]) == (("ja", "en"), (1, 2, 3))
    assert header.tensors == (
        TensorInfo("a", (64, 2), "Q8_0", 0, 136),
        TensorInfo("b", (8,), "F32", 160, 32),
    )
    assert header.expected_size == len(RICH)
    assert header.data_offset == len(RICH) - 192


def test_long_arrays_are_passed_over_and_located(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, RICH))
    tokens, types = header.metadata["tokens"], header.metadata["types"]
    assert isinstance(tokens, Unread)
    assert isinstance(types, Unread)
    assert (tokens.kind, tokens.count, types.kind, types.count) == ("string", 3000, "int32", 3000)
    assert RICH[tokens.offset : tokens.offset + 9] == string("x")


def test_a_long_string_is_passed_over_and_located(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, model(text("template", "t" * 2**21))))
    assert header.metadata["template"] == Unread("string", 2**21, 24 + len(ARCHITECTURE) + len("template") + 20)


def test_strings_that_are_not_utf8_are_read_with_replacements(tmp_path: Path) -> None:
    assert read_header(write(tmp_path, model(text("general.name", b"\xff!")))).text("general.name") == "\ufffd!"


def test_version_2_is_read(tmp_path: Path) -> None:
    assert read_header(write(tmp_path, gguf(version=2))).version == 2


def test_without_a_file_type_the_type_of_most_weights_names_the_quantisation(tmp_path: Path) -> None:
    data = gguf(tensors=(("a", (32, 4), Q4_0, 0), ("b", (8,), F16, 96)), data=112)
    assert read_header(write(tmp_path, data)).quantization == "Q4_0"


def test_a_tensor_type_from_the_future_is_left_to_llama_cpp(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, gguf(tensors=(("a", (7,), 99, 0),), data=0)))
    assert header.tensors[0] == TensorInfo("a", (7,), "type 99", 0, None)


def test_the_bundled_model_is_read() -> None:
    header = read_header(resolve("smollm2").path)
    assert (header.architecture, header.quantization) == ("llama", "Q4_1")
    assert (header.license, len(header.tensors)) == ("apache-2.0", 272)
    assert header.expected_size == resolve("smollm2").size


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"G", "starts with b'G'", id="one byte"),
        pytest.param(b"GGUF", "truncated", id="magic only"),
        pytest.param(b"hello, this is a text file", "starts with b'hell'", id="text"),
        pytest.param(b"<!DOCTYPE html>", "web page", id="web page"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", id="LFS pointer"),
        pytest.param(b"PK\x03\x04" + bytes(60), "ZIP", id="zip"),
        pytest.param(b"tjgg" + bytes(60), "GGJT", id="ggjt"),
        pytest.param(u64(99) + b'{"w": 1}', "safetensors", id="safetensors"),
        pytest.param(gguf(version=1), "version is 1", id="version 1"),
        pytest.param(gguf(version=9), "version is 9", id="version 9"),
        pytest.param(b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "big-endian", id="big-endian"),
        pytest.param(gguf(n_pairs=2**63), "claims 9,223,372,036,854,775,808 metadata pairs", id="pairs"),
        pytest.param(gguf(n_tensors=2**64 - 1), "tensors; at most", id="tensors"),
        pytest.param(gguf(n_tensors=100_000), "list of 100,000 tensors", id="more tensors than bytes"),
        pytest.param(gguf((text("general.name", "x"),)), "no general.architecture", id="no architecture"),
        pytest.param(gguf((ARCHITECTURE, ARCHITECTURE)), "'general.architecture') is twice there", id="twice"),
        pytest.param(gguf((ARCHITECTURE, text("", "x"))), "is empty", id="empty key"),
        pytest.param(gguf((ARCHITECTURE, text("k" * 65536, "x"))), "key 1 is 65,536 bytes", id="long key"),
        pytest.param(gguf((ARCHITECTURE, pair("k", 77, b""))), "unknown value type 77", id="value type"),
        pytest.param(gguf((ARCHITECTURE, array("k", ARRAY, 1, b""))), "array of the unknown value type 9", id="nested"),
        pytest.param(gguf((ARCHITECTURE, pair("k", STRING, u64(2**62)))), "string 'k'", id="endless string"),
        pytest.param(gguf((ARCHITECTURE, array("k", INT32, 2**62, b""))), "array 'k'", id="endless numbers"),
        pytest.param(gguf((ARCHITECTURE, array("k", STRING, 2**61, b""))), "array 'k'", id="endless strings"),
        pytest.param(gguf((ARCHITECTURE, array("k", STRING, 2, u64(2**63) * 2))), "array 'k'", id="long in array"),
        pytest.param(model(pair("general.alignment", UINT32, u32(24))), "power of two", id="alignment"),
        pytest.param(gguf(tensors=(("w" * 64, (1,), F32, 0),)), "64 bytes long", id="long tensor name"),
        pytest.param(gguf(tensors=(("w", (1,) * 5, F32, 0),)), "5 dimensions", id="dimensions"),
        pytest.param(gguf(tensors=(("w", (2**63,), F32, 0),)), "impossible shape", id="negative dimension"),
        pytest.param(gguf(tensors=(("w", (2**40, 2**40), F32, 0),)), "impossible shape", id="shape"),
        pytest.param(gguf(tensors=(("w", (33,), Q4_0, 0),)), "rows of 33 weights", id="row"),
        pytest.param(gguf(tensors=(("w", (1,), F32, 4),)), "not a multiple of 32", id="unaligned"),
        pytest.param(gguf(tensors=(("w", (1,), F32, 0),) * 2), "'w' is there twice", id="same tensor twice"),
        pytest.param(gguf(tensors=(("w", (2**40,), F32, 0),)), "is truncated: its tensors need", id="huge tensor"),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        read_header(write(tmp_path, data))
    assert reason in str(caught.value)
    assert "model.gguf" in str(caught.value)


def test_a_truncated_file_is_told_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError) as caught:
        read_header(write(tmp_path, RICH[:-1]))
    assert f"need {len(RICH):,} bytes and the file has {len(RICH) - 1:,}" in str(caught.value)


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "loop.gguf").symlink_to("loop.gguf")
    for name, error, reason in (
        ("nothing.gguf", ModelNotFoundError, "no such file"),
        (".", ModelNotFoundError, "is a folder"),
        ("pipe.gguf", ModelNotFoundError, "not a regular file"),
        ("loop.gguf", ModelError, "cannot be read"),
        ("zero\0byte", ModelError, "cannot be read"),
    ):
        with pytest.raises(error, match=reason):
            read_header(tmp_path / name)


FUZZ = settings(max_examples=300, deadline=timedelta(seconds=30))


def header_or_reason(folder: Path, data: bytes) -> None:
    path = write(folder, data)
    try:
        header = read_header(path)
    except ModelFormatError:
        return
    assert isinstance(header, GGUFHeader)


@FUZZ
@given(data=st.binary(max_size=400))
@example(data=b"")
def test_any_bytes_give_a_header_or_a_reason(folder: Path, data: bytes) -> None:
    header_or_reason(folder, data)
    header_or_reason(folder, b"GGUF" + u32(3) + data)
    header_or_reason(folder, b"GGUF" + u32(3) + u64(1) + u64(2) + ARCHITECTURE + data)


@FUZZ
@given(end=st.integers(0, len(RICH) - 1))
def test_any_truncation_gives_a_reason(folder: Path, end: int) -> None:
    with pytest.raises(ModelFormatError):
        read_header(write(folder, RICH[:end]))


@FUZZ
@given(flips=st.lists(st.integers(0, (len(RICH) - 192) * 8 - 1), min_size=1, max_size=4))
def test_any_flipped_bits_give_a_header_or_a_reason(folder: Path, flips: list[int]) -> None:
    data = bytearray(RICH)
    for flip in flips:
        data[flip // 8] ^= 1 << flip % 8
    header_or_reason(folder, bytes(data))


@FUZZ
@given(
    position=st.integers(0, len(RICH) - 200), value=st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**61, 2**63, 2**64 - 1])
)
def test_any_absurd_number_gives_a_header_or_a_reason(folder: Path, position: int, value: int) -> None:
    header_or_reason(folder, RICH[:position] + u64(value) + RICH[position + 8 :])


def test_templates_beside_the_default_one_are_named(tmp_path: Path) -> None:
    extra = [text(f"tokenizer.chat_template{name}", "x") for name in ("", ".tool_use", ".rag")]
    assert read_header(write(tmp_path, model(*extra))).templates == ("rag", "tool_use")
    assert read_header(write(tmp_path, model(extra[0]))).templates == ()
