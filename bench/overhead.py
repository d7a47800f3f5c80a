"""What of the time of one token is ours, and where it goes: microseconds. For orientation, no goal.

The time from the end of one `llama_decode` to the beginning of the next is all that a token costs beside the library:
engine, cache, chain, Step, text, hand-over. The shortest of several rounds counts, so the figure holds on a machine
that is not quiet, where a ratio of speeds does not. With 32 runs it is that time divided by 32, with the settings of
the measure `batch`.

The parts are measured in a run of its own with clocks around the functions (contenders/_account.py). Also for Gemma,
whose vocabulary of 262,144 makes every pass over a row five times as long, where its package is installed.
"""

from __future__ import annotations

from bench.batch import CROWD, mixed_settings
from bench.options import PROMPT, Options
from bench.report import Row, Table
from bench.workers import ContenderError, Worker

_CROWD_TOKENS, _CROWD_ROUNDS = 16, 3
_SMALLEST = 1.0  # microseconds; less is not worth a line


def measure(options: Options) -> list[Table]:
    """Microseconds per token."""
    tables = []
    for model in dict.fromkeys((options.model, "gemma")):
        try:
            tables.append(_account(options, model))
        except ContenderError as error:
            if "MissingDependencyError" not in str(error):
                raise
    return tables


def _account(options: Options, model: str) -> Table:
    with Worker("ours", model=model, threads=options.n_threads) as ours:
        prompt, facts = ours.ask("tokenize", text=PROMPT), ours.facts
        one = [{"max_tokens": options.tokens, "seed": 1, "logit_bias": {str(token): "-inf" for token in facts["eog"]}}]
        alone = ours.ask("between", prompt=prompt, settings=one, rounds=options.turns.least)
        crowd = ours.ask(
            "between", prompt=prompt, settings=mixed_settings(_CROWD_TOKENS, facts["eog"]), rounds=_CROWD_ROUNDS
        )
        found = ours.ask("account", prompt=prompt, count=options.tokens)
    parts = {name: spent for name, spent in found["parts"].items() if spent >= _SMALLEST}
    rows = [
        Row("ours per token, one run", None, None, {"µs": alone}),
        Row(f"ours per token, {CROWD} runs", None, None, {"µs": crowd / CROWD}),
        *(Row(f"  {name}", None, None, {"µs": spent}) for name, spent in parts.items()),
    ]
    note = f"No longer there under this name: {', '.join(found['gone'])}." if found["gone"] else ""
    return Table("overhead", f"{model}, vocabulary {facts['n_vocab']}", rows, note)
