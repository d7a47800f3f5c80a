"""Whether a KV cache fits into memory, asked before it is made.

Guarantee: a context that cannot fit is an OutOfMemoryError. Linux hands out memory that it does not have and kills the
process when the memory is first written to, so llama.cpp's own check comes too late there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tsumami.errors import OutOfMemoryError

_MEMINFO: Final = Path("/proc/meminfo")
_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def check_room(n_cells: int, size: int) -> None:
    """Refuse a cache of `n_cells` cells and `size` bytes that is larger than the memory that is left.

    Raises:
        OutOfMemoryError: it is; the message says how many cells would fit.
    """
    free = available_memory()
    if free is not None and size > free:
        fit = n_cells * free // size
        raise OutOfMemoryError(
            f"a context of {n_cells:,} cells needs {size / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free: "
            f"about {fit:,} cells fit; give a smaller n_ctx"
        )


def available_memory() -> int | None:
    """Bytes that this process could still take: what the system has left, at most the container's limit; None if
    unknown.
    """
    found = [value for value in (_system(), *map(_limit, _LIMITS)) if value is not None]
    return min(found, default=None)


def _system() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such limit, or "max"
        return None
