"""A crowd: 32 runs with different settings from one prompt, generated side by side.

Ours: 32 `Model.stream`s handed in one after another by one thread, every Step made; timed from the first hand-in until
the last run is finished. Two crowds: a *grid* of eight temperatures and four top_p, all else by default, as people
sweep; and a *mixed* one of all modes but contrastive search (which decodes top_k tokens per token), a quarter of which
has no top_k, so that llama.cpp sorts the whole vocabulary for eight of the 32. The end-of-generation tokens are biased
away so that each run has its full length. The cache is as large as a crowd needs, so every round has to throw out what
the one before left there.

A bare loop: `llama_decode` over the very tokens that ours chose, 32 to a call, same context parameters, threads and
environment; the prompt lies in the cache of both and each sequence decodes its last token itself. `default` is the same
with the library's own parameters (other kernels, one stream of cells per sequence) and environment.

llama-server: 32 slots, 32 connections over loopback HTTP, `/completion` with the same settings and `ignore_eos`,
`cache_prompt` on and the prompt in every slot beforehand, no streaming. It makes no Steps, only text. The wheel is
prebuilt for AVX2 and has a newer llama.cpp, ours is compiled for this processor; the last row, one request alone beside
the bare loop with default parameters, shows how much that alone is worth.
"""

from __future__ import annotations

import functools
import itertools
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from bench.measuring import in_turns, ratio
from bench.options import PROMPT, SERVER_PYTHON, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

CROWD: Final = 32
_MOST_PROMPT: Final = 256
_LEAST_CELLS: Final = 4096  # what one run may have


def measure(options: Options) -> list[Table]:
    """Tokens per second in sum, in turns."""
    with ExitStack() as stack:
        cells = max(-(-(CROWD * options.tokens + _MOST_PROMPT) // 256) * 256, _LEAST_CELLS)
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads, n_cells=cells))
        facts = ours.facts
        prompt = ours.ask("tokenize", text=PROMPT)
        assert len(prompt) <= _MOST_PROMPT, f"the prompt has {len(prompt)} tokens"
        crowds = {
            "mixed": mixed_settings(options.tokens, facts["eog"]),
            "grid": grid_settings(options.tokens, facts["eog"]),
        }
        tokens = {name: ours.ask("crowd", prompt=prompt, settings=crowd)["tokens"] for name, crowd in crowds.items()}
        count = CROWD * options.tokens
        sizes = facts["options"]
        bare = stack.enter_context(Worker("bare", environment=facts["environment"], path=facts["path"], options=sizes))
        per_sequence = -(-(len(prompt) + options.tokens + 1) // 256) * 256
        roomy = sizes | {"n_sequences": CROWD, "n_cells": CROWD * per_sequence}
        default = stack.enter_context(Worker("bare", path=facts["path"], options=roomy, parameters="default"))

        def ours_turn(crowd: str) -> float:
            made = ours.ask("crowd", prompt=prompt, settings=crowds[crowd])
            assert made["tokens"] == tokens[crowd], "the same runs gave other tokens"
            return count / float(made["seconds"])

        def bare_turn(worker: Worker, crowd: str) -> float:
            return count / float(worker.ask("crowd", prompt=prompt, tokens=tokens[crowd]))

        contenders: dict[str, Callable[[], float]] = {}
        for crowd in crowds:
            contenders[f"ours, {crowd}"] = functools.partial(ours_turn, crowd)
            contenders[f"bare, {crowd}"] = functools.partial(bare_turn, bare, crowd)
        contenders["default"] = functools.partial(bare_turn, default, "grid")
        alone: dict[str, list[float]] = {}
        server_facts: dict[str, Any] = {}
        if SERVER_PYTHON.exists():
            server = stack.enter_context(
                Worker(
                    "llama_server",
                    python=SERVER_PYTHON,
                    path=facts["path"],
                    threads=options.n_threads,
                    slots=CROWD,
                    cells=CROWD * per_sequence,
                )
            )
            server_facts = server.facts
            drive = Driver(server_facts["address"], prompt)
            drive.fill_slots()
            for crowd, settings in crowds.items():
                contenders[f"server, {crowd}"] = functools.partial(drive.crowd, settings)
            own, first = tokens["grid"][0], crowds["grid"][0]
            alone = in_turns(
                {
                    "server": lambda: drive.one(first),
                    "default": lambda: len(own) / default.ask("crowd", prompt=prompt, tokens=[own]),
                },
                options.turns.half(),
            )
        found = in_turns(contenders, options.turns)
        if alone:
            server_facts["prompt_computed"] = drive.prompt_computed
    return [_table(found, alone, server_facts)]


def grid_settings(count: int, eog: list[int]) -> list[dict[str, Any]]:
    """32 settings: eight temperatures by four top_p."""
    return [
        {"max_tokens": count, "seed": 0, "temperature": temperature, "top_p": top_p, "logit_bias": _away(eog)}
        for temperature in (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0)
        for top_p in (0.7, 0.8, 0.9, 0.95)
    ]


def _away(eog: list[int]) -> dict[str, str]:
    return {str(token): "-inf" for token in eog}


def mixed_settings(count: int, eog: list[int]) -> list[dict[str, Any]]:
    """32 settings, all different: warm and cold, wide and narrow, with and without penalties, greedy, mirostat."""
    made = []
    for number in range(CROWD):
        one: dict[str, Any] = {
            "max_tokens": count,
            "seed": number,
            "temperature": round(0.4 + 0.05 * number, 2),
            "top_k": (40, 20, 100, 0)[number % 4],
            "top_p": (0.95, 0.9, 1.0)[number % 3],
            "min_p": (0.05, 0.0, 0.1)[number % 3],
            "repeat_penalty": (1.1, 1.0, 1.2)[number % 3],
            "typical_p": (1.0, 0.95)[number % 2],
            "logit_bias": _away(eog),
        }
        if number % 8 == 6:
            one["mirostat_mode"] = 1 + number // 8 % 2
        if number % 8 == 7:
            one["temperature"] = 0.0
        made.append(one)
    return made


class Driver:
    """A crowd of HTTP clients: a connection for each request (the server closes idle ones), always the same slot."""

    def __init__(self, address: str, prompt: list[int]) -> None:
        place = urlsplit(address)
        self._host, self._port = place.hostname or "127.0.0.1", place.port
        self._prompt = prompt
        self.prompt_computed = 0

    def fill_slots(self) -> None:
        """Put the prompt into every slot's cache."""
        self.crowd([{"max_tokens": 1}] * CROWD)
        self.prompt_computed = 0

    def crowd(self, settings: list[dict[str, Any]]) -> float:
        """All requests, as many at once as there are slots, which they take in turns; tokens per second in sum, from
        the first request to the last answer.
        """
        with ThreadPoolExecutor(CROWD) as pool:
            begin = time.perf_counter()
            counts = list(pool.map(self._complete, itertools.cycle(range(CROWD)), settings))
            return sum(counts) / (time.perf_counter() - begin)

    def one(self, settings: dict[str, Any]) -> float:
        """One request alone; tokens per second."""
        begin = time.perf_counter()
        return self._complete(0, settings) / (time.perf_counter() - begin)

    def _complete(self, number: int, settings: dict[str, Any]) -> int:
        knobs = {name: value for name, value in settings.items() if name not in ("max_tokens", "logit_bias")}
        knobs["mirostat"] = knobs.pop("mirostat_mode", 0)
        wish = knobs | {
            "prompt": self._prompt,
            "n_predict": settings["max_tokens"],
            "ignore_eos": True,
            "cache_prompt": True,
            "id_slot": number,
        }
        connection = HTTPConnection(self._host, self._port, timeout=600)
        connection.request("POST", "/completion", json.dumps(wish), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"llama-server answered {response.status}: {answer}")
        self.prompt_computed = max(self.prompt_computed, int(answer["timings"]["prompt_n"]))
        return int(answer["tokens_predicted"])


def _table(found: dict[str, list[float]], alone: dict[str, list[float]], server: dict[str, Any]) -> Table:
    speed = {name: statistics.median(values) for name, values in found.items()}
    rows = [
        *(
            Row(
                f"ours / bare batched loop, {crowd}",
                Goal(">=", 0.9),
                ratio(found[f"ours, {crowd}"], found[f"bare, {crowd}"]),
                {"ours tok/s in sum": speed[f"ours, {crowd}"], "bare": speed[f"bare, {crowd}"]},
            )
            for crowd in ("grid", "mixed")
        ),
        Row(
            "ours / bare batched loop, the library's default parameters, grid",
            None,
            ratio(found["ours, grid"], found["default"]),
            {"bare": speed["default"]},
        ),
    ]
    if not alone:
        note = f"llama-server was not measured: {SERVER_PYTHON} is not there; `make bench` sets it up."
        return Table("batch", f"{CROWD} runs at once, tokens per second in sum as a ratio", rows, note)
    rows += [
        *(
            Row(
                f"ours / llama-server with {CROWD} slots, {crowd}",
                Goal(">", 1),
                ratio(found[f"ours, {crowd}"], found[f"server, {crowd}"]),
                {
                    "llama-server": speed[f"server, {crowd}"],
                    "prompt tokens it computed per request": server["prompt_computed"],
                },
            )
            for crowd in ("grid", "mixed")
        ),
        Row(
            "llama-server with one request / bare loop alone, default parameters",
            None,
            ratio(alone["server"], alone["default"]),
            {name: statistics.median(values) for name, values in alone.items()},
        ),
    ]
    note = f"llama-server's build: {server['system'].strip(' |')}."
    return Table("batch", f"{CROWD} runs at once, tokens per second in sum as a ratio", rows, note)
