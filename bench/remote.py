"""An engine elsewhere: our chain over the rows of a llama-server, beside that server's own stream of the same rows.

The server: `/completion` with `n_probs` 1000 and a stream, sampling there, `cache_prompt` on and the prompt in the
cache; its events are read, not parsed. Ours: a request a token, the 1000 likeliest parsed, the chain and every Step
made here, and each choice proved or not (sampling/unseen.py). Both with the same number of tokens, alone and 16 at once
on as many slots, in turns. With `repeat_penalty`, which needs to know where the zero of the logits is, ours takes two
requests a token.
"""

from __future__ import annotations

import functools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from bench.measuring import in_turns, ratio
from bench.options import PROMPT, SERVER_PYTHON, Options
from bench.report import Row, Table
from bench.workers import Worker
from tsumami.models import resolve

LANES: Final = 16
N_PROBS: Final = 1000


def measure(options: Options) -> list[Table]:
    """Tokens per second, in turns."""
    if not SERVER_PYTHON.exists():
        return [Table("remote", "an engine elsewhere", [], "no llama-server here; `make bench` installs one")]
    with ExitStack() as stack:
        server = stack.enter_context(
            Worker(
                "llama_server", python=SERVER_PYTHON, path=str(resolve(options.model).path), threads=options.n_threads,
                slots=LANES, cells=LANES * 512,
            )
        )  # fmt: skip
        address = server.facts["address"]
        ours = stack.enter_context(Worker("elsewhere", address=address))
        prompt = _ask(address, "/tokenize", {"content": PROMPT, "add_special": True})["tokens"]
        there = functools.partial(_streams, address, prompt, options.tokens)
        here = functools.partial(ours.ask, "runs", prompt=prompt, count=options.tokens)
        contenders = {
            "there, 1": functools.partial(there, 1),
            "here, 1": functools.partial(here, lanes=1, penalty=1.0),
            "here, 1, penalty": functools.partial(here, lanes=1, penalty=1.1),
            f"there, {LANES}": functools.partial(there, LANES),
            f"here, {LANES}": functools.partial(here, lanes=LANES, penalty=1.0),
        }
        in_turns(contenders, 1)  # prompts into the slots
        found = in_turns(contenders, options.turns)
    return [_table(found)]


def _table(found: dict[str, list[float]]) -> Table:
    one, many = found["there, 1"], found[f"there, {LANES}"]
    rows = [
        Row("one run", "0.5 or more", ratio(found["here, 1"], one), _figures(found["here, 1"], one)),
        Row("one run, repeat_penalty", None, ratio(found["here, 1, penalty"], one),
            _figures(found["here, 1, penalty"], one)),
        Row(f"{LANES} runs at once", "0.8 or more", ratio(found[f"here, {LANES}"], many),
            _figures(found[f"here, {LANES}"], many)),
    ]  # fmt: skip
    return Table("remote", f"ours on a llama-server / its own stream with n_probs = {N_PROBS}", rows)


def _figures(here: list[float], there: list[float]) -> dict[str, float | str]:
    return {"ours tok/s": sorted(here)[len(here) // 2], "server tok/s": sorted(there)[len(there) // 2]}


def _streams(address: str, prompt: list[int], count: int, lanes: int) -> float:
    """Tokens per second in sum of so many streams at once."""
    body = {
        "prompt": prompt, "n_predict": count, "n_probs": N_PROBS, "post_sampling_probs": False, "ignore_eos": True,
        "cache_prompt": True, "stream": True,
    }  # fmt: skip
    with ThreadPoolExecutor(lanes) as pool:
        begin = time.perf_counter()
        events = sum(pool.map(lambda seed: _events(address, body | {"seed": seed}), range(lanes)))
        assert events >= lanes * count
        return lanes * count / (time.perf_counter() - begin)


def _events(address: str, body: dict[str, Any]) -> int:
    place = urlsplit(address)
    connection = HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=600)
    connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
    count = sum(line.startswith(b"data:") for line in connection.getresponse())
    connection.close()
    return count


def _ask(address: str, path: str, body: dict[str, Any]) -> Any:
    place = urlsplit(address)
    connection = HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer
