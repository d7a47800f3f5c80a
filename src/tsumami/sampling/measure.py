"""What a row of logits says about a token: probability, entropy, rank, and the likeliest alternatives.

Guarantee: the same row gives the same numbers, whoever asks; looking changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates


@dataclass(frozen=True, slots=True)
class RawMeasure:
    """What holds under the model alone.

    Probability and rank (from 1) of one token, entropy in bits, and the ids and probabilities of the likeliest tokens.
    """

    p: float
    rank: int
    entropy: float
    top_ids: tuple[int, ...]
    top_p: tuple[float, ...]


def measure_raw(row: Float32Array, token: int, n_top: int) -> RawMeasure:
    """Measure `token` in a row of logits, shape (n_vocab,)."""
    shifted = row - row.max()
    weights = np.exp(shifted)
    total = float(weights.sum(dtype=np.float64))
    # H = ln Z - sum p·(l - max); products in float32 are exact enough, their sum is not, hence the double accumulator
    entropy = (np.log(total) - float(np.dot(weights, np.maximum(shifted, np.float32(-200)))) / total) / np.log(2)
    n_top = min(n_top, len(row))
    top = np.argpartition(row, len(row) - n_top)[len(row) - n_top :]
    top = top[np.lexsort((top, -row[top]))]
    return RawMeasure(
        p=float(weights[token]) / total,
        rank=1 + int(np.count_nonzero(row > row[token])),
        entropy=max(0.0, float(entropy)),
        top_ids=tuple(top.tolist()),
        top_p=tuple((weights[top].astype(np.float64) / total).tolist()),
    )


def final_probabilities(candidates: Candidates, ids: tuple[int, ...]) -> tuple[float, ...]:
    """The `p` field that the choice left for each of `ids`; 0 for tokens that were cut."""
    data = candidates.data
    if len(data) <= 512:
        known = dict(zip(data["id"].tolist(), data["p"].tolist(), strict=True))
        return tuple(known.get(token, 0.0) for token in ids)
    spread = np.zeros(max(int(data["id"].max()), *ids) + 1, np.float32)
    spread[data["id"]] = data["p"]
    return tuple(spread[list(ids)].tolist())
