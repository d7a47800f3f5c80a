"""What a process holds: memory, file descriptors, threads, children; and whether it holds more than before.

Guarantee: what is compared are two moments of rest. A process gets time to end what it was about; memory that it could
give back is given back first, where it is this process that is looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Memory counts as flat within 5 % (and what one more arena of malloc takes).
MORE_MEMORY: Final = 1.05
ARENA: Final = 16 << 20
_REST: Final = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds; `memory` in bytes is what is its own (resident, without what files back)."""

    memory: int
    descriptors: int
    threads: int
    children: int

    @classmethod
    def of(cls, pid: int | None = None) -> Footprint:
        """Of a process of this machine; None is this one."""
        if pid is None:
            _give_back()
        process = Path("/proc") / str(pid or os.getpid())
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        memory = int(status["RssAnon"].split()[0]) << 10
        descriptors = sum(1 for _ in (process / "fd").iterdir())
        children = 0
        for task in (process / "task").iterdir():
            with contextlib.suppress(OSError):  # a thread that has just ended
                children += len((task / "children").read_text().split())
        return cls(memory, descriptors, int(status["Threads"]), children)


def leaks(
    before: Footprint, now: Callable[[], Footprint], *, memory: bool = True, room: int = ARENA, rest: float = _REST
) -> list[str]:
    """What is held now and was not before, in words; asked again for `rest` seconds before it counts. `room`: bytes
    that memory may grow besides.
    """
    end = time.monotonic() + rest
    while found := _grown(before, now(), room=room if memory else None):
        if time.monotonic() > end:
            return found
        time.sleep(0.2)
    return []


def _grown(before: Footprint, now: Footprint, *, room: int | None) -> list[str]:
    found = [
        f"{name}: {getattr(before, name)} before, {getattr(now, name)} after"
        for name in ("descriptors", "threads", "children")
        if getattr(now, name) > getattr(before, name)
    ]
    if room is not None and now.memory > before.memory * MORE_MEMORY + room:
        found.append(f"memory: {before.memory / 1e6:.0f} MB before, {now.memory / 1e6:.0f} MB after")
    return found


def _give_back() -> None:
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
