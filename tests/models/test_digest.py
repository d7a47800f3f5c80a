"""The weights' sha256 and its memory."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tsumami.errors import ModelError, ModelNotFoundError
from tsumami.models.digest import fingerprint
from tsumami.storage import cache_directory

DATA = b"weights" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()
LONG_AGO = 1_600_000_000_000_000_000


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "model.gguf"
    path.write_bytes(DATA)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


def memory() -> Path:
    return cache_directory() / "fingerprints.json"


def forge(digest: str) -> None:
    """Put a wrong digest into the memory: the one way to see from outside whether it is used."""
    kept = json.loads(memory().read_text())
    memory().write_text(json.dumps({path: entry | {"sha256": digest} for path, entry in kept.items()}))


def test_it_is_the_sha256_of_the_file(file: Path) -> None:
    assert fingerprint(file) == fingerprint(str(file)) == DIGEST


def test_it_is_remembered_also_through_a_link(file: Path, tmp_path: Path) -> None:
    fingerprint(file)
    forge("a" * 64)
    link = tmp_path / "link.gguf"
    link.symlink_to(file)
    assert fingerprint(link) == "a" * 64


@pytest.mark.parametrize(("data", "time"), [(DATA + b"!", LONG_AGO), (DATA, LONG_AGO + 1)], ids=["size", "time"])
def test_a_changed_file_is_hashed_again(file: Path, data: bytes, time: int) -> None:
    fingerprint(file)
    forge("a" * 64)
    file.write_bytes(data)
    os.utime(file, ns=(time, time))
    assert fingerprint(file) == hashlib.sha256(data).hexdigest()


def test_a_file_written_this_moment_is_not_remembered(file: Path) -> None:
    file.write_bytes(DATA)
    assert fingerprint(file) == DIGEST
    assert not memory().exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"x": 1}'])
def test_a_broken_memory_is_ignored_and_replaced(file: Path, content: bytes) -> None:
    memory().parent.mkdir()
    memory().write_bytes(content)
    assert fingerprint(file) == DIGEST
    assert json.loads(memory().read_text())[str(file.resolve())]["sha256"] == DIGEST
    assert [path.name for path in memory().parent.iterdir()] == ["fingerprints.json"]


def test_a_remembered_value_that_is_no_digest_is_ignored(file: Path) -> None:
    fingerprint(file)
    forge("nonsense")
    assert fingerprint(file) == DIGEST


def test_without_a_place_to_remember_it_is_hashed_all_the_same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(file / "below a file"))
    assert fingerprint(file) == DIGEST


def test_a_split_model_has_a_fingerprint_of_all_its_shards_in_order(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "second.gguf"
    other.write_bytes(b"more")
    both = hashlib.sha256((DIGEST + hashlib.sha256(b"more").hexdigest()).encode()).hexdigest()
    assert fingerprint(file, other) == both != fingerprint(other, file)


def test_progress_ends_with_all_bytes(file: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fingerprint(file, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(DATA), len(DATA))


def test_what_cannot_be_read_is_an_error_of_ours(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such file"):
        fingerprint(tmp_path / "nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        fingerprint(tmp_path)
