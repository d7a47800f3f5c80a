"""Grammar: what it costs a token to follow a schema.

Constrained: `Model.run` under a JSON schema, or a regular expression. Plain: as many tokens without one, which take the
model as long. The seconds of each from its first token on, every Step made, in turns.
"""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from bench.measuring import in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

#: People, and so many that no reply ends before it has all its tokens.
_SCHEMA: Final = {
    "type": "array",
    "minItems": 200,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 30},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "likes": {"enum": ["the sea", "the mountains", "clocks", None]},
        },
        "required": ["name", "age", "likes"],
        "additionalProperties": False,
    },
}
#: A narrow one: hardly ever are the likeliest tokens allowed. And a wide one: nearly all are.
_CONSTRAINTS: Final[dict[str, dict[str, Any]]] = {
    "schema": {"json_schema": json.dumps(_SCHEMA)},
    "narrow expression": {"regex": r"(\d{3}-\d{4}\n){400}"},
    "wide expression": {"regex": r"[^\n]{20000,}"},
}


def measure(options: Options) -> list[Table]:
    """Seconds for as many tokens, in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        prompt = ours.ask("tokenize", text=PROMPT)
        ends = {str(token): "-inf" for token in ours.facts["eog"]}
        plain = {"max_tokens": options.tokens, "seed": 0, "logit_bias": ends}
        runs = {"plain": plain, **{name: plain | knobs for name, knobs in _CONSTRAINTS.items()}}
        made = ours.ask("crowd", prompt=prompt, settings=[*runs.values()])["tokens"]
        for name, tokens in zip(runs, made, strict=True):
            assert len(tokens) == options.tokens, f"{name}: it ended after {len(tokens)} tokens"
        turns = {name: partial(ours.ask, "generation", prompt=prompt, settings=one) for name, one in runs.items()}
        found = in_turns(turns, options.turns)
    per_token = {name: statistics.median(values) / options.tokens * 1000 for name, values in found.items()}
    rows = [
        Row(
            f"{name} / plain",
            Goal("<=", 1.05),
            ratio(found[name], found["plain"]),
            {"ms a token": per_token[name], "plain": per_token["plain"]},
        )
        for name in _CONSTRAINTS
    ]
    return [Table("grammar", f"{options.tokens} tokens, seconds as a ratio", rows)]
