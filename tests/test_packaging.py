"""The set-up's promises: locks that are complete, hashed and free of addresses, and an import that is light."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;]+)(?: ; [^\\]+)?(?: \\)?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")

Lock = dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_lock(path: Path) -> Lock:
    """How many hashes each (name, version) of a lock has; any line that is neither entry nor hash fails."""
    hashes: Lock = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if entry := PINNED.match(line):
            current = (canonicalize_name(entry["name"]), entry["version"])
            hashes[current] = 0
        else:
            assert HASH.match(line), f"{path.name}: neither a pinned version nor a hash: {line}"
            hashes[current] += 1
    return hashes


def locks() -> list[Path]:
    return sorted(ROOT.glob("requirements*.lock"))


def test_there_is_a_lock_for_running_for_building_for_benching_for_the_site_and_for_storm() -> None:
    assert [path.name for path in locks()] == [
        "requirements-bench.lock",
        "requirements-build.lock",
        "requirements-docs.lock",
        "requirements-storm.lock",
        "requirements.lock",
    ]


@pytest.mark.parametrize("path", locks(), ids=lambda path: path.name)
def test_every_locked_version_has_a_hash(path: Path) -> None:
    hashes = read_lock(path)
    assert hashes
    assert [entry for entry, count in hashes.items() if count == 0] == []


@pytest.mark.parametrize("path", locks(), ids=lambda path: path.name)
def test_no_lock_names_an_address_or_an_index(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\S*://\S*|--(?:extra-)?index-url.*|--find-links.*|--trusted-host.*| @ .*", text) == []


def test_every_declared_dependency_is_locked_at_a_version_it_allows(project: dict[str, Any]) -> None:
    main = read_lock(ROOT / "requirements.lock")
    own = {name: read_lock(ROOT / f"requirements-{name}.lock") for name in ("bench", "docs", "storm")}
    groups = {"runtime": project["dependencies"], **project["optional-dependencies"]}
    for group, declared in groups.items():
        lock = own.get(group, main)
        for requirement in map(Requirement, declared):
            locked = [number for name, number in lock if name == canonicalize_name(requirement.name)]
            assert locked, f"{group}: {requirement} is not locked; run `make lock`"
            assert all(number in requirement.specifier for number in locked), f"{group}: {requirement}: {locked}"


def test_the_locks_agree_on_the_packages_they_share() -> None:
    versions: dict[str, set[str]] = {}
    for name, number in read_lock(ROOT / "requirements.lock"):
        versions.setdefault(name, set()).add(number)
    for other in locks():
        for name, number in read_lock(other):
            assert number in versions.get(name, {number}), f"{other.name}: {name}=={number}; run `make lock`"


def test_nothing_pulls_in_torch() -> None:
    names = {name for path in locks() for name, _ in read_lock(path)}
    assert {name for name in names if name == "torch" or name.startswith("nvidia-")} == set()


def test_the_engine_is_the_one_that_exactness_was_measured_on() -> None:
    assert version("llama-cpp-python") == "0.3.36"


def test_the_package_knows_its_version(project: dict[str, Any]) -> None:
    import tsumami

    assert tsumami.__version__ == project["version"]


def test_the_wheel_holds_every_file_of_the_package() -> None:
    builders = pytest.importorskip("hatchling.builders.wheel", reason="hatchling, which builds the wheel, is not here")
    here = ROOT / "src" / "tsumami"
    built = {Path(one.path) for one in builders.WheelBuilder(str(ROOT)).recurse_included_files()}
    ours = {path for path in here.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.suffix for path in ours} >= {".py", ".js", ".css", ".json"}
    assert sorted(path.relative_to(here) for path in ours - built) == []


@pytest.mark.parametrize("heavy", ["llama_cpp", "gradio", "pandas", "altair", "marimo"])
def test_importing_tsumami_does_not_load(heavy: str) -> None:
    code = f"import sys, tsumami; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
