"""Candidates: the tokens that may still come next, laid out as llama.cpp lays them out.

Guarantee: a native stage works on this memory in place and without a copy, and what Python reads afterwards is what
llama.cpp left there: same order, same bits. `logit` is the source of truth; llama.cpp's `dist` ignores the `p` of a
stage before it, so `probs()` is computed from the logits.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.errors import SettingsError
from tsumami.native import TOKEN_DATA, Float32Array, Int32Array, TokenDataArray, data_address

#: Logits from which on llama.cpp missorts more than 128 candidates: it puts them into 128 buckets, made for -10 to 10,
#: and here a bucket's number leaves its int32.
MISSORTED: Final = 2**31 / 6.4
_ITEM: Final = TOKEN_DATA.itemsize


@functools.lru_cache(maxsize=4)
def _template(size: int) -> npt.NDArray[np.uint8]:
    """The bytes of an array whose ids are 0..size-1. NumPy copies bytes ten times as fast as structured entries."""
    data = np.zeros(size, TOKEN_DATA)
    data["id"] = np.arange(size, dtype=np.int32)
    return data.view(np.uint8)


class Candidates:
    """An ordered list of (token id, logit, probability field), mutated by stages.

    `data` may shrink, move its start (XTC) and change its order; `selected` is the index of the chosen candidate or -1;
    `sorted` is llama.cpp's trust flag "descending by logit", not a check.
    """

    __slots__ = ("_address", "_base", "_memory", "array")

    def __init__(self, memory: npt.NDArray[np.void], *, is_sorted: bool = False) -> None:
        """Take ownership of `memory`, a contiguous array of dtype `TOKEN_DATA`, shape (n,)."""
        self._memory = memory
        self._base: int = memory.ctypes.data
        self.array = TokenDataArray(selected=-1, size=len(memory), sorted=is_sorted)
        self._address = data_address(self.array)
        self._address.value = self._base

    @classmethod
    def from_logits(cls, logits: npt.ArrayLike) -> Candidates:
        """All tokens of a vocabulary in id order, as llama.cpp fills them before its chain.

        Args:
            logits: shape (n_vocab,), any float type; stored as float32.

        Raises:
            SettingsError: not one-dimensional, empty, or with a NaN or an entry above float32's range.
        """
        values = np.asarray(logits, dtype=np.float32)
        if values.ndim != 1 or values.size == 0:
            raise SettingsError(
                f"logits need one dimension and at least one entry; got shape {values.shape}"
            ).in_japanese(f"ロジットは 1 次元で、少なくとも 1 つ要ります（形は {values.shape} でした）")
        if np.isnan(values).any():
            raise SettingsError("logits must not hold NaN").in_japanese("ロジットに NaN があってはいけません")
        if np.isposinf(values).any():
            raise SettingsError(
                "logits must not hold +inf (-inf bans a token); use a large number instead"
            ).in_japanese("ロジットに +inf があってはいけません（-inf はトークンを禁じます）。大きな数にしてください")
        return cls._fill(values)

    @classmethod
    def _fill(cls, values: Float32Array) -> Candidates:
        memory = _template(values.size).copy().view(TOKEN_DATA)
        memory["logit"] = values
        return cls(memory)

    @classmethod
    def from_row(cls, row: Float32Array) -> Candidates:
        """`from_logits` for a row that the engine made itself: float32 and known to be well-formed."""
        return cls._fill(row)

    @classmethod
    def of(cls, ids: npt.NDArray[np.integer], logits: Float32Array, *, is_sorted: bool = False) -> Candidates:
        """These tokens with these logits, in this order: both of shape (n,)."""
        memory = np.empty(len(ids), TOKEN_DATA)
        memory["id"], memory["logit"], memory["p"] = ids, logits, 0
        return cls(memory, is_sorted=is_sorted)

    @property
    def data(self) -> npt.NDArray[np.void]:
        """The live entries (ids `id`, logits `logit`, `p`), shape (len(self),): a view, valid until the next stage."""
        first = ((self._address.value or self._base) - self._base) // _ITEM
        return self._memory[first : first + self.array.size]

    @property
    def ids(self) -> Int32Array:
        """Token ids in the array's order, shape (len(self),), a copy."""
        return np.array(self.data["id"])

    @property
    def logits(self) -> Float32Array:
        """Logits in the array's order, shape (len(self),), a copy."""
        return np.array(self.data["logit"])

    def probs(self) -> npt.NDArray[np.float64]:
        """softmax of the logits in the array's order, shape (len(self),), in double precision; sums to 1.

        Candidates at -inf have probability 0; if all are, every probability is 0.
        """
        return softmax(self.data["logit"])

    @property
    def selected(self) -> int:
        """Index of the chosen candidate, -1 before a choice."""
        return int(self.array.selected)

    @property
    def sorted(self) -> bool:
        """llama.cpp's flag "descending by logit"."""
        return bool(self.array.sorted)

    def keep(self, mask_or_order: npt.NDArray[np.bool_] | npt.NDArray[np.intp], *, is_sorted: bool) -> None:
        """Replace the entries by a selection or a new order of themselves; for stages written in Python."""
        data = self.data  # of a mask compress takes a fifth of the time of indexing
        kept = data.compress(mask_or_order) if mask_or_order.dtype == np.bool_ else data[mask_or_order]
        self._memory[: len(kept)] = kept
        self._address.value = self._base
        self.array.size = len(kept)
        self.array.sorted = is_sorted
        self.array.selected = -1

    def sort(self) -> int:
        """Sort by logit, the largest first, and of equal ones by id, in a tenth of the time that llama.cpp takes;
        returns the index of the first that equals its neighbour (len(self): none). The `p` fields become 0.

        NumPy sorts whole numbers fastest: the bits of a float in the order of floats, and the id below them.
        """
        data = self.data
        pairs = np.empty((len(data), 2), np.int32)
        pairs[:, 0] = data["id"]
        pairs[:, 1] = ~_ascending(np.ascontiguousarray(data["logit"]).view(np.int32))
        pairs.view(np.int64).sort(axis=0)
        logits = _ascending(~pairs[:, 1]).view(np.float32)
        data["id"], data["logit"], data["p"] = pairs[:, 0], logits, 0
        self.array.sorted = True
        equal = logits[1:] == logits[:-1]
        return int(equal.argmax()) if equal.any() else len(data)

    def become(self, other: Candidates) -> None:
        """Take over all that `other` is; that must not be used any more."""
        self._memory, self._base, self.array, self._address = other._memory, other._base, other.array, other._address

    def copy(self) -> Candidates:
        """An independent copy with the same entries, order and flags."""
        memory = self.data.view(np.uint8).copy().view(TOKEN_DATA)  # as bytes, see `_template`
        made = Candidates(memory, is_sorted=self.sorted)
        made.array.selected = self.array.selected
        return made

    def __len__(self) -> int:
        return int(self.array.size)

    def __repr__(self) -> str:
        shown = ", ".join(f"{row['id']}: {row['logit']:.4g}" for row in self.data[:5])
        return f"Candidates({len(self)}: {shown}{', …' if len(self) > 5 else ''})"


def _ascending(bits: Int32Array) -> Int32Array:
    """The bits of float32 as whole numbers in the same order; and back."""
    return np.asarray(bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF)))


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """exp(l - max) / sum, in double precision; all zeros if every logit is -inf."""
    values = logits.astype(np.float64)
    top = values.max(initial=-np.inf)
    if top == -np.inf:
        return np.zeros(len(values))
    weights = np.exp(values - top)
    return np.asarray(weights / weights.sum())
