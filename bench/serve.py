"""The API that other programs call, beside the library: the same runs, by `tsumami serve` and by `Model.stream`.

Both are processes of their own with the same model, threads and settings, so the tokens have to be the same, which is
asserted. One stream is timed from its first token to its last, 32 at once from the first request to the last answer;
events are read, not parsed. The client is here, and takes part of the machine, as every client does.

An import: the slowest dialect's file with every knob turned, text to settings and notes, in a process that has begun.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from sys import executable
from typing import Any, Final
from urllib.parse import urlsplit

from bench.batch import CROWD, mixed_settings
from bench.measuring import Turns, in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker, usual_environment
from tsumami.exchange import DIALECTS, read_settings, write_settings
from tsumami.settings import Settings

_LIMIT: Final = 0.050  # seconds that an import may take
_TURNED: Final = Settings(
    temperature=0.7, top_k=50, top_p=0.9, min_p=0.1, typical_p=0.9, repeat_penalty=1.2, presence_penalty=0.1,
    frequency_penalty=0.1, dry_multiplier=0.8, xtc_probability=0.5, seed=7, max_tokens=300, stop=("END",),
)  # fmt: skip


def measure(options: Options) -> list[Table]:
    """Tokens per second, in turns; seconds of an import."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        address = stack.enter_context(_server(options))
        prompt = ours.ask("tokenize", text=PROMPT)
        crowd = mixed_settings(options.tokens, ours.facts["eog"])
        caller = _Caller(address, prompt)
        one = {**crowd[0], "max_tokens": options.tokens}
        tokens = ours.ask("crowd", prompt=prompt, settings=crowd)["tokens"]
        assert [caller.tokens(settings) for settings in crowd[:2]] == tokens[:2], "the API gives other tokens"

        def library_crowd() -> float:
            return CROWD * options.tokens / float(ours.ask("crowd", prompt=prompt, settings=crowd)["seconds"])

        contenders = {
            "library, 1": lambda: (options.tokens - 1) / float(ours.ask("seconds", prompt=prompt, settings=one)),
            "api, 1": lambda: (options.tokens - 1) / caller.seconds(one),
            "library, crowd": library_crowd,
            "api, crowd": lambda: CROWD * options.tokens / caller.crowd_seconds(crowd),
            "free": caller.seconds_until_free,
        }
        in_turns(contenders, 1)  # prompts into the cache
        found = in_turns(contenders, options.turns)
    return [_table(found), _imports(options.turns)]


def _table(found: dict[str, list[float]]) -> Table:
    rows = []
    for kind, what in (("1", "one stream"), ("crowd", f"{CROWD} clients at once")):
        api, library = found[f"api, {kind}"], found[f"library, {kind}"]
        figures = {"api tok/s": statistics.median(api), "library tok/s": statistics.median(library)}
        rows.append(Row(what, "0.95 or more", ratio(api, library), figures))
    free = found["free"]
    rows.append(
        Row("1 s / until the place of a client who left is free", Goal(">=", 1), ratio([1.0] * len(free), free),
            {"ms": 1000 * statistics.median(free)})
    )  # fmt: skip
    return Table("serve", "streams of `tsumami serve` / the library's", rows)


def _imports(turns: Turns) -> Table:
    """How much faster than the limit the slowest import is."""
    texts = {name: write_settings(_TURNED, name).text for name in DIALECTS}
    taken = {name: [_seconds(text, name) for _ in range(max(turns.least, 3))] for name, text in texts.items()}
    slowest = max(taken, key=lambda name: statistics.median(taken[name]))
    times = taken[slowest]
    what = f"50 ms / an import of {slowest}, the slowest of {len(texts)}"
    row = Row(what, Goal(">=", 1), ratio([_LIMIT] * len(times), times), {"ms": 1000 * statistics.median(times)})
    return Table("serve", "settings of other programs", [row])


def _seconds(text: str, dialect: str) -> float:
    begin = time.perf_counter()
    read_settings(text, dialect)
    return time.perf_counter() - begin


@contextmanager
def _server(options: Options) -> Iterator[str]:
    """`tsumami serve`, as a user starts it; its address."""
    command = [
        str(Path(executable).with_name("tsumami")), "serve", "--lang", "en", "--port", "0", "-m", options.model,
        "--threads", str(options.n_threads), "--no-history",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=usual_environment()) as process:
        assert process.stderr is not None
        try:
            while not (found := re.search(r"ready at (\S+)", line := process.stderr.readline())):
                assert line, "the server ended before it was ready"
            yield found[1]
        finally:
            process.terminate()


class _Caller:
    """Clients of the server: a connection for each request."""

    def __init__(self, address: str, prompt: list[int]) -> None:
        place = urlsplit(address)
        self._host, self._port = place.hostname or "127.0.0.1", place.port
        self._prompt = prompt

    def tokens(self, settings: dict[str, Any]) -> list[int]:
        """The tokens of a stream."""
        return [token for _, event in self._events(settings) for token in json.loads(event[6:])["tokens"]]

    def seconds(self, settings: dict[str, Any]) -> float:
        """From a stream's first event to the last one that brought tokens."""
        times = [when for when, _ in self._events(settings)]
        return times[-2] - times[0]

    def crowd_seconds(self, crowd: list[dict[str, Any]]) -> float:
        """From the first request to the last answer of all at once."""
        with ThreadPoolExecutor(len(crowd)) as pool:
            begin = time.perf_counter()
            list(pool.map(lambda settings: sum(1 for _ in self._events(settings)), crowd))
            return time.perf_counter() - begin

    def seconds_until_free(self) -> float:
        """From a client's leaving in the middle of a stream until no place is taken any more."""
        events = self._events({"ignore_eos": True, "seed": 1})
        next(events)
        events.close()
        begin = time.perf_counter()
        while any(slot["is_processing"] for slot in self._slots()):
            time.sleep(0.005)
        return time.perf_counter() - begin

    def _slots(self) -> list[dict[str, Any]]:
        connection = HTTPConnection(self._host, self._port, timeout=600)
        connection.request("GET", "/slots")
        found: list[dict[str, Any]] = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def _events(self, settings: dict[str, Any]) -> Generator[tuple[float, bytes], None, None]:
        """When each event came, and what it was."""
        body = {"prompt": self._prompt, "stream": True, "tsumami": {"settings": settings}}
        connection = HTTPConnection(self._host, self._port, timeout=600)
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        try:
            for line in response:
                if line.startswith(b"data:"):
                    yield time.perf_counter(), line
        finally:
            response.close()
            connection.close()
