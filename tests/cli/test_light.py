"""Help answers at once, because nothing heavy is loaded for it. (bench measures the time itself.)"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = (
    "llama_cpp",
    "gradio",
    "pydantic",
    "huggingface_hub",
    "numpy",
    "tsumami.model",
    "tsumami.native",
    "tsumami.runs",
)
CODE = """
import sys
from tsumami.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
loaded = [name for name in {heavy!r} if name in sys.modules]
sys.stderr.write(" ".join(loaded))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["app", "--help"], ["run", "--help"], ["chat", "--help", "--lang", "ja"],
     ["doctor", "--help"], ["verify", "--help"], ["models", "--help"], ["compare", "--help"], ["explain", "--help"],
     ["audit", "--help"], ["map", "--help"], ["grid", "--help"]],
    ids=" ".join,
)  # fmt: skip
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(heavy=HEAVY), *arguments], capture_output=True, check=True, text=True
    )
    assert done.stdout
    assert done.stderr == ""


def test_completion_loads_nothing_heavy_and_knows_the_knobs() -> None:
    environment = os.environ | {
        "_TSUMAMI_COMPLETE": "complete_bash",
        "COMP_WORDS": "tsumami run --mirostat-",
        "COMP_CWORD": "2",
    }
    heavy = [name for name in HEAVY if name != "pydantic"]  # Typer converts the values that are already there with it
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(heavy=heavy)], capture_output=True, check=True, text=True, env=environment
    )
    assert done.stdout.split() == ["--mirostat-mode", "--mirostat-tau", "--mirostat-eta"]
    assert done.stderr == ""
