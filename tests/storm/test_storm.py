"""The short version of the campaign: a few of everything that can be had in a minute. `make storm` is the rest."""

from __future__ import annotations

import importlib
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from storm.__main__ import ATTACKS, attack
from storm.options import ROOT, Options
from storm.report import Row, markdown, write_into
from storm.tally import Tally

#: How much of each attack; the others take servers or minutes.
SHORT: Final[dict[str, dict[str, int]]] = {
    "settings": {"inputs": 40},
    "grammars": {"inputs": 30},
    "regexes": {"inputs": 60},
    "schemas": {"inputs": 100},
    "results": {"inputs": 60},
    "sounds": {"inputs": 100},
    "unicode": {"inputs": 30},
    "arguments": {"inputs": 30},
    "templates": {"inputs": 40},
    "gguf": {"inputs": 30},
    "full_disk": {"kills": 2},
    "killed_writing": {"kills": 3},
    "killed_keeping": {"kills": 3},
    "clock": {"kills": 1},
}
#: Attacks that import what only `make storm` installs.
ELSEWHERE: Final = ("openapi", "served")
PYTHON: Final = ROOT / ".cache" / "storm-venv" / "bin" / "python"


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_short_campaign_breaks_nothing(name: str, tmp_path: Path, little_file: Path) -> None:
    options = Options(seed=1, folder=tmp_path, patience=120, model=str(little_file), **SHORT[name])
    tally = attack(name, options)
    assert tally.found == []
    assert tally.tried >= SHORT[name].get("inputs", SHORT[name].get("kills", 1)) * 0.9
    assert tally["passed"] + tally["refused"] == tally.tried


@pytest.mark.slow
def test_calls_that_are_made_from_the_servers_own_description_break_nothing(tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.skip("no Schemathesis here; `make test` and `make storm` install it")
    command = [str(PYTHON), "-m", "storm", "served", "--seed", "1", "--inputs", "100", "--nice", "0"]
    done = subprocess.run([*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    row = Row.from_json((tmp_path / "served" / "done.json").read_text("utf-8"))
    assert row.tally.tried >= 90


def test_every_attack_is_in_the_campaign_and_says_what_it_does() -> None:
    here = {path.stem for path in (ROOT / "storm" / "attacks").glob("*.py")} - {"__init__"}
    assert set(ATTACKS) == here
    assert set(SHORT) < here
    for name in here - set(ELSEWHERE):
        module = importlib.import_module(f"storm.attacks.{name}")
        assert "Must hold:" in (module.__doc__ or ""), name
        assert module.TITLE
        assert module.DOOR
        assert hasattr(module, "attack") or (hasattr(module, "inputs") and hasattr(module, "door")), name


def test_the_table_stands_in_its_place_with_its_date_and_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "reliability.md").read_text("utf-8"), "utf-8")
    tally = Tally(tmp_path, tried=1200, counts=Counter(refused=1100, passed=99, lost=1))
    rows = [Row("settings", "settings of any names", "library", tally, 2.5)]
    for _ in range(2):  # what was there before is replaced
        write_into(page, rows, "python -m storm settings")
        text = page.read_text("utf-8")
        assert text.count("| `settings` | 1,200 | 1,100 | 0 | 0 | 1 | settings of any names (library) |") == 1
        assert re.search(r"^`python -m storm settings`, \d{4}-\d\d-\d\d, tsumami", text, re.MULTILINE)
    assert markdown(rows, "x").count("\n| `settings`") == 1


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing", "utf-8")
    with pytest.raises(SystemExit, match="no place"):
        write_into(page, [], "x")
    assert page.read_text("utf-8") == "nothing"
