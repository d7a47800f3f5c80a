"""Files for browsers: where they lie, and what is said where there is no room."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tsumami.app.work import own_folder as room
from tsumami.app.work.own_folder import hand_out, own_folder
from tsumami.errors import RunFileError, TsumamiError


def test_a_file_lies_in_the_folder_whatever_its_name_is() -> None:
    with own_folder():
        for name in ("図 1.csv", "../../../../b.txt"):
            place = Path(hand_out(name, "text"))
            assert room.folder() in place.parents
            assert (place.name, place.read_text("utf-8")) == (Path(name).name, "text")


def test_a_full_disk_is_said_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr(room, "replace_file", full)
    with own_folder(), pytest.raises(RunFileError, match=r"^grid\.csv cannot be written: No space left on device$"):
        hand_out("grid.csv", "text")


def test_without_a_temporary_folder_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(TsumamiError, match="set TMPDIR"), own_folder():
        pass
