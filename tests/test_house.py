"""The house stands as docs/house.md says: its lists are .importlinter's, and its measures are kept."""

from __future__ import annotations

import ast
import configparser
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = ROOT / "src" / "tsumami"
PAGE: Final = (ROOT / "docs" / "house.md").read_text("utf-8")
MOST_LINES: Final = 450
#: Tables, and the one door to llama.cpp.
LONGER: Final = {"knobs/table.py", "knobs/en.py", "knobs/ja.py", "native.py"}
#: Names that stand twice because they are the same thing: a protocol's parts, in the room that speaks it.
SAME_THING: Final[dict[str, str]] = {}


def contracts() -> configparser.ConfigParser:
    made = configparser.ConfigParser()
    made.read(ROOT / ".importlinter", "utf-8")
    return made


def floors(contract: str) -> list[list[str]]:
    """The rooms of each layer, from above."""
    lines = contracts()[f"importlinter:contract:{contract}"]["layers"].strip().splitlines()
    return [re.findall(r"\w+", line) for line in lines if not line.lstrip().startswith("#")]


def rows(pattern: str) -> list[list[str]]:
    """The rooms in the rows of a table of the page, from above."""
    return [re.findall(r"`(\w+)`", row) for row in re.findall(pattern, PAGE, re.MULTILINE)]


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def test_the_floors_of_the_page_are_those_that_run() -> None:
    assert rows(r"^\| \d+ \| (.*) \|$") == floors("floors")


@pytest.mark.parametrize("room", ["app", "explain", "explore", "serve"])
def test_the_floors_inside_a_room_are_those_that_run(room: str) -> None:
    contract = "experiments" if room == "explore" else room
    assert rows(rf"^\| `{room}` \| \d+ \| (.*) \|$") == floors(contract)


def test_the_picture_shows_every_room_that_is_there() -> None:
    picture = PAGE.partition("```mermaid")[2].partition("```")[0]
    there = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    shown = set(re.findall(r'\["([^"]+)"\]', picture))
    named = {name for text in shown for name in re.findall(r"\w+", text.partition(":")[0])}
    assert named == there - {"__init__", "__main__"}


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"`((?:\w+/)+\w+\.\w+)`", PAGE):
        assert (SOURCE / name).exists() or (ROOT / name).exists(), name


def test_no_file_is_too_long_to_be_read() -> None:
    long = {
        path.relative_to(SOURCE).as_posix(): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }
    assert set(long) - LONGER == set(), long


def test_half_of_the_functions_have_at_most_seven_lines() -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(lengths) <= 7


def test_no_two_classes_have_one_name() -> None:
    places = defaultdict(list)
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(name)
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in SAME_THING} == {}


def test_no_script_of_the_page_hides_in_a_string() -> None:
    for name, tree in trees():
        if name.startswith("app/"):
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    script = node.value.count("\n") > 3 and re.search(r"addEventListener|=> \{", node.value)
                    assert not script, f"{name}:{node.lineno} is a script; it wants a file"


def test_no_duration_is_taken_from_a_clock_that_can_be_set_back() -> None:
    read = {
        f"{name.removesuffix('.py').replace('/', '.')}: time.{node.attr}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"
    }
    wall = {one for one in read if one.rpartition(".")[2] not in ("monotonic", "perf_counter", "sleep")}
    ages_of_files = {"models.digest: time.time_ns", "app.work.own_folder: time.time"}
    dates = {"history.store: time.time", "history.conversations: time.time"}
    assert wall == {*ages_of_files, *dates}
