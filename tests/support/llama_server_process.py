"""A real llama-server in a process of its own, from the wheel `xllamacpp` in the environment that `make bench` uses.

It is started with that environment's Python, so the second llama.cpp shadows nothing here; `make test` makes the
environment first. Where it is missing, the tests that need it are skipped.
"""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Self

import pytest

from tsumami.models import resolve

SERVER = Path(__file__).parent / "serve_llama.py"
PYTHON = Path(__file__).parent.parent.parent / ".cache" / "bench" / "bin" / "python"


class LlamaServerProcess:
    """A server of the bundled model on a port of its own, which it keeps when it is started again."""

    def __init__(self, *, slots: int = 4, cells: int = 4096) -> None:
        if not PYTHON.exists():
            pytest.skip("no llama-server here; `make test` and `make bench` install one")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._arguments = [str(resolve("smollm2").path), str(self.port), str(slots), str(cells)]
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def name(self) -> str:
        """What leads to it."""
        return f"llama-server+http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [str(PYTHON), str(SERVER), *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
