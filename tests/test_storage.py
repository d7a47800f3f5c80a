"""Memories and the files that replace others."""

from __future__ import annotations

import codecs
import errno
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.storage import check_replaceable, decoded, recall, remember, replace_file, replacing

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"))


@given(TEXTS, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_a_text_is_read_as_its_byte_order_mark_says(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF16_BE + "見る a\n".encode("utf-16-be"),
        codecs.BOM_UTF32_BE + "見る a\n".encode("utf-32-be"),
        "見る a\n".encode(),
        "\ufeff見る a\n",
    ],
)
def test_a_mark_is_no_part_of_the_text(data: str | bytes) -> None:
    assert decoded(data) == "見る a\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_without_a_mark_null_bytes_tell(encoding: str) -> None:
    assert decoded('{"a": "見る"}'.encode(encoding)) == '{"a": "見る"}'


def test_what_is_in_no_unicode_encoding_is_refused_at_its_byte() -> None:
    with pytest.raises(UnicodeDecodeError) as refused:
        decoded("a見".encode("cp932"))
    assert (refused.value.encoding, refused.value.start) == ("utf-8", 1)


def test_what_is_remembered_is_recalled_beside_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))
    remember("speeds", "a", [1, 2])
    remember("speeds", "b", "つまみ")
    assert recall("speeds") == {"a": [1, 2], "b": "つまみ"}


def test_without_a_home_nothing_is_remembered_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("TSUMAMI_CACHE", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", no_home)
    monkeypatch.chdir(tmp_path)
    remember("speeds", "a", 1)
    assert recall("speeds") == {}
    assert list(tmp_path.iterdir()) == []


def test_a_replaced_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    usual, made = tmp_path / "usual", tmp_path / "made"
    before = os.umask(0o027)
    try:
        usual.write_text("a")
        replace_file(made, "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode) == 0o640


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")

    def fail() -> None:
        with replacing(target) as file:
            file.write(b"half")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_utf8_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    with pytest.raises(ValueError, match="surrogates"):
        replace_file(target, "\ud800")
    assert target.read_text() == "old"


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may become larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    with room_for(1000), pytest.raises(OSError, match="too large") as refused:
        replace_file(target, "x" * 100_000)
    assert refused.value.errno == errno.EFBIG
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_keeps_its_rights_and_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "run.json", tmp_path / "last.json"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    replace_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_replaceable(pipe)
        replace_file(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_name_may_have_any_bytes_and_any_length_that_a_file_may_have(tmp_path: Path) -> None:
    for name in (os.fsdecode("モデル".encode("cp932")), "長" * 85):
        check_replaceable(tmp_path / name)
        replace_file(tmp_path / name, "text")
        assert (tmp_path / name).read_text() == "text"


@pytest.mark.parametrize("name", ["nowhere/a.json", ".", "a" * 300, "a\0b"])
def test_what_cannot_be_written_is_known_before(tmp_path: Path, name: str) -> None:
    for attempt in (check_replaceable, lambda target: replace_file(target, "text")):
        with pytest.raises((OSError, ValueError)):
            attempt(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_may_only_be_read_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anything
    for attempt in (check_replaceable, lambda target: replace_file(target, "text")):
        with pytest.raises(PermissionError):
            attempt(target)
    assert target.read_text() == "old"
