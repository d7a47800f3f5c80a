"""Adaptive-p: which values of its target or its decay choose which token, though every choice depends on all before it.

Guarantee: the arithmetic is llama.cpp's own, float for float, so a single value has one exact history; a box of values
has bounds of it. All that a token leaves behind is the probability p0 that it had before the transformation, which does
not depend on these knobs. So a value's history is

    S = p0 + decay · S, beginning with target / (1 - decay)
    W = 1 + decay · W, beginning with 1 / (1 - decay)
    a = clamp(2 · target - S / W, 0, 1)

in 32-bit floats. Nothing in it is negative, and each operation but the last rises in its operands, so the ends of a
box, carried through the same operations, bound S and W, and these bound a. Whether the compiler has made one fused
operation of a product and a sum is asked of the library once (`_fuses`).

At one token: d = |p0 - a| / 0.3 is bounded by the ends of a, l' = 5 - 10 d² / (1 + d) falls in d, and the roll is held
against exp(l').

Source: llama-sampler.cpp, `llama_sampler_adaptive_p_apply` and `llama_sampler_adaptive_p_accept`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami import native
from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.bounds import certainly_drawn, rounding
from tsumami.boundaries.partition import Piece, solve
from tsumami.boundaries.search import Budget
from tsumami.boundaries.trial import DEAD_END, Chosen
from tsumami.errors import DeadEndError
from tsumami.native import Float32Array
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.draw import Rolls

__all__ = ["AdaptivePast", "AdaptiveTrial"]

Reals = npt.NDArray[np.float64]
_Ends = tuple[Float32Array, Float32Array]

_ENTRIES: Final = 60_000_000
_BUDGET: Final = Budget(boxes=64, points=64, most_boxes=8192, most_entries=_ENTRIES)
_ONE: Final = np.float32(1)
_PER_WIDTH: Final = _ONE / np.float32(0.3)
#: How far, in units of h, roundings can take a weight's exponent, for each unit of q = 10 d² / (1 + d): d is off by 2h
#: of itself, so d² by 4h, and three operations follow; the largest exponent is subtracted, which rounds once more. One
#: more is for what the bounds themselves lose.
_PER_Q: Final = 9
#: The same whatever q is: 5 - q, and 5 - q_max.
_ALWAYS: Final = 12
_PART: Final = rounding.EXPF + 2 * rounding.HALF_ULP


@dataclass(frozen=True, slots=True, eq=False)
class AdaptivePast:
    """A token that was chosen: all that later ones need of its row is its `p0`; None where another one was given."""

    before: AdaptivePast | None
    p0: np.float32 | None

    def path(self) -> list[np.float32]:
        """From the first token to this one."""
        found: list[np.float32] = []
        link: AdaptivePast | None = self
        while link is not None:
            found += [link.p0] if link.p0 is not None else []
            link = link.before
        return found[::-1]


class AdaptiveTrial:
    """One token, to be chosen again with other values of the target or the decay. Only the values of a `span` that was
    handed on from token to token have this past.
    """

    def __init__(
        self, chain: Chain, axis: Axis, row: Float32Array, past: AdaptivePast | None, drawn: int, forced: int | None
    ) -> None:
        """Of a chain whose stages stand before the token.

        Args:
            chain: with any of the values; its own choice is not asked.
            axis: of the knob.
            row: the logits that the token is chosen from, shape (n_vocab,).
            past: the tokens of the reply so far.
            drawn: how many of them took a roll: those with two candidates or more.
            forced: the token that comes here whatever is chosen.
        """
        self._axis, self._past, self._forced = axis, past, forced
        self._settings = chain.origin.settings
        self._path = past.path() if past is not None else []
        self._u = Rolls(chain.origin.seed)[drawn]
        self._known: dict[np.float32, Chosen] = {}
        self._candidates: Candidates | None = None
        try:
            self._candidates = chain.process(row)
        except DeadEndError:
            return  # every value finds a dead end
        self._ids = self._candidates.ids
        self._alive = self._candidates.logits > -np.inf
        self._p0 = _softmax(self._candidates.copy())

    def find(self, span: Span) -> list[Piece]:
        """The pieces of a span, in its order."""
        if self._candidates is None:
            return [Piece(span, Chosen(DEAD_END, False))]
        if len(self._ids) == 1:
            return [Piece(span, Chosen(int(self._ids[0]), False))]
        return solve(self, span, replace(_BUDGET, most_points=max(_BUDGET.most_points, _ENTRIES // self.weight)))

    def cut(self, box: Span, parts: int) -> list[Span]:
        """A box in parts."""
        return self._axis.cut(box, parts)

    @property
    def weight(self) -> int:
        """How many candidates a box has."""
        return len(self._ids)

    def after(self, outcome: Chosen, _spans: Sequence[Span], /) -> AdaptivePast | None:
        """The past of values that all choose `outcome` here. A token that is given counts only if it was chosen."""
        if outcome.token == DEAD_END:
            return self._past
        counts = self._forced in (None, outcome.token)
        return AdaptivePast(self._past, self._p0[self._ids == outcome.token][0] if counts else None)

    # --- what the values choose ---

    def run(self, number: int) -> Chosen:
        """What one value chooses."""
        low, high = self._aims([Span(number, number)])
        assert low[0] == high[0], "a single value has one history"
        return self._at(low[0])

    def _at(self, aim: np.float32) -> Chosen:
        """What an a chooses: by llama.cpp's own softmax of the transformed logits, and its draw from that."""
        if aim not in self._known:
            with np.errstate(all="ignore"):
                d = np.abs((self._p0 - aim) * _PER_WIDTH)
                moved = np.float32(5) - np.float32(10) * d * d / (_ONE + d)
            assert self._candidates is not None
            left = Candidates.of(self._ids, np.where(self._alive, moved, -np.inf), is_sorted=self._candidates.sorted)
            p = _softmax(left).astype(np.float64)
            running = np.add.accumulate(p / np.add.accumulate(p)[-1])
            running[-1] = 1
            self._known[aim] = Chosen(int(self._ids[np.searchsorted(running, self._u)]), True)
        return self._known[aim]

    def settle(self, boxes: Sequence[Span]) -> list[Chosen | None]:
        """For each box the outcome that is certain throughout, else None; values that have one a are as one."""
        found: list[Chosen | None] = []
        at_once = max(1, 600_000 // len(self._ids))
        for begin in range(0, len(boxes), at_once):
            low, high = self._aims(boxes[begin : begin + at_once])
            tokens, sure = self._certain(low, high)
            for token, certain, first, last in zip(tokens.tolist(), sure.tolist(), low, high, strict=True):
                found.append(Chosen(token, True) if certain else self._at(first) if first == last else None)
        return found

    def _certain(self, low: Float32Array, high: Float32Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """For each range of a the token that the roll falls on, and whether that is certain."""
        aims = low.astype(np.float64)[:, None], high.astype(np.float64)[:, None]
        p0 = self._p0.astype(np.float64)[None, :]
        near = _fall(np.maximum(0, np.maximum(aims[0] - p0, p0 - aims[1])))
        far = _fall(np.maximum(np.abs(p0 - aims[0]), np.abs(p0 - aims[1])))
        assert self._candidates is not None
        first = (
            far[:, :1] if self._candidates.sorted else 0.0
        )  # llama.cpp takes the first of a sorted list for the largest
        lost = rounding.HALF_ULP * (_PER_Q * far + _ALWAYS + first)
        least = np.where(self._alive, np.exp(-far - lost) * (1 - _PART), 0.0)
        most = np.where(self._alive, np.exp(-near + lost) * (1 + _PART), 0.0)
        running = np.cumsum(least + most, axis=1)
        at = np.minimum((running < self._u * running[:, -1:]).sum(axis=1), running.shape[1] - 1)[:, None]
        before = tuple(_up_to(side, at) for side in (least, most))
        own = tuple(np.take_along_axis(side, at, 1) for side in (least, most))
        ends = zip((least, most), before, own, strict=True)
        behind = tuple(side.sum(axis=1, keepdims=True) - first - one for side, first, one in ends)
        room = rounding.double_sum_of(4 * running.shape[1]) * most.sum(axis=1, keepdims=True)
        u = np.full((len(low), 1), self._u)
        sure = certainly_drawn(
            u, (before[0] - room, before[1] + room), own[0], (behind[0] - room, behind[1] + room), running.shape[1]
        )
        return self._ids[at[:, 0]], sure[:, 0]

    # --- the aim ---

    def _aims(self, boxes: Sequence[Span]) -> tuple[Float32Array, Float32Array]:
        """The least and the largest a in each box, shapes (boxes,)."""
        target, decay = self._knobs(boxes)
        sums, weights = zip(*(self._history(target[end], decay[end]) for end in (0, 1)), strict=True)
        low = np.float32(2) * target[0] - sums[1] / weights[0]
        high = np.float32(2) * target[1] - sums[0] / weights[1]
        wide = decay[0] != decay[1]
        if wide.any():
            least, most = _means(target[0], decay, self._path)
            low = np.where(wide, np.maximum(low, _float32(2.0 * target[0] - most)), low)
            high = np.where(wide, np.minimum(high, _float32(2.0 * target[1] - least)), high)
        return np.clip(low, 0, 1), np.clip(high, 0, 1)

    def _history(self, target: Float32Array, decay: Float32Array) -> tuple[Float32Array, Float32Array]:
        """S and W before this token."""
        sums, weights = target / (_ONE - decay), _ONE / (_ONE - decay)
        for p0 in self._path:
            sums, weights = _add(p0, decay, sums), _add(_ONE, decay, weights)
        return sums, weights

    def _knobs(self, boxes: Sequence[Span]) -> tuple[_Ends, _Ends]:
        """Target and decay, low and high in each box."""
        ends = self._axis.values(np.array(boxes).reshape(-1)).astype(np.float32).reshape(-1, 2)
        own = ends[:, 0], ends[:, 1]
        if self._axis.knob.name == "adaptive_target":
            stays = np.full(len(boxes), self._settings.adaptive_decay, np.float32)
            return own, (stays, stays)
        stays = np.full(len(boxes), self._settings.adaptive_target, np.float32)
        return (stays, stays), own


def _fall(distance: Reals) -> Reals:
    """10 d² / (1 + d)."""
    d = distance * float(_PER_WIDTH)
    return np.asarray(10 * d * d / (1 + d))


def _means(target: Float32Array, decay: _Ends, path: Sequence[np.float32]) -> tuple[Reals, Reals]:
    """Bounds of S / W for a decay in each box, another way: W stays 1 / (1 - decay), so the mean m becomes
    p0 + decay · (m - p0) with each token, beginning with the target. In the middle of the box it is known, and
    elsewhere it is not farther from that than the largest slope allows. As 32-bit floats have it, S and W are each off
    by two roundings a token and by two at the start.
    """
    low, high = (end.astype(np.float64) for end in decay)
    middle = (low + high) / 2
    mean = least = most = target.astype(np.float64)
    steep = np.zeros((2, len(middle)))
    for p0 in map(float, path):
        products = [d * end for d in (low, high) for end in steep]
        steep = np.array([least - p0 + np.minimum.reduce(products), most - p0 + np.maximum.reduce(products)])
        ways = [p0 + d * (end - p0) for d in (low, high) for end in (least, most)]
        least, most = np.minimum.reduce(ways), np.maximum.reduce(ways)
        mean = p0 + middle * (mean - p0)
    reach = np.abs(steep).max(axis=0) * (high - low) / 2 * (1 + 1e-9)
    lost = rounding.sum_of(4 * len(path) + 6) * (np.abs(mean) + reach) + 2 * rounding.HALF_ULP
    return mean - reach - lost, mean + reach + lost


def _float32(values: Reals) -> Float32Array:
    return values.astype(np.float32)


def _up_to(values: Reals, at: npt.NDArray[np.int64]) -> Reals:
    """The sum of what stands before column `at`, shape (boxes, 1)."""
    return np.asarray(np.where(np.arange(values.shape[1])[None, :] < at, values, 0.0).sum(axis=1, keepdims=True))


def _softmax(candidates: Candidates) -> Float32Array:
    """llama.cpp's own, in the array's order; a switched-off adaptive-p computes it before it draws."""
    native.adaptive(-1.0, 0.0, 0).apply(candidates.array)
    return np.ascontiguousarray(candidates.data["p"])


# --- p + decay · S, as the library's compiler has made it ---


def _add(p: np.float32, decay: Float32Array, sums: Float32Array) -> Float32Array:
    return _fused(p, decay, sums) if _fuses() else p + decay * sums


def _fused(p: np.float32, decay: Float32Array, sums: Float32Array) -> Float32Array:
    """With one rounding. The product is exact in double precision; of the sum what is lost is found (Knuth's two-sum)
    and told by an odd last bit, so that rounding to 32 bits comes out as if nothing had been.
    """
    product = decay.astype(np.float64) * sums.astype(np.float64)
    total = product + np.float64(p)
    part = total - product
    lost = (product - (total - part)) + (np.float64(p) - part)
    even = (total.view(np.int64) & 1) == 0
    odd = np.nextafter(total, np.where(lost > 0, np.inf, -np.inf))
    return np.where((lost != 0) & even, odd, total).astype(np.float32)


@functools.cache
def _fuses() -> bool:
    """Whether the library adds and multiplies at once: a history in which that makes a difference, told by what it does
    to two equal candidates.
    """
    for step in range(1, 400):
        decay, target = np.float32(step / 401), np.float32(0.5)
        start = target / (_ONE - decay), _ONE / (_ONE - decay)
        told = {}
        for fused in (False, True):
            add = _fused if fused else (lambda p, d, s: p + d * s)
            sums, weights = (add(_ONE, np.array([decay]), np.array([one]))[0] for one in start)
            told[fused] = _told(np.clip(np.float32(2) * target - sums / weights, 0, 1))
        if told[False] != told[True]:
            return bool(_asked(float(target), float(decay)) == told[True])
    return False  # then it makes no difference that anybody could see


def _told(aim: np.float32) -> float:
    d = np.abs((np.float32(0.5) - aim) * _PER_WIDTH)
    return float(np.float32(5) - np.float32(10) * d * d / (_ONE + d))


def _asked(target: float, decay: float) -> float:
    """The logit of one of two equal candidates, after a token with p0 = 1."""
    sampler = native.adaptive(target, decay, 0)
    one, two = Candidates.from_row(np.zeros(1, np.float32)), Candidates.from_row(np.zeros(2, np.float32))
    sampler.apply(one.array)
    sampler.accept(0)
    sampler.apply(two.array)
    return float(two.data["logit"][0])
