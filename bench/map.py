"""Knob maps against generating the texts one by one.

`top_k`: the map from 1 to 100, against llama-cpp-python's `create_completion` called for each of the hundred values,
all else by default, `logits_all` off; it keeps the prompt in its cache, too. Every fourth value is called, and the
seconds taken times four.

`temperature`: the map from 0.05 to 2 with 64 leaves, against one `Model.run` for each text that it finished: every
fourth one is run, at the first value of its piece, and the seconds scaled by the tokens; each must come out as the map
says.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any, Final

from bench.measuring import in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_TOKENS: Final = 64
_LEAVES: Final = 64
_SAMPLE: Final = 4
_TOP_K: Final = {"knob": "top_k", "low": 1, "high": 100, "leaves": 100}
_TEMPERATURE: Final = {"knob": "temperature", "low": 0.05, "high": 2.0, "leaves": _LEAVES}


def measure(options: Options) -> list[Table]:
    """Seconds for whole maps, in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        prompt = ours.ask("tokenize", text=PROMPT)
        count = min(options.tokens, _TOKENS)
        base = {"max_tokens": count, "seed": 0}
        n_ctx = len(prompt) + count + 1
        classic = stack.enter_context(
            Worker("classic", path=ours.facts["path"], threads=options.n_threads, n_ctx=n_ctx, logits_all=False)
        )
        values = [{"seed": 0, "top_k": k} for k in range(1, 101)][::_SAMPLE]
        cooler = ours.ask("knob_map", prompt=prompt, base=base, **_TOP_K)
        hotter = ours.ask("knob_map", prompt=prompt, base=base, **_TEMPERATURE)
        some = [base | {"temperature": value} for value in hotter["values"][::_SAMPLE]]
        assert ours.ask("one_by_one", prompt=prompt, settings=some)["tokens"] == hotter["tokens"][::_SAMPLE]
        share = sum(map(len, hotter["tokens"])) / sum(map(len, hotter["tokens"][::_SAMPLE]))
        found = in_turns(
            {
                "top_k": lambda: ours.ask("knob_map", prompt=prompt, base=base, **_TOP_K)["seconds"],
                "calls": lambda: classic.ask("complete", prompt=prompt, count=count, settings=values) * _SAMPLE,
                "temperature": lambda: ours.ask("knob_map", prompt=prompt, base=base, **_TEMPERATURE)["seconds"],
                "alone": lambda: ours.ask("one_by_one", prompt=prompt, settings=some)["seconds"] * share,
            },
            options.turns,
        )
    rows = [
        Row(
            "llama-cpp-python for each top_k from 1 to 100 / the map",
            Goal(">=", 6),
            ratio(found["calls"], found["top_k"]),
            _figures(cooler)
            | {"map s": statistics.median(found["top_k"]), "calls s": statistics.median(found["calls"])},
        ),
        Row(
            f"one run for each text / the map of temperature with {_LEAVES} leaves",
            Goal(">=", 1.7),
            ratio(found["alone"], found["temperature"]),
            _figures(hotter)
            | {"map s": statistics.median(found["temperature"]), "runs s": statistics.median(found["alone"])},
        ),
    ]
    return [Table("map", f"maps of one knob, {count} tokens, seconds as a ratio", rows)]


def _figures(made: dict[str, Any]) -> dict[str, float | str]:
    return {"texts": len(made["tokens"]), "decoded": made["decoded"], "coverage": f"{made['coverage']:.3f}"}
