"""The page's scripts and style sheets lie beside their owners, and all of them are found."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import tsumami
import tsumami.app
from tsumami.app import page
from tsumami.app.parts.scripts import script

APP = Path(tsumami.app.__file__).parent
SCRIPTS = sorted(Path(tsumami.__file__).parent.rglob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_is_javascript(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here: nothing else reads JavaScript without a page")
    checked = subprocess.run([node, "--check", path], capture_output=True, encoding="utf-8", check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_is_used_by_a_module_beside_it(path: Path) -> None:
    assert any(f'{path.name}"' in one.read_text("utf-8").replace("'", '"') for one in path.parent.glob("*.py"))


def test_no_script_of_several_lines_hides_in_python() -> None:
    spoken = re.compile(r"addEventListener|querySelectorAll|=> \{\n")
    assert [path.name for path in APP.rglob("*.py") if spoken.search(path.read_text("utf-8"))] == []


def test_what_the_page_fills_in_stands_in_the_script() -> None:
    made = script("tsumami.app.parts.chain_view", "chain_view.js", stages="one,two")
    assert "'one,two'.split" in made
    assert "@stages" not in made


def test_a_sheet_beside_its_owner_is_part_of_the_page_and_the_page_s_own_comes_first() -> None:
    style = page.style()
    sheets = sorted(APP.rglob("*.css"))
    assert len(sheets) > 10
    assert [path.name for path in sheets if path.read_text("utf-8") not in style] == []
    assert style.startswith((APP / "page.css").read_text("utf-8"))


def test_our_scripts_and_styles_weigh_little_on_the_wire() -> None:
    ours = "".join(path.read_text("utf-8") for path in [*SCRIPTS, *sorted(APP.rglob("*.css"))])
    assert len(gzip.compress(ours.encode(), 5)) <= 150_000
