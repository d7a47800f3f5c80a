"""The folder of what browsers send and get is the server's own, and nothing stays in it."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from tsumami.app.work import own_folder as ours
from tsumami.app.work.own_folder import folder, hand_out, own_folder, tidy
from tsumami.errors import RunFileError, TsumamiError


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's temporary folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    return tmp_path


def test_a_folder_of_somebody_else_keeps_nothing_from_starting(temporary: Path) -> None:
    (temporary / "gradio").mkdir(mode=0o500)
    with own_folder():
        assert folder().parent == temporary
        assert folder().stat().st_mode & 0o077 == 0
        assert Path(hand_out("a.txt", "a")).parent.is_relative_to(folder())
    assert [path.name for path in temporary.iterdir()] == ["gradio"]


def test_a_file_goes_when_it_has_lain_there_for_a_while() -> None:
    with own_folder():
        old, new = (Path(hand_out(name, b"sound")) for name in ("old.wav", "new.wav"))
        before = time.time() - 7200
        os.utime(old, (before, before))
        tidy(3600)
        assert not old.exists()
        assert new.read_bytes() == b"sound"


def test_tidying_follows_no_link(temporary: Path) -> None:
    outside = temporary / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    with own_folder():
        (folder() / "link").symlink_to(outside)
        tidy(-60)
        assert not (folder() / "link").exists()
    assert (outside / "kept.txt").read_text() == "kept"


def test_what_a_killed_server_left_goes_with_the_next_start_and_what_a_running_one_has_stays(temporary: Path) -> None:
    left = temporary / "tsumami-left"
    left.mkdir()
    (left / ours._LOCK).touch()
    (left / "recording.wav").write_bytes(b"sound")
    foreign = temporary / "tsumami-notes"
    foreign.mkdir()
    with own_folder():
        running = folder()
        assert not left.exists()
        with own_folder():
            assert running.exists()
            assert folder() != running
        assert running.exists()
    assert foreign.exists(), "a folder that only has such a name is somebody's"


def test_a_file_lies_in_the_folder_whatever_its_name_is() -> None:
    with own_folder():
        for name in ("図 1.csv", "../../../../b.txt"):
            place = Path(hand_out(name, "text"))
            assert ours.folder() in place.parents
            assert (place.name, place.read_text("utf-8")) == (Path(name).name, "text")


def test_a_full_disk_is_said_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr(ours, "replace_file", full)
    with own_folder(), pytest.raises(RunFileError, match=r"^grid\.csv cannot be written: No space left on device$"):
        hand_out("grid.csv", "text")


def test_without_a_temporary_folder_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(TsumamiError, match="set TMPDIR"), own_folder():
        pass
