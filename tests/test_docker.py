"""The Dockerfile, as far as it can be tried without Docker: its files, its commands, and what the set-up needs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.blocks import options

ROOT = Path(__file__).parent.parent
LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE))


def said(instruction: str) -> list[str]:
    return re.findall(rf"^{instruction} (.*)$", LINES, re.MULTILINE)


def copied() -> list[str]:
    """What COPY takes from the project."""
    return [path for line in said("COPY") for path in line.split()[1:-1]]


def test_what_is_copied_is_there_and_not_shut_out() -> None:
    shut_out = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert copied()
    for path in copied():
        assert (ROOT / path).exists(), path
        assert path not in shut_out


def test_everything_that_the_set_up_reads_is_copied() -> None:
    (prerequisites,) = re.findall(r"^\$\(READY\): (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    asked_for = {*prerequisites.split(), *re.findall(r"-r (\S+\.lock)", (ROOT / "scripts/set-up").read_text("utf-8"))}
    assert asked_for | {"Makefile", "src"} <= set(copied())
    assert "make setup" in said("RUN")


def test_the_package_can_be_described_from_what_is_copied(tmp_path: Path) -> None:
    metadata = pytest.importorskip("hatchling.metadata.core", reason="hatchling, which builds the wheel, is not here")
    plugins = pytest.importorskip("hatchling.plugin.manager")
    for path in copied():
        if (ROOT / path).is_file():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / path)
    core: Any = metadata.ProjectMetadata(str(tmp_path), plugins.PluginManager()).core
    assert core.readme
    assert core.license_files == ["LICENSE"]


def test_its_python_is_one_that_the_project_allows() -> None:
    (image,) = said("FROM")
    minor = int(image.removeprefix("python:3.").partition("-")[0])
    assert f"Programming Language :: Python :: 3.{minor}" in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_command_it_starts_is_there() -> None:
    (program,), (command,) = map(json.loads, said("ENTRYPOINT")), map(json.loads, said("CMD"))
    (folder,) = said("WORKDIR")
    assert program == [f"{folder}/.venv/bin/tsumami"]
    assert {word for word in command if word.startswith("--")} <= options(command[0])
