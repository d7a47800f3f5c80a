"""The notebook runs from top to bottom in both languages, on public names alone, and what it shows was computed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tsumami.course import PARTS, PROMPT, STRATEGIES, Words, run_strategy
from tsumami.model import Model

NOTEBOOK = Path(str(resources.files("tsumami.lessons") / "next_token.py"))
TSUMAMI = str(Path(sys.executable).with_name("tsumami"))
SECONDS = 180


def outputs(page: Path) -> list[dict[str, Any]]:
    """What the cells of an exported page show."""
    text = page.read_text("utf-8")
    start = text.index('"session": ') + len('"session": ')
    session, _ = json.JSONDecoder().raw_decode(text[start:])
    return [output for cell in session["cells"] for output in cell["outputs"]]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_exported_page_holds_real_results(language: str, tmp_path: Path, model: Model) -> None:
    page = tmp_path / "lesson.html"
    begun = time.monotonic()
    done = subprocess.run(
        [TSUMAMI, "lesson", "--html", str(page), "--lang", language], capture_output=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < SECONDS
    shown = outputs(page)
    assert {output["type"] for output in shown} == {"data"}
    text = json.dumps(shown, ensure_ascii=False)
    words = Words(language)  # type: ignore[arg-type]
    assert all(words(f"{part}.title") in text for part in PARTS)
    assert "49,152" in text
    assert "134,515,008" in text
    strips = "".join(output["data"]["text/html"] for output in shown if "text/html" in output["data"])
    for name in ("greedy", "low_temperature"):
        first = run_strategy(model, PROMPT, name, max_tokens=1).steps[0]
        assert f"id {first.id} " in strips
    assert strips.count("tsu-token") > len(STRATEGIES) * 30


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
