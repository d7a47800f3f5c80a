"""Contenders as seen from the measures: processes that are asked one at a time.

Guarantee: a contender's environment is exactly what the measure says: the variables by which OpenMP and llama.cpp
choose how to wait and compute are taken out of the inherited environment first, whatever the user's shell holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from bench.options import ROOT

#: What llama.cpp and OpenMP do when nobody tells them anything.
LIBRARY_DEFAULT: Mapping[str, str] = {}
_PREFIXES = ("OMP_", "GOMP_", "KMP_", "GGML_", "LLAMA_")


def usual_environment() -> dict[str, str]:
    """The user's environment without what says how to wait and compute."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}


class ContenderError(RuntimeError):
    """A contender failed; the message is its traceback."""


class Worker:
    """A contender in a process of its own. Use it in a `with` block."""

    def __init__(
        self,
        contender: str,
        *,
        environment: Mapping[str, str] = LIBRARY_DEFAULT,
        python: str | os.PathLike[str] = sys.executable,
        **options: Any,
    ) -> None:
        """Start `bench/contenders/<contender>.py` with `options` and wait until it is loaded; `facts` is what it tells
        of itself.
        """
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            [python, "-m", "bench.worker", contender, json.dumps(options)],
            cwd=ROOT,
            env=usual_environment() | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._name = contender
        self.facts: dict[str, Any] = self.answer()

    def ask(self, method: str, **arguments: Any) -> Any:
        """Call a method of the contender and wait for what it returns."""
        self.begin(method, **arguments)
        return self.answer()

    def begin(self, method: str, **arguments: Any) -> None:
        """Call a method and do not wait: `answer` collects the result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"method": method, "arguments": arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the result of the call under way.

        Raises:
            ContenderError: it failed, or its process ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise ContenderError(f"{self._name} ended with {self._process.wait()}: {self._log.read()[-2000:]}")
        message = json.loads(line)
        if "error" in message:
            raise ContenderError(f"{self._name}: {message['error']}")
        return message["result"]

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=0.1) if self._process.poll() is not None else self._end()
        self._log.close()

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def busy_loop() -> Iterator[None]:
    """Another process that wants a whole core, pinned nowhere, as long as the block lasts."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()
