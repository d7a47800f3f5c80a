"""stdout and stderr when they are closed, full, or know few characters; what is said about files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.cli.front import need_no_home
from tsumami.cli.output import check_writable, save_file, write_json, write_json_text
from tsumami.errors import RunFileError

TSUMAMI = (sys.executable, "-c", "from tsumami.cli import main; main()")
BAD = ("run", "x", "--top-p", "3")


@pytest.fixture
def full() -> Iterator[IO[bytes]]:
    """A disk without room."""
    with Path("/dev/full").open("wb") as file:
        yield file


@pytest.mark.parametrize("arguments", [("--version",), ("models",), ("run", "--help")], ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_line(arguments: tuple[str, ...], full: IO[bytes]) -> None:
    done = subprocess.run(
        [*TSUMAMI, *arguments],
        stdout=full,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )
    assert (done.returncode, done.stderr) == (2, "Error: stdout cannot be written: No space left on device\n")


def test_a_full_disk_behind_stderr_changes_nothing(full: IO[bytes]) -> None:
    done = subprocess.run([*TSUMAMI, *BAD], stdout=subprocess.PIPE, stderr=full, check=False)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), ("<&- >&- 2>&-", 0), ("2>&-", 0)])
def test_streams_that_were_closed_are_nowhere(closed: str, code: int) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {closed}', "sh", *TSUMAMI, "--version"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, b"")


@given(st.dictionaries(st.text(), st.text()), st.sampled_from(["cp932", "ascii", "utf-8"]))
def test_json_stays_json_whatever_the_terminal_can_show(value: dict[str, str], encoding: str) -> None:
    raw = io.BytesIO()
    before, sys.stdout = sys.stdout, io.TextIOWrapper(raw, encoding, errors="backslashreplace", newline="\n")
    try:
        write_json(value)
        write_json_text(json.dumps(value, ensure_ascii=False))
        sys.stdout.flush()
        first = raw.getvalue().decode(encoding)
    finally:
        sys.stdout = before
    one, end = json.JSONDecoder().raw_decode(first)
    assert one == value == json.loads(first[end:])


def test_whoever_has_no_home_gets_one_that_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    need_no_home(environment)
    assert environment == {}
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    need_no_home(environment)
    assert environment == {"HOME": os.devnull}


@pytest.mark.parametrize("name", [".", "nowhere/a.json", "a\0b"])
def test_where_nothing_can_be_written_is_known_before_and_said(tmp_path: Path, name: str) -> None:
    for attempt in (check_writable, lambda path: save_file(path, "text")):
        with pytest.raises(RunFileError, match=r"cannot be written: .*; give another file"):
            attempt(tmp_path / name)
