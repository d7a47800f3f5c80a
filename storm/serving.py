"""The server from the outside: `tsumami app` in a process of its own, and calls of its API as a script makes them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import httpx

from storm.footprint import Footprint
from storm.judge import TROUBLE, Judgement, of_answer
from storm.options import ROOT, Options
from storm.processes import TSUMAMI, ends_with_its_parent

_START: Final = 600.0  # seconds; whoever stands back waits for everybody else


class Server:
    """`tsumami app` with its log in a file. Use it in a `with` block; it is killed at the end."""

    def __init__(
        self, options: Options, *arguments: str, environment: Mapping[str, str] | None = None, port: int = 0
    ) -> None:
        self.log = Path(tempfile.mkstemp(prefix="storm-server-", suffix=".log")[1])
        command = [*TSUMAMI, "app", "--lang", "en", "--port", str(port), "--threads", "1", "-m", options.model]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=ROOT,
                env=os.environ | {"GGML_NO_BACKTRACE": "1", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=ends_with_its_parent,
            )
        end = time.monotonic() + _START
        while not (found := re.search(r"ready at (\S+)", self.said())):
            if self.process.poll() is not None or time.monotonic() > end:
                said = self.said()
                self.kill()
                raise RuntimeError(f"the server was not ready: {said[-2000:]}")
            time.sleep(0.05)
        self.url = found[1]

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def said(self, since: int = 0) -> str:
        """The log from byte `since`."""
        return self.log.read_bytes()[since:].decode("utf-8", "replace")

    def footprint(self) -> Footprint:
        """What the process holds."""
        return Footprint.of(self.process.pid)

    def judged(self, judgement: Judgement, since: int = 0) -> Judgement:
        """The same, unless the server has died or printed a traceback meanwhile."""
        if not self.alive:
            return Judgement("crashed", f"the server ended with {self.process.poll()}: {self.said()[-3000:]}")
        said = self.said(since)
        return Judgement("crashed", said[-4000:]) if TROUBLE.search(said) else judgement

    def end(self, patience: float = 30.0) -> Judgement:
        """Ask it to end, as a service manager does."""
        self.process.terminate()
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return Judgement("crashed", f"it did not end within {patience:.0f} s of SIGTERM")
        return (
            Judgement("passed")
            if code in (0, 130, 143, -15)
            else Judgement("crashed", f"it ended with {code}: {self.said()[-2000:]}")
        )

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait()
        self.log.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gave: status, what came last, and whether that is an error."""

    status: int
    value: Any
    error: bool = False

    @property
    def judgement(self) -> Judgement:
        """What it counts as."""
        return of_answer(self.status, self.value if isinstance(self.value, str) else json.dumps(self.value), self.error)


class Caller:
    """A script that calls endpoints by name. One client, many threads."""

    def __init__(self, url: str, patience: float) -> None:
        self.base = f"{url}/en/gradio_api"
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self.http = httpx.Client(timeout=patience, limits=limits, trust_env=False)

    def call(self, name: str, *data: Any) -> Answer:
        """Call and wait for what comes last."""
        return last(self.stream(name, *data), Answer(0, None, error=True))

    def stream(self, name: str, *data: Any) -> Iterator[Answer]:
        """Call; every answer as it comes. Who stops reading has left."""
        asked = self.http.post(f"{self.base}/call/{name}", json={"data": list(data)})
        if asked.status_code != httpx.codes.OK:
            yield Answer(asked.status_code, asked.text, error=True)
            return
        yield from self.events(f"{self.base}/call/{name}/{asked.json()['event_id']}")

    def events(self, address: str) -> Iterator[Answer]:
        """What an address of events sends."""
        event = ""
        with self.http.stream("GET", address) as stream:
            if stream.status_code != httpx.codes.OK:
                stream.read()
                yield Answer(stream.status_code, stream.text, error=True)
                return
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: ") and event in ("complete", "generating", "error"):
                    value = json.loads(line.removeprefix("data: "))
                    only = value[0] if isinstance(value, list) and len(value) == 1 else value
                    yield Answer(stream.status_code, only, error=event == "error")

    def close(self) -> None:
        """Hang up."""
        self.http.close()


def last(answers: Iterable[Answer], otherwise: Answer) -> Answer:
    """The answer that came last."""
    return next(iter(deque(answers, maxlen=1)), otherwise)


@contextlib.contextmanager
def calling(server: Server, patience: float) -> Iterator[Caller]:
    """A caller for as long as the block lasts."""
    caller = Caller(server.url, patience)
    try:
        yield caller
    finally:
        caller.close()


def at_once(count: int, work: Any) -> None:
    """`work(number)` in so many threads; waits for all. What a thread raises ends up in its own hands."""
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
