"""A grid of 10 x 10 settings over both sliders: temperature 0.2 to 2, top_p 0.1 to 1; one prompt, one seed, the other
knobs at their defaults.

Ours: `Model.grid`, timed from the call until the last cell is finished; its cells are the lone runs' texts, which the
first round checks on every tenth cell. No text ends before its full length, because the end-of-generation tokens are
biased away.

One by one: `Model.run` for every tenth cell in the same process, its seconds times ten.

llama-server: 32 slots, 32 connections over loopback HTTP, a request for each cell with the same settings, `ignore_eos`,
`cache_prompt` on and the prompt in every slot beforehand, no streaming; as in `batch`.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any, Final

from bench.batch import CROWD, Driver
from bench.measuring import in_turns, ratio
from bench.options import PROMPT, SERVER_PYTHON, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_VARY: Final = {
    "temperature": [round(0.2 * step, 1) for step in range(1, 11)],
    "top_p": [round(0.1 * step, 1) for step in range(1, 11)],
}
_TOKENS: Final = 64
_SAMPLE: Final = 10  # every tenth cell is run by itself


def measure(options: Options) -> list[Table]:
    """Seconds for the whole grid, in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        prompt = ours.ask("tokenize", text=PROMPT)
        tokens = min(options.tokens, _TOKENS)
        base = {"max_tokens": tokens, "seed": 0, "logit_bias": {str(token): "-inf" for token in ours.facts["eog"]}}
        cells = [base | {"temperature": t, "top_p": p} for t in _VARY["temperature"] for p in _VARY["top_p"]]
        some = cells[::_SAMPLE]
        made = ours.ask("grid", prompt=prompt, vary=_VARY, base=base)
        assert ours.ask("one_by_one", prompt=prompt, settings=some)["tokens"] == made["tokens"][::_SAMPLE]
        contenders = {
            "ours": lambda: ours.ask("grid", prompt=prompt, vary=_VARY, base=base)["seconds"],
            "alone": lambda: ours.ask("one_by_one", prompt=prompt, settings=some)["seconds"] * _SAMPLE,
        }
        if SERVER_PYTHON.exists():
            room = -(-(len(prompt) + tokens + 1) // 256) * 256 * CROWD
            server = stack.enter_context(
                Worker(
                    "llama_server",
                    python=SERVER_PYTHON,
                    path=ours.facts["path"],
                    threads=options.n_threads,
                    slots=CROWD,
                    cells=room,
                )
            )
            drive = Driver(server.facts["address"], prompt)
            drive.fill_slots()
            contenders["server"] = lambda: len(cells) * tokens / drive.crowd(cells)
        found = in_turns(contenders, options.turns)
    return [_table(found, made, len(cells) * tokens)]


def _table(found: dict[str, list[float]], made: dict[str, Any], tokens: int) -> Table:
    seconds = {f"{name} s": statistics.median(values) for name, values in found.items()}
    decoded = {"tokens": tokens, "decoded by ours": made["decoded"], "different texts": made["texts"]}
    rows = [Row("runs one by one / ours", None, ratio(found["alone"], found["ours"]), seconds | decoded)]
    if "server" in found:
        rows.insert(
            0, Row(f"llama-server, {CROWD} slots / ours", Goal(">=", 2), ratio(found["server"], found["ours"]), seconds)
        )
    note = "" if "server" in found else f"llama-server was not measured: {SERVER_PYTHON} is not there."
    return Table("grid", "10 x 10 settings, 64 tokens, seconds as a ratio", rows, note)
