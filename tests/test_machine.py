"""How many cores can be used: affinity, and a container's quota in both versions of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tsumami import machine
from tsumami.machine import cpu_quota, usable_cores


def groups(tmp_path: Path, mine: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A made-up /sys/fs/cgroup and /proc/self/cgroup."""
    root, own = tmp_path / "cgroup", tmp_path / "self"
    root.mkdir()
    own.write_text(mine)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root, own


@pytest.mark.parametrize(
    ("mine", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/docker/abc\n", {"cpu.max": "300000 100000\n"}, 3.0),  # the path is the host's, the files are ours
        ("0::/../..\n", {"cpu.max": "300000 100000\n"}, 3.0),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.5),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        (
            "4:cpu,cpuacct:/x:y\n",
            {"cpu,cpuacct/x:y/cpu.cfs_quota_us": "100000\n", "cpu,cpuacct/x:y/cpu.cfs_period_us": "50000\n"},
            2.0,
        ),
        ("9:cpuset:/\n", {"cpuset/cpu.max": "100000 100000\n"}, None),
        ("0::/\n", {"cpu.max": "100000 0\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("0::/\n", {}, None),
        ("", {"cpu.max": "100000 100000\n"}, None),
    ],
)
def test_the_quota_is_the_smallest_of_the_groups_that_hold(
    tmp_path: Path, mine: str, files: dict[str, str], quota: float | None
) -> None:
    assert cpu_quota(*groups(tmp_path, mine, files)) == quota


def test_where_there_are_no_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "nowhere", tmp_path / "nothing") is None


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (20.0, 8), (1.5, 2), (1.0, 1), (0.1, 1)])
def test_no_more_threads_than_the_quota_has_time_for(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "cpu_quota", lambda: quota)
    assert usable_cores() == cores


def test_usable_cores_are_those_of_this_process() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
