"""Steps beside a bare loop: what it costs to account for every token.

Ours: `Model.stream` with the default settings, each Step (ten alternatives, raw and final probability, entropy, rank,
roll) taken from the queue in the caller's thread; timed from the first Step to the last.

A bare loop: `llama_decode` on the very tokens that ours chose, in a context with the same parameters, the same number
of threads and the same environment; nothing is sampled. That is the same arithmetic, call for call, and the least that
anybody can do. A second bare loop has the library's own environment, in which OpenMP waits differently: what our choice
of environment costs is then in the ratio, too.

llama-cpp-python: `create_completion(stream=True, logprobs=10)` with the same prompt and knobs, which is what its users
do to see probabilities; it has the library's own environment and kernels.

Named: ours with settings that tell every knob which does nothing by default its neutral value, each by its name: what
nobody uses may cost nothing.

All begin with an empty cache, as the bare loop always does. The last row repeats ours after the cache has been filled
with other texts, because attention has to step over their cells.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any

from bench.measuring import Turns, in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_SAME_KNOBS = {"temperature": 0.8, "top_p": 0.95, "min_p": 0.05, "top_k": 40, "repeat_penalty": 1.1}


def measure(options: Options) -> list[Table]:
    """Tokens per second of everybody, in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        prompt = ours.ask("tokenize", text=PROMPT)
        seed, tokens = _long_run(ours, prompt, options.tokens)
        ours.ask("forget")
        facts = ours.facts
        bare = stack.enter_context(
            Worker("bare", environment=facts["environment"], path=facts["path"], options=facts["options"])
        )
        plain = stack.enter_context(Worker("bare", path=facts["path"], options=facts["options"]))
        classic = stack.enter_context(
            Worker("classic", path=facts["path"], threads=options.n_threads, n_ctx=len(prompt) + options.tokens + 8)
        )

        def ours_turn(*, named: bool = False) -> float:
            made = ours.ask("steps", prompt=prompt, count=options.tokens, seed=seed, named=named)
            assert made["tokens"] == tokens, "the same run gave other tokens"
            return (len(tokens) - 1) / made["seconds"]

        def bare_turn(worker: Worker) -> float:
            return (len(tokens) - 1) / worker.ask("single", prompt=prompt, tokens=tokens)

        def classic_turn() -> float:
            made = classic.ask("steps", prompt=prompt, count=options.tokens, settings=_SAME_KNOBS | {"seed": seed})
            return made["tokens"] / made["seconds"]

        contenders = {
            "ours": ours_turn,
            "named": lambda: ours_turn(named=True),
            "bare": lambda: bare_turn(bare),
            "plain": lambda: bare_turn(plain),
            "classic": classic_turn,
        }
        in_turns(contenders, Turns(1, 1))  # everybody warm
        found = in_turns(contenders, options.turns)
        used = ours.ask("fill", count=facts["options"]["n_cells"] * 3 // 4)
        filled = in_turns({"ours": ours_turn, "bare": contenders["bare"]}, options.turns.half())
    return [_table(found, filled, used, facts)]


def _long_run(ours: Worker, prompt: list[int], count: int) -> tuple[int, list[int]]:
    """A seed whose run is not ended early by the model, and its tokens."""
    for seed in range(50):
        tokens: list[int] = ours.ask("steps", prompt=prompt, count=count, seed=seed)["tokens"]
        if len(tokens) == count:
            return seed, tokens
    raise RuntimeError("the model ends every run early; take another one")


def _table(found: dict[str, list[float]], filled: dict[str, list[float]], used: int, facts: dict[str, Any]) -> Table:
    ours, bare, plain, classic = (statistics.median(found[name]) for name in ("ours", "bare", "plain", "classic"))
    environment = " ".join(f"{name}={value}" for name, value in facts["environment"].items())
    return Table(
        "steps",
        "one run with Steps, tokens per second as a ratio",
        [
            Row(
                "ours / bare loop, same environment",
                Goal(">=", 0.95),
                ratio(found["ours"], found["bare"]),
                {"ours tok/s": ours, "bare": bare},
            ),
            Row(
                "ours / bare loop, the library's own environment",
                Goal(">=", 0.95),
                ratio(found["ours"], found["plain"]),
                {"bare": plain},
            ),
            Row(
                "ours / llama-cpp-python with logprobs=10",
                Goal(">=", 4),
                ratio(found["ours"], found["classic"]),
                {"llama-cpp-python": classic},
            ),
            Row(
                "ours / ours with every neutral knob named",
                Goal("<=", 1.01),
                ratio(found["ours"], found["named"]),
                {"named": statistics.median(found["named"])},
            ),
            Row(
                "ours with a well-used cache / bare loop with an empty one",
                None,
                ratio(filled["ours"], filled["bare"]),
                {"cells in use": used, "ours": statistics.median(filled["ours"])},
            ),
        ],
        f"Our environment: {environment}. exact: {facts['exact']}.",
    )
