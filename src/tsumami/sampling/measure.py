"""What a row of logits says about a token: probability, entropy, rank, and the likeliest alternatives.

Guarantee: the same row gives the same numbers, whoever asks; looking changes nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates

_BLOCKS: Final = 1024
_LN_2: Final = float(np.log(2))
_FEW: Final = 64  # so many more than wanted are sorted sooner than sifted


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


class _Whole(threading.local):
    """What a thread writes the numbers of a whole row into: memory that is warm, and asked for once."""

    def __init__(self) -> None:
        self._both = np.empty((2, 0), np.float32)

    def of(self, size: int) -> tuple[Float32Array, Float32Array]:
        """Two arrays of shape (size,), with whatever was in them; they are the next caller's, too."""
        if self._both.shape[1] != size:
            self._both = np.empty((2, size), np.float32)
        return self._both[0], self._both[1]


_whole: Final = _Whole()


def measure_raw(row: Float32Array, token: int, n_top: int, near: Summit | None = None) -> RawMeasure:
    """Measure `token` in a row of logits, shape (n_vocab,); `near` if its summit is at hand."""
    if near is None or len(near.ids) < n_top:
        near = summit(row, n_top)
    top = likeliest(row, n_top, near)
    shifted, weights = _whole.of(len(row))
    np.subtract(row, row[top[0]], out=shifted)
    np.exp(shifted, out=weights)
    total = float(weights.sum(dtype=np.float64))
    with np.errstate(invalid="ignore"):
        expected = float(np.dot(weights, shifted))
    if np.isnan(expected):  # 0 times -inf, where a token cannot come
        expected = float(np.dot(weights, np.maximum(shifted, np.float32(-200), out=shifted)))
    # H = ln Z - sum p·(l - max)
    entropy = (float(np.log(total)) - expected / total) / _LN_2
    # a token of the summit has all that beat it there, too
    rivals = row[near.ids] if row[token] >= near.floor else row
    return RawMeasure(
        p=float(weights[token]) / total,
        rank=1 + int(np.count_nonzero(rivals > row[token])),
        entropy=max(0.0, entropy),
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

    The maxima of 1024 interleaved blocks of a part of the row are logits of different tokens, and `count` of them reach
    the `count`-th largest of them. So all that is wanted reaches that floor. A quarter of a row tells enough; where too
    many tokens reach it, it is raised to the `count`-th largest logit of all.
    """
    depth = len(row) // _BLOCKS
    if depth < 2 or count > _BLOCKS:
        return Summit(np.arange(len(row)), np.float32(-np.inf))
    floor = _floor(row, -(-depth // 4), count)
    ids = (row >= floor).nonzero()[0]
    if len(ids) > 2 * count + _FEW:
        logits = row.take(ids)
        floor = np.partition(logits, len(ids) - count)[len(ids) - count]
        ids = ids.compress(logits >= floor)
    return Summit(ids, floor)


def _floor(row: Float32Array, depth: int, count: int) -> np.float32:
    """A logit that `count` tokens reach, by the first `depth` of a row's entries for each block."""
    highest = np.maximum.reduce(row[: depth * _BLOCKS].reshape(depth, _BLOCKS), axis=0)
    return np.float32(np.partition(highest, _BLOCKS - count)[_BLOCKS - count])


def final_probabilities(candidates: Candidates, ids: tuple[int, ...]) -> tuple[float, ...]:
    """The `p` field that the choice left for each of `ids`; 0 for tokens that were cut."""
    data = candidates.data
    if len(data) <= 512:
        known = dict(zip(data["id"].tolist(), data["p"].tolist(), strict=True))
        return tuple(known.get(token, 0.0) for token in ids)
    spread = np.zeros(max(int(data["id"].max()), *ids) + 1, np.float32)
    spread[data["id"]] = data["p"]
    return tuple(spread[list(ids)].tolist())
