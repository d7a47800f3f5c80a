"""What a row of logits says about a token: probability, entropy, rank, and the likeliest alternatives.

Guarantee: the same row gives the same numbers, whoever asks; looking changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates

_BLOCKS: Final = 1024


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


def measure_raw(row: Float32Array, token: int, n_top: int, near: Summit | None = None) -> RawMeasure:
    """Measure `token` in a row of logits, shape (n_vocab,); `near` if its summit is at hand."""
    top = likeliest(row, n_top, near)
    shifted = row - row[top[0]]
    weights = np.exp(shifted)
    total = float(weights.sum(dtype=np.float64))
    with np.errstate(invalid="ignore"):
        expected = float(np.dot(weights, shifted))
    if np.isnan(expected):  # 0 times -inf, where a token cannot come
        expected = float(np.dot(weights, np.maximum(shifted, np.float32(-200))))
    # H = ln Z - sum p·(l - max)
    entropy = (np.log(total) - expected / total) / np.log(2)
    # a token among the likeliest has all that beat it there, too
    rivals = row[top] if row[token] >= row[top[-1]] else row
    return RawMeasure(
        p=float(weights[token]) / total,
        rank=1 + int(np.count_nonzero(rivals > row[token])),
        entropy=max(0.0, float(entropy)),
        top_ids=tuple(top.tolist()),
        top_p=tuple((weights[top].astype(np.float64) / total).tolist()),
    )


def likeliest(row: Float32Array, count: int, near: Summit | None = None) -> npt.NDArray[np.intp]:
    """The ids of the `count` largest logits, largest first, the smaller id first among equals: shape (count,).

    Any summit of the row that has so many ids has these.
    """
    ids = near.ids if near is not None and len(near.ids) >= count else summit(row, count).ids
    return ids[np.lexsort((ids, -row[ids]))][:count]


@dataclass(frozen=True, slots=True)
class Summit:
    """The `ids` of all logits that reach `floor`, in no order."""

    ids: npt.NDArray[np.intp]
    floor: np.float32


def summit(row: Float32Array, count: int) -> Summit:
    """The `count` largest logits and not many more: a short list in which the largest can be looked for.

    The maxima of 1024 interleaved blocks hold at least `count` entries that reach the block maxima's own `count`-th
    largest. So all that is wanted reaches that floor, and lies in the few blocks whose maximum reaches it.
    """
    depth = len(row) // _BLOCKS
    if depth < 2 or count > _BLOCKS:
        return Summit(np.arange(len(row)), np.float32(-np.inf))
    body = row[: depth * _BLOCKS].reshape(depth, _BLOCKS)
    highest = np.maximum.reduce(body, axis=0)
    floor = np.partition(highest, _BLOCKS - count)[_BLOCKS - count]
    blocks = (highest >= floor).nonzero()[0]
    layer, block = (body.take(blocks, axis=1) >= floor).nonzero()
    rest = (row[depth * _BLOCKS :] >= floor).nonzero()[0]
    return Summit(np.concatenate([layer * _BLOCKS + blocks[block], rest + depth * _BLOCKS]), floor)


def final_probabilities(candidates: Candidates, ids: tuple[int, ...]) -> tuple[float, ...]:
    """The `p` field that the choice left for each of `ids`; 0 for tokens that were cut."""
    data = candidates.data
    if len(data) <= 512:
        known = dict(zip(data["id"].tolist(), data["p"].tolist(), strict=True))
        return tuple(known.get(token, 0.0) for token in ids)
    spread = np.zeros(max(int(data["id"].max()), *ids) + 1, np.float32)
    spread[data["id"]] = data["p"]
    return tuple(spread[list(ids)].tolist())
