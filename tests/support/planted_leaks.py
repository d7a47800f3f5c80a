"""A door of storm's that does what it should and keeps what it used."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

from hypothesis import strategies as st
from storm.options import Options

KEPT: list[object] = []


def inputs() -> st.SearchStrategy[int]:
    """Any number."""
    return st.integers()


@contextlib.contextmanager
def door(_options: Options) -> Iterator[Callable[[int], None]]:
    """Keep memory, descriptors, threads, and a process."""
    end = threading.Event()

    def go(_given: int) -> None:
        KEPT.append(bytearray(b"x" * (8 << 20)))
        KEPT.append(socket.socket())
        threading.Thread(target=end.wait, daemon=True).start()
        KEPT.append(subprocess.Popen(["sleep", "30"]))  # noqa: S607

    yield go
    for one in KEPT:
        if isinstance(one, subprocess.Popen):
            one.kill()
            one.wait()
