"""Where the time of one token goes: microseconds by part of the way from logits to Step. For orientation, no goal.

Measured in a run of its own with clocks around the functions (contenders/_account.py); `llama_decode` is the library,
everything else is ours. Also for Gemma, whose vocabulary of 262,144 makes every pass over a row five times as long,
where its package is installed.
"""

from __future__ import annotations

from bench.options import PROMPT, Options
from bench.report import Row, Table
from bench.workers import ContenderError, Worker

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
        prompt = ours.ask("tokenize", text=PROMPT)
        found = ours.ask("account", prompt=prompt, count=options.tokens)
        n_vocab = ours.facts["n_vocab"]
    parts = {name: spent for name, spent in found["parts"].items() if spent >= _SMALLEST}
    overhead = sum(spent for name, spent in found["parts"].items() if name != "llama_decode")
    rows = [
        Row("a token, without the clocks", None, None, {"µs": found["plain"]}),
        Row("a token, with the clocks", None, None, {"µs": found["clocked"], "of which ours": overhead}),
        *(Row(f"  {name}", None, None, {"µs": spent}) for name, spent in parts.items()),
    ]
    note = f"No longer there under this name: {', '.join(found['gone'])}." if found["gone"] else ""
    return Table("overhead", f"{model}, vocabulary {n_vocab}", rows, note)
