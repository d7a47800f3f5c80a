"""The notebook runs from top to bottom in both languages, on public names alone, and what it shows was computed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

NOTEBOOK = Path(str(resources.files("tsumami.lessons") / "next_token.py"))
QUICK_COURSE = Path(__file__).parents[1] / "support" / "quick_course"


def test_the_notebook_runs_as_a_script() -> None:
    environment = os.environ | {"PYTHONPATH": str(QUICK_COURSE)}
    done = subprocess.run(
        [sys.executable, NOTEBOOK], capture_output=True, check=False, encoding="utf-8", env=environment
    )
    assert done.returncode == 0, done.stderr


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
