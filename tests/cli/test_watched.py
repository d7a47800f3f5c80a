"""What ends the doctor is said in a sentence; the exit code is the child's."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tsumami.cli import words
from tsumami.cli.watched import ended_by

CODE = """
import os, signal, sys
from tsumami.cli import doctor, main

def examine(*_):
    sys.stderr.write("looking\\n")
    {what}

doctor.examine = examine
main(["doctor"])
"""


def looked(what: str) -> subprocess.CompletedProcess[str]:
    """The doctor, to whom `what` happens while it looks."""
    return subprocess.run([sys.executable, "-c", CODE.format(what=what)], capture_output=True, text=True, check=False)


def test_an_illegal_instruction_is_a_sentence_and_no_traceback() -> None:
    done = looked("os.kill(os.getpid(), signal.SIGILL)")
    assert done.returncode == 2
    told = done.stderr.splitlines()
    assert told[0] == "looking"
    assert "SIGILL" in told[1]
    assert "--no-binary llama-cpp-python" in told[1]
    assert len(told) == 2
    assert done.stdout == ""


@pytest.mark.parametrize("code", [0, 3])
def test_any_other_end_is_the_childs_own(code: int) -> None:
    done = looked(f"sys.exit({code})")
    assert (done.returncode, done.stderr) == (code, "looking\n")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_end_has_its_sentence(language: words.Language) -> None:
    words.use(language)
    try:
        said = {ended_by(number) for number in (signal.SIGILL, signal.SIGKILL, signal.SIGSEGV)}
    finally:
        words.use("en")
    assert len(said) == 3
