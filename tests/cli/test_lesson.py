"""`tsumami lesson`: what it refuses, and that a learner's own copy is theirs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Invoke

import tsumami
from tsumami.app.tabs.learn import still
from tsumami.cli import lesson
from tsumami.cli.lesson import _copied, _lent

TSUMAMI = str(Path(sys.executable).with_name("tsumami"))
Refused = Callable[..., str]


def test_editing_and_exporting_exclude_each_other(refused: Refused) -> None:
    assert "exclude each other" in refused("lesson", "--edit", "-o", "lesson.html")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_an_unknown_model_is_refused_before_anything_opens(refused: Refused, lang: str, tmp_path: Path) -> None:
    page = tmp_path / "lesson.html"
    assert "'gema'" in refused("lesson", "--model", "gema", "-o", str(page), lang=lang)
    assert not page.exists()


def test_a_page_needs_a_folder_that_exists(refused: Refused, tmp_path: Path) -> None:
    assert "nowhere" in refused("lesson", "-o", str(tmp_path / "nowhere" / "lesson.html"))
    assert "Is a directory" in refused("lesson", "-o", str(tmp_path))


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_cannot_be_is_refused(refused: Refused, port: str) -> None:
    assert "port" in refused("lesson", "--port", port)


def test_the_learners_copy_is_made_once_and_then_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source.py"
    source.write_text("# the lesson", "utf-8")
    copy = _copied(source)
    assert copy.read_text("utf-8") == "# the lesson"
    copy.write_text("# my notes", "utf-8")
    assert _copied(source).read_text("utf-8") == "# my notes"


def test_the_page_is_written_in_the_language_and_in_one_step(
    invoke: Invoke, model: tsumami.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(still, "still_parts", lambda model, words: [model.name, words("title")])
    page = tmp_path / "教材 lesson.html"
    called = invoke("lesson", "-o", str(page), lang="ja")
    assert (called.code, called.out) == (0, "")
    assert '<html lang="ja">' in page.read_text("utf-8")
    assert "smollm2" in page.read_text("utf-8")
    assert list(tmp_path.iterdir()) == [page]


def test_marimo_gets_a_copy_and_every_option(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUMAMI_CACHE", str(tmp_path))
    started: list[list[str]] = []
    monkeypatch.setattr(lesson.os, "execv", lambda _, command: started.append(command))
    invoke("lesson", "--host", "0.0.0.0", "--port", "7000", "--headless", lang="en")  # noqa: S104  (nothing listens)
    (command,) = started
    notebook = tmp_path / "lesson" / "next_token.py"
    assert command[1:5] == ["-m", "marimo", "run", str(notebook)]
    assert notebook.is_file()
    assert " ".join(command[5:]) == "--host 0.0.0.0 --port 7000 --headless -- --lang en --model smollm2"


def test_without_a_cache_the_copy_lies_in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.py"
    source.write_text("# the lesson", "utf-8")
    monkeypatch.setenv("TSUMAMI_CACHE", os.devnull)
    monkeypatch.setattr(lesson.tempfile, "tempdir", str(tmp_path))
    copy = _lent(source)
    assert copy.read_text("utf-8") == "# the lesson"
    assert copy.parent.parent == tmp_path


def test_editing_opens_a_copy_in_this_folder_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [TSUMAMI, "lesson", "--edit", "--headless", "--lang", "en"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        found = None
        while found is None:
            line = process.stdout.readline()
            assert line, "it ended before it was ready"
            found = re.search(r"http://\S+", line)
        assert (tmp_path / "next_token.py").is_file()
        assert _answers(found[0])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (0, 130, 143, -signal.SIGTERM)


def _answers(url: str) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  (loopback)
                return bool(answer.status == 200)
        except urllib.error.URLError:
            time.sleep(0.2)
    return False
