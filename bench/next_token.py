"""Next token, live: how long the server takes to redraw when a knob is turned.

What is timed is all that the server does for it: chain and ledger over the whole vocabulary, the account, the HTML.
The logits are at hand, as they are in the page. Knobs that leave many candidates to later stages are the slow ones, so
they are measured, too.
"""

from __future__ import annotations

import time
from typing import Any, Final

import tsumami
from bench.measuring import Ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from tsumami import charts
from tsumami.explain.tokens.lookahead import Look, look, next_token
from tsumami.settings import Settings

_LIMITS: Final = {"smollm2": 50, "gemma": 100}  # milliseconds, at 49k and at 262k entries
_TURNS: Final[dict[str, dict[str, Any]]] = {
    "the defaults": {},
    "a high temperature": {"temperature": 2.0, "top_k": 0, "top_p": 1.0},
    "every stage on, no top_k": {
        "top_k": 0,
        "typical_p": 0.95,
        "tfs_z": 0.95,
        "xtc_probability": 0.5,
        "dry_multiplier": 0.8,
        "frequency_penalty": 0.5,
        "top_n_sigma": 2.0,
    },
}


def measure(options: Options) -> list[Table]:
    """Milliseconds of one redraw at two sizes of vocabulary."""
    rows = []
    for name, limit in _LIMITS.items():
        with tsumami.load(name, threads=options.n_threads) as model:
            at = look(model, model.as_prompt(PROMPT))
            for what, knobs in _TURNS.items():
                times = [_redraw(model, at, {**knobs, "seed": turn}) for turn in range(3 * options.turns.least)]
                name = f"{what}, {model.tokenizer.n_tokens:,} entries, ms"
                rows.append(Row(name, Goal("<=", limit), Ratio.of(times)))
    return [Table("next_token", "a redraw of the next token", rows)]


def _redraw(model: tsumami.Model, at: Look, knobs: dict[str, Any]) -> float:
    """One turn of a knob, in milliseconds."""
    piece = model.tokenizer.piece
    begin = time.perf_counter()
    seen = next_token(model, at, Settings.from_mapping(knobs), step=3).account()
    charts.next_token_bars(seen, piece, "ja")
    charts.roll_strip([charts.Line.of(seen)], seen.u, piece, "ja")
    charts.ledger_table(seen, piece, "ja")
    return 1000 * (time.perf_counter() - begin)
