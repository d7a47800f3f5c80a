"""Prompts: what each of the settings that make llama.cpp exact costs where many tokens are computed at once.

Each contender is the bare loop (contenders/bare.py) over a prompt of 256 tokens, timed as a whole; it differs from the
library's own parameters in what its name says, `exact` in all of them.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Final

from bench.measuring import Turns, in_turns, ratio
from bench.models import made
from bench.options import SERVER_PYTHON, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_TOKENS: Final = 256
_GOAL: Final = 0.7
_SIZES: Final = ("0.5B, 49k", "1.5B, 152k")
#: By what they change: parameters of the bare loop, and whether our environment holds.
_VARIANTS: Final[dict[str, tuple[list[str], bool]]] = {
    "default": ([], False),
    "no tiled kernel": ([], True),
    "no rearranged weights": (["no_repack"], False),
    "flash attention": (["flash_attention"], False),
    "BF16 values": (["flash_attention", "bf16_values"], False),
    "small pieces": (["pieces"], False),
    "exact": (["exact"], True),
}


def measure(options: Options) -> list[Table]:
    """Tokens per second of all, in turns, for every size."""
    with Worker("ours", model=options.model, threads=options.n_threads) as small:
        facts = small.facts
    models = {"135M, 49k, the bundled one": facts["path"]}
    if SERVER_PYTHON.exists():
        models |= {name: made(name, like=facts["path"]) for name in _SIZES}
    rows = [row for name, path in models.items() for row in _rows(options, name, path)]
    return [Table("prompt", f"a prompt of {_TOKENS} tokens, tokens per second / the library's own parameters", rows)]


def _rows(options: Options, name: str, path: str) -> list[Row]:
    with Worker("ours", model=path, threads=options.n_threads) as ours:
        facts = ours.facts
    sizes = facts["options"] | {"n_sequences": 1, "n_cells": 2 * _TOKENS}
    with ExitStack() as stack:
        contenders = {}
        variants = {name: _VARIANTS[name] for name in ("default", "exact")} if options.turns.most == 1 else _VARIANTS
        for what, (changes, ours) in variants.items():
            worker = stack.enter_context(
                Worker(
                    "bare", environment=facts["environment"] if ours else {}, path=path, options=sizes,
                    parameters="exact" if changes == ["exact"] else "default", changes=changes,
                )
            )  # fmt: skip
            contenders[what] = lambda worker=worker: _TOKENS / worker.ask("turn", history=[], new=[1000] * _TOKENS)
        in_turns(contenders, Turns(1, 1))  # everybody warm
        found = in_turns(contenders, options.turns)
    speed = {"default tok/s": statistics.median(found["default"])}
    return [
        Row(
            f"{name}: {what}",
            Goal(">=", _GOAL) if what == "exact" else None,
            ratio(found[what], found["default"]),
            speed if what == "exact" else {},
        )
        for what in list(contenders)[1:]
    ]
