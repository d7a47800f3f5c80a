"""Memories and the files that replace others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tsumami.storage import recall, remember, replace_file, replacing


def test_what_is_remembered_is_recalled_beside_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path / "cache"))
    remember("speeds", "a", [1, 2])
    remember("speeds", "b", "つまみ")
    assert recall("speeds") == {"a": [1, 2], "b": "つまみ"}


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
