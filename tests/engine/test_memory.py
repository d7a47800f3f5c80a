"""A cache that cannot fit is refused before the system finds out by killing the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsumami.engine import memory
from tsumami.errors import OutOfMemoryError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8 GiB left, in a container that may have 5 GiB and uses 4, of which 1 is files in memory."""
    (tmp_path / "meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable:    8388608 kB\n")
    (tmp_path / "memory.max").write_text(f"{5 * 2**30}\n")
    (tmp_path / "memory.current").write_text(f"{4 * 2**30}\n")
    (tmp_path / "memory.stat").write_text(f"anon {3 * 2**30}\ninactive_file {2**29}\nactive_file {2**29}\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    files = tuple(tmp_path / name for name in ("memory.max", "memory.current", "memory.stat"))
    monkeypatch.setattr(memory, "_CONTAINERS", (files, (tmp_path / "none",) * 3))
    return tmp_path


def test_what_fits_is_let_through(machine: Path) -> None:
    memory.check_room(1000, 2 * 2**30)


def test_what_does_not_fit_says_how_many_cells_would(machine: Path) -> None:
    with pytest.raises(OutOfMemoryError, match=r"1,000 cells needs 4.0 GiB, and 2.0 GiB are free: about 500 cells fit"):
        memory.check_room(1000, 4 * 2**30)


def test_without_a_limit_the_system_decides(machine: Path) -> None:
    (machine / "memory.max").write_text("max\n")
    assert memory.available_memory() == 8 * 2**30


def test_of_a_containers_limit_what_it_uses_is_gone(machine: Path) -> None:
    assert memory.available_memory() == 2 * 2**30
    (machine / "memory.stat").unlink()
    assert memory.available_memory() == 2**30, "files that give way are counted as used where nobody tells"
    (machine / "memory.current").unlink()
    assert memory.available_memory() == 5 * 2**30


def test_a_container_above_its_limit_has_nothing_left(machine: Path) -> None:
    (machine / "memory.max").write_text(f"{2**30}\n")
    assert memory.available_memory() == 0


def test_where_nothing_is_known_nothing_is_refused(machine: Path) -> None:
    (machine / "memory.max").unlink()
    (machine / "meminfo").unlink()
    assert memory.available_memory() is None
    memory.check_room(1, 2**60)
