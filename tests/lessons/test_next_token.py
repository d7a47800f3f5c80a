"""The notebook runs from top to bottom in both languages, on public names alone, and what it shows was computed."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

NOTEBOOK = Path(str(resources.files("tsumami.lessons") / "next_token.py"))
SECONDS = 180


@pytest.mark.slow
def test_the_notebook_runs_as_a_script() -> None:
    begun = time.monotonic()
    done = subprocess.run([sys.executable, NOTEBOOK], capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < SECONDS


def test_cells_use_public_names_alone() -> None:
    modules, names = set[str](), set[str]()
    for node in ast.walk(ast.parse(NOTEBOOK.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    assert {name.split(".")[0] for name in modules} - sys.stdlib_module_names == {"marimo", "tsumami"}
    assert [name for name in names | modules if any(part.startswith("_") for part in name.split("."))] == []


def test_marimo_finds_nothing_to_mend() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", NOTEBOOK],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
