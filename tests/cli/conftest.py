"""The command line in-process: `invoke` runs it as a user in a given language would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from tsumami.cli import words
from tsumami.cli.front import build


@dataclass(frozen=True)
class Called:
    """What a call left behind."""

    code: int
    out: str
    err: str


Invoke = Callable[..., Called]


def read_until(terminal: int, words: bytes) -> bytes:
    """What a terminal shows, up to these words at least."""
    said = b""
    while words not in said:
        said += os.read(terminal, 4096)
    return said


@pytest.fixture
def invoke() -> Iterator[Invoke]:
    def call(*arguments: str, stdin: str | bytes | None = None, lang: words.Language = "en") -> Called:
        result = CliRunner().invoke(build(lang), list(arguments), input=stdin, prog_name="tsumami")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Called(result.exit_code, result.stdout, result.stderr)

    yield call
    words.use("en")


@pytest.fixture
def refused(invoke: Invoke) -> Callable[..., str]:
    """Call with bad input: exit code 2, one line on stderr that is an error, nothing on stdout; gives the line."""

    def call(*arguments: str, stdin: str | bytes | None = None, lang: words.Language = "en") -> str:
        called = invoke(*arguments, stdin=stdin, lang=lang)
        assert called.code == 2, called
        assert called.out == ""
        assert "Traceback" not in called.err
        lines = called.err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("エラー: " if lang == "ja" else "Error: ")
        return lines[0]

    return call
