"""Whether a KV cache fits into memory, asked before it is made.

Guarantee: a context that cannot fit is an OutOfMemoryError. Linux hands out memory that it does not have and kills the
process when the memory is first written to, so llama.cpp's own check comes too late there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tsumami.errors import OutOfMemoryError
from tsumami.wording import counted

_MEMINFO: Final = Path("/proc/meminfo")
#: Of a container (cgroup version 2, then 1): its limit, what it uses, and what of that is files that may be dropped.
_CONTAINERS: Final = (
    tuple(Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current", "memory.stat")),
    tuple(
        Path("/sys/fs/cgroup/memory") / name
        for name in ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    ),
)
_DROPPABLE: Final = ("active_file", "inactive_file")


def check_room(n_cells: int, size: int) -> None:
    """Refuse a cache of `n_cells` cells and `size` bytes that is larger than the memory that is left.

    Raises:
        OutOfMemoryError: it is; the message says how many cells would fit.
    """
    free = available_memory()
    if free is not None and size > free:
        fit = n_cells * free // size
        raise OutOfMemoryError(
            f"a context of {counted(n_cells, 'cell')} needs {size / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB "
            "are free: "
            f"about {counted(fit, 'cell')} fit; give a smaller n_ctx"
        ).in_japanese(
            f"{n_cells:,} セルのコンテキストには {size / 2**30:,.1f} GiB 要りますが、"
            f"空きは {free / 2**30:,.1f} GiB です。入るのは約 {fit:,} セルなので、"
            "n_ctx を小さくしてください"
        )


def available_memory() -> int | None:
    """Bytes that this process could still take: what the system has left, at most what the container has;
    None if unknown.
    """
    found = [value for value in (_system(), *(_container(*files) for files in _CONTAINERS)) if value is not None]
    return min(found, default=None)


def total_memory() -> int | None:
    """Bytes of memory that the system has, at most what the container may take; None if unknown."""
    limits = (_number(limit) for limit, *_ in _CONTAINERS)
    found = [value for value in (_system("MemTotal"), *limits) if value is not None]
    return min(found, default=None)


def _system(name: str = "MemAvailable") -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _container(limit: Path, used: Path, stat: Path) -> int | None:
    """What a container may still take. Files that it holds in memory give way, the model's own weights among them."""
    most = _number(limit)
    if most is None:
        return None
    return max(0, most - max(0, (_number(used) or 0) - _droppable(stat)))


def _droppable(stat: Path) -> int:
    try:
        facts = dict(line.split() for line in stat.read_text().splitlines())
        return sum(int(facts.get(name, 0)) for name in _DROPPABLE)
    except (OSError, ValueError):
        return 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None
