"""The loop, one token at a time: what stands in each box of the diagram at a given step of a run.

Guarantee: a `Turn` only reads a run and its ledger, so what it shows is what happened when the run was made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from tsumami.runs import Run
from tsumami.runs.signs import visible

_SHOWN_LOGITS: Final = 10


@dataclass(frozen=True, slots=True)
class Turn:
    """One way round the loop.

    `text_before` and `ids` are what the model was given (prompt and the tokens so far), `n_vocab` the length of the row
    of logits that it answered with; `table` the likeliest tokens (columns rank, id, piece, logit, p_raw, p_final, low,
    high: the part of 0..1 that belongs to the token, NaN if a stage cut it); `u` the roll (None if none was taken), and
    `id`, `piece`, `text_after` what came of it.
    """

    step: int
    text_before: str
    ids: tuple[int, ...]
    n_vocab: int
    table: pd.DataFrame
    u: float | None
    id: int
    piece: bytes
    text_after: str


def candidates(turn: Turn) -> pd.DataFrame:
    """The table of a turn for human eyes: columns rank, id, piece, logit, p_raw, p_final, share (the part of the strip
    0..1 that the roll is held against; "" for what was cut), chosen.
    """
    table = turn.table
    ends = zip(table["low"], table["high"], strict=True)
    shares = ["" if pd.isna(low) else f"{low:.4f} – {high:.4f}" for low, high in ends]
    return pd.DataFrame(
        {
            "rank": table["rank"],
            "id": table["id"],
            "piece": [visible(piece) for piece in table["piece"]],
            "logit": table["logit"].round(2),
            "p_raw": table["p_raw"].round(4),
            "p_final": table["p_final"].round(4),
            "share": shares,
            "chosen": table["id"] == turn.id,
        }
    )


def up_to(run: Run, count: int) -> Run:
    """The run as it was after its first `count` tokens, for showing; its ledgers stay those of the whole run."""
    return replace(run, steps=run.steps[:count])


def turn(run: Run, step: int, count: int = _SHOWN_LOGITS) -> Turn:
    """The boxes of step number `step` (0 <= step < tokens of the run), with the `count` likeliest tokens.

    Raises:
        IndexError: no such token.
        RunFileError: the run was loaded from a file and no model is attached.
    """
    ledger = run.ledger(step)
    step = ledger.step
    raw, final = ledger.records[0], ledger.records[-1]
    shares = dict(zip(final.ids.tolist(), final.probs.tolist(), strict=True))
    ends: dict[int, tuple[float, float]] = {}
    at = 0.0
    for token, share in shares.items():
        ends[token] = (at, at + share)
        at += share
    pieces = {option.id: option.piece for option in run.steps[step].alternatives}
    pieces[run.steps[step].id] = run.steps[step].piece
    probs = raw.probs
    order = [option.id for option in run.steps[step].alternatives[:count]]
    if run.steps[step].id not in order:
        order.append(run.steps[step].id)
    rows = [
        {
            "rank": 1 + int((raw.logits > raw.logits[token]).sum()),
            "id": token,
            "piece": pieces[token].decode("utf-8", "backslashreplace"),
            "logit": float(raw.logits[token]),
            "p_raw": float(probs[token]),
            "p_final": shares.get(token, 0.0),
            "low": ends.get(token, (float("nan"),) * 2)[0],
            "high": ends.get(token, (float("nan"),) * 2)[1],
        }
        for token in order
    ]
    before = "".join(earlier.text for earlier in run.steps[:step])
    now = run.steps[step]
    return Turn(
        step=step,
        text_before=run.receipt.prompt + before,
        ids=(*run.receipt.prompt_tokens, *run.tokens[:step]),
        n_vocab=len(raw.ids),
        table=pd.DataFrame(rows),
        u=now.u,
        id=now.id,
        piece=now.piece,
        text_after=run.receipt.prompt + before + now.text,
    )
