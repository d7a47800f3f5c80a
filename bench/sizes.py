"""What a Step costs against the size of the model: one run with Steps beside a bare loop, as in `steps`, on models of
the sizes that people run.

Per token our own work hardly depends on the size of the model, only on that of the vocabulary; decoding does. So what
is ours is a larger part of the smallest model's time than of any other's.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Final

from bench.measuring import Turns, in_turns, ratio
from bench.models import SHAPES, made
from bench.options import PROMPT, SERVER_PYTHON, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_REAL: Final = "135M, 49k, the bundled one"
_GOALS: Final = {_REAL: 0.9, "0.5B, 49k": 0.95, "0.5B, 152k": 0.95, "1.5B, 152k": 0.98}
_TOKENS: Final = {_REAL: 128, "0.5B, 49k": 48, "0.5B, 152k": 48, "1.5B, 152k": 24}


def measure(options: Options) -> list[Table]:
    """Tokens per second of both, in turns, for every size."""
    if not SERVER_PYTHON.exists():
        return [Table("sizes", "one run with Steps", [], f"{SERVER_PYTHON} is not there, which writes the models.")]
    rows = [_row(options, options.model, _REAL)]
    rows += [_row(options, name, name) for name in SHAPES]
    return [Table("sizes", "one run with Steps / a bare loop, by parameters and tokens of the vocabulary", rows)]


def _row(options: Options, model: str, name: str) -> Row:
    tokens = min(options.tokens, _TOKENS[name])
    with ExitStack() as stack:
        if name in SHAPES:
            with Worker("ours", model=options.model, threads=options.n_threads) as small:
                model = made(name, like=small.facts["path"])
        ours = stack.enter_context(Worker("ours", model=model, threads=options.n_threads))
        facts, prompt = ours.facts, ours.ask("tokenize", text=PROMPT)
        settings = {"max_tokens": tokens, "seed": 1, "ignore_eos": True}
        bare = stack.enter_context(
            Worker("bare", environment=facts["environment"], path=facts["path"], options=facts["options"])
        )
        chosen = ours.ask("one_by_one", prompt=prompt, settings=[settings])["tokens"][0]
        contenders = {
            "ours": lambda: (tokens - 1) / ours.ask("seconds", prompt=prompt, settings=settings),
            "bare": lambda: (tokens - 1) / bare.ask("single", prompt=prompt, tokens=chosen),
        }
        in_turns(contenders, Turns(1, 1))  # everybody warm
        found = in_turns(contenders, options.turns)
    milliseconds = {
        "ours ms a token": 1000 / statistics.median(found["ours"]),
        "bare": 1000 / statistics.median(found["bare"]),
    }
    return Row(name, Goal(">=", _GOALS[name]), ratio(found["ours"], found["bare"]), milliseconds)
