"""Inside the model: what its parts are and how large, and that a position sees only what stands before it.

Guarantee: the sizes are those of the loaded model, and that attention is causal is not claimed but tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from tsumami.engine import Feed, Program, Sequence
from tsumami.errors import EmptyPromptError, PromptTooLongError
from tsumami.model import Model
from tsumami.native import Float32Array
from tsumami.wording import counted

#: How many positions are looked at: all pairs of a long text would be a picture of millions of squares.
_POSITIONS: Final = 24


@dataclass(frozen=True, slots=True)
class Station:
    """A station on the way of a prompt through the model: its name (a key of the texts), the shape of what comes out of
    it, and how often it is passed.
    """

    name: str
    shape: tuple[int, ...]
    times: int = 1


def parts(model: Model, text: str) -> tuple[Station, ...]:
    """The stations that the tokens of `text` pass, with the shapes that they have in this model.

    Raises:
        PromptTooLongError: the model's context does not hold them.
    """
    shape = model.shape
    n = len(model.tokenize(text))
    if n > model.n_ctx:
        raise PromptTooLongError(
            f"the text has {counted(n, 'token')}; the context holds {model.n_ctx}. Shorten the text"
        ).in_japanese(
            f"文章は {n} トークンありますが、コンテキストは {model.n_ctx} トークンです。文章を短くしてください"
        )
    return (
        Station("ids", (n,)),
        Station("embeddings", (n, shape.n_embd)),
        Station("attention", (shape.n_head, n, n), shape.n_layer),
        Station("hidden", (n, shape.n_embd), shape.n_layer),
        Station("last", (shape.n_embd,)),
        Station("logits", (shape.n_vocab,)),
        Station("probabilities", (shape.n_vocab,)),
    )


def sees(model: Model, text: str) -> pd.DataFrame:
    """Which of the first 24 positions sees which: columns row, column (positions), row_piece, column_piece, seen
    (column <= row).
    """
    pieces = [model.detokenize([token]) for token in model.tokenize(text)[:_POSITIONS]]
    rows: Iterator[tuple[int, int]] = ((i, j) for i in range(len(pieces)) for j in range(len(pieces)))
    return pd.DataFrame(
        [{"row": i, "column": j, "row_piece": pieces[i], "column_piece": pieces[j], "seen": j <= i} for i, j in rows],
        columns=["row", "column", "row_piece", "column_piece", "seen"],
    )


@dataclass(frozen=True, slots=True)
class CausalTrial:
    """What became of the logits at the positions of a text when more text was put behind it: the number of positions
    and of logits compared, and the largest change of any of them (0.0: not one bit moved).
    """

    n_positions: int
    n_logits: int
    largest_change: float


def try_causality(model: Model, text: str, more: str) -> CausalTrial:
    """Compute all logits of the first 24 positions of `text`, then those of the same tokens with `more` behind them,
    and compare.

    Raises:
        EmptyPromptError: `text` has no tokens.
    """
    ids = model.tokenize(text)[:_POSITIONS]
    if not ids:
        raise EmptyPromptError("the text is empty: there is no position to look at").in_japanese(
            "文章が空なので、見る位置がありません"
        )
    alone = model.engine.run(_all_rows(ids))
    longer = model.engine.run(_all_rows([*ids, *model.tokenize(more, add_special=False)]))[: len(ids)]
    return CausalTrial(len(ids), alone.size, float(np.abs(alone - longer).max()))


def _all_rows(ids: list[int]) -> Program[Float32Array]:
    """The logits after every token, shape (n, n_vocab)."""
    with Sequence() as sequence:
        (rows,) = yield [Feed(sequence, ids, rows="all")]
    return rows.logits
