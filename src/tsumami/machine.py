"""What this machine is, and how much of it this process may use.

Guarantee: cores that are counted can really run: those that the process may run on, and of them as many as its
container has time for. With more threads than that, all of them wait for the one that the system has put to sleep.
"""

from __future__ import annotations

import functools
import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

__all__ = ["cpu_quota", "processor", "usable_cores"]

_GROUPS: Final = Path("/sys/fs/cgroup")
_MINE: Final = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """How many threads can run at once: the cores that this process may run on, at most the container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    quota = cpu_quota()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def cpu_quota(groups: Path = _GROUPS, mine: Path = _MINE) -> float | None:
    """Seconds of processor time that this process's container may have in a second, such as 1.5; None without a limit.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (version 1).
    """
    shares = [share for folder in _folders(groups, mine) if (share := _share(folder)) is not None]
    return min(shares, default=None)


def _folders(groups: Path, mine: Path) -> Iterator[Path]:
    """The process's control groups that may limit its time, and all above them, whose limits hold, too."""
    for line in _lines(mine):
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path.lstrip("/"))
        for root in (groups / controllers, groups / "cpu") if controllers else (groups, groups / "unified"):
            yield from (root / above for above in (own, *own.parents))


def _share(folder: Path) -> float | None:
    words = [word for line in _lines(folder / "cpu.max") for word in line.split()] or [
        word for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for word in _lines(folder / name)
    ]
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return None  # no such file, "max", or -1
    return int(words[0]) / int(words[1])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii", "replace").splitlines()
    except OSError:
        return []


@functools.cache
def processor() -> str:
    """The processor's name: another one may take other kernels."""
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
