"""Packing: the steps of a run as one small blob, and back.

Guarantee: every number comes back with the bits that it had, every piece with its bytes. What is left out are the
alternatives of a step, which are four fifths of it and which the run's model gives again (`Run.attach`, replay). 256
tokens take about 8 kB: the digits of four probabilities a token, which nothing compresses.

The form, compressed by zlib: a head of three numbers (format, steps, bytes of pieces), then column by column the ids,
ranks, candidates, lengths of pieces and of texts (32-bit), `p_raw`, `p_final`, `entropy`, `u` (64-bit, NaN for none;
the first bytes of all values, then the second ones, and so on), the pieces, the texts, and as JSON what few steps have.
All little-endian.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tsumami.errors import HistoryError, japanese
from tsumami.runs.values import Step, TakenBack, plain

__all__ = ["pack_steps", "unpack_steps"]

_FORMAT: Final = 1
_HEAD: Final = struct.Struct("<III")
_WHOLE: Final = ("id", "rank", "n_candidates")
_REAL: Final = ("p_raw", "p_final", "entropy")
_RARE: Final = ("set_by", "taken_back", "unseen", "uncertain")


def pack_steps(steps: Sequence[Step]) -> bytes:
    """The steps without their alternatives."""
    pieces = b"".join(step.piece for step in steps)
    texts = [step.text.encode("utf-8", "surrogatepass") for step in steps]
    columns = [
        *(np.array([getattr(step, name) for step in steps], "<i4") for name in _WHOLE),
        np.array([len(step.piece) for step in steps], "<i4"),
        np.array([len(text) for text in texts], "<i4"),
        *(np.array([getattr(step, name) for step in steps], "<f8") for name in _REAL),
        np.array([np.nan if step.u is None else step.u for step in steps], "<f8"),
    ]
    head = _HEAD.pack(_FORMAT, len(steps), len(pieces))
    rare = {at: found for at, step in enumerate(steps) if (found := _rare(step))}
    parts = [head, *map(_transposed, columns), pieces, *texts, json.dumps(rare).encode()]
    return zlib.compress(b"".join(parts), 9)


def _rare(step: Step) -> dict[str, Any]:
    return {name: plain(value) for name in _RARE if (value := getattr(step, name))}


def unpack_steps(blob: bytes) -> tuple[Step, ...]:
    """What `pack_steps` was given, but for the alternatives.

    Raises:
        HistoryError: it was not made by `pack_steps`.
    """
    try:
        return tuple(_steps(zlib.decompress(blob)))
    except (zlib.error, struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise HistoryError(f"stored steps cannot be read: {error}").in_japanese(
            f"保存したステップが読めません: {japanese(error)}"
        ) from error


def _steps(data: bytes) -> Iterator[Step]:
    form, count, length = _HEAD.unpack_from(data)
    if form != _FORMAT:
        raise ValueError(f"format {form}; this tsumami reads {_FORMAT}")
    at = _HEAD.size
    whole: list[list[int]] = []
    for _ in range(len(_WHOLE) + 2):
        whole.append(_column(data, at, count, "<i4").tolist())
        at += 4 * count
    real: list[list[float]] = []
    for _ in range(len(_REAL) + 1):
        real.append(_column(data, at, count, "<f8").tolist())
        at += 8 * count
    pieces = _cut(data, at, whole[3])
    texts = _cut(data, at + length, whole[4])
    rare = json.loads(data[at + length + sum(whole[4]) :])
    for i in range(count):
        u = real[3][i]
        yield Step(
            id=whole[0][i],
            piece=pieces[i],
            text=texts[i].decode("utf-8", "surrogatepass"),
            p_raw=real[0][i],
            p_final=real[1][i],
            entropy=real[2][i],
            rank=whole[1][i],
            u=None if u != u else u,
            n_candidates=whole[2][i],
            alternatives=(),
            **_of_rare(rare.get(str(i), {})),
        )


def _of_rare(found: dict[str, Any]) -> dict[str, Any]:
    back = [TakenBack(**one | {"tokens": tuple(one["tokens"]), "piece": bytes.fromhex(one["piece"])})
            for one in found.get("taken_back", ())]  # fmt: skip
    return {**found, "taken_back": tuple(back)}


def _transposed(column: npt.NDArray[np.generic]) -> bytes:
    return column.view(np.uint8).reshape(-1, column.itemsize).T.tobytes()


def _column(data: bytes, at: int, count: int, kind: str) -> npt.NDArray[np.generic]:
    size = np.dtype(kind).itemsize
    rows = np.frombuffer(data, np.uint8, count * size, at).reshape(size, count)
    return np.ascontiguousarray(rows.T).view(kind).reshape(count)


def _cut(data: bytes, at: int, lengths: list[int]) -> list[bytes]:
    ends = itertools.accumulate(lengths, initial=at)
    return [data[start:end] for start, end in itertools.pairwise(ends)]
