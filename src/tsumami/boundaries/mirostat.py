"""Mirostat: which values of tau or eta choose which token, though every choice depends on all before it.

Guarantee: the arithmetic is llama.cpp's own, float for float, so a single value has one exact history; a box of values
has bounds of it that no rounding can cross. What is in between follows, because everything rises or falls:

    k(mu)            how many candidates stay, rises with mu       (both samplers; below)
    the token's rank rises with k, since the roll is held against a longer sum
    S(k)             its surprise -log2(w / (w_0 + … + w_{k-1})) rises with k
    mu - eta·(S-tau) is what the next token begins with; it began with 2·tau

IEEE arithmetic rounds in order: larger operands never give a smaller result. So the two ends of a box, carried through
the same float32 operations, bound every value inside, and a box is settled when both ends choose the same token. A box
that stays open is cut up, carried anew through all tokens of the path, and at last is a single value. The real stage,
set to the mu that was found, is run on both sides of every boundary.

Source: llama-sampler.cpp, `llama_sampler_mirostat_apply` and `llama_sampler_mirostat_v2_apply`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tsumami import native
from tsumami.bisection import bisect
from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.bounds import rounding
from tsumami.boundaries.partition import Piece, solve
from tsumami.boundaries.search import Budget
from tsumami.boundaries.trial import DEAD_END, Chosen
from tsumami.errors import DeadEndError
from tsumami.native import Float32Array
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.draw import Rolls

__all__ = ["MirostatTrial", "Past"]


Sizes = npt.NDArray[np.int64]

#: For one span at one token. A box is open if two histories differ in it, so it is split down to single values.
_BUDGET: Final = Budget(boxes=64, points=0, most_boxes=30_000, most_entries=30_000)
_M: Final = 100  # how many candidates version 1 estimates its slope from
_SURPRISE: Final = rounding.surprise(149)  # how far a p can be off whose surprise is known; none has more bits
_TAIL: Final = 2048  # entries that are added to a softmax
_NO_WEIGHT: Final = -105.0  # e^-105 is less than a third of the smallest float32, so expf gives 0


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The least and the largest that something can be in each box: arrays of one shape."""

    low: Float32Array
    high: Float32Array

    def part(self, index: int) -> Reach:
        """That of one box."""
        return Reach(self.low[index : index + 1], self.high[index : index + 1])


class Cut(Protocol):
    """How many candidates stay at a mu."""

    def sizes(self, mu: Reach) -> tuple[Sizes, Sizes]:
        """The least and the largest number in each box; the same where mu is one number."""

    def between(self, first: int, last: int) -> Cut:
        """What is needed of it where the number is known to be first .. last."""


@dataclass(frozen=True, slots=True, eq=False)
class _BySurprise:
    """Version 2: all up to the first with -log2f(p) > mu, and at least one. `negated` holds -p, ascending, of the
    candidates from number `first` on; those before are known to stay.
    """

    first: int
    negated: Float32Array

    def sizes(self, mu: Reach) -> tuple[Sizes, Sizes]:
        return self._at(mu.low), self._at(mu.high)

    def _at(self, mu: Float32Array) -> Sizes:
        threshold = np.maximum(np.exp2(-mu.astype(np.float64)), rounding.LEAST_FLOAT)
        surely = np.searchsorted(self.negated, -threshold * (1 + _SURPRISE), side="right")
        perhaps = np.searchsorted(self.negated, -threshold * (1 - _SURPRISE), side="right")
        for i in np.flatnonzero(surely != perhaps):
            surely[i] += _count_up_to(self.negated[surely[i] : perhaps[i]], float(mu[i]))
        return np.maximum(self.first + surely, 1)

    def between(self, first: int, last: int) -> _BySurprise:
        return _BySurprise(first, self.negated[first - self.first : last - self.first].copy())


def _count_up_to(negated: Float32Array, mu: float) -> int:
    """How many of the first have a surprise of at most mu, by C's own logarithm."""
    log2f = native.c_math("log2f")
    return bisect(lambda i: -log2f(-float(negated[i])) <= mu, -1, len(negated)).other


@dataclass(frozen=True, slots=True, eq=False)
class _BySlope:
    """Version 1: k = (e·2^mu / (1 - n^-e))^(1/s), where s is the slope of the probabilities and e = s - 1. What does
    not fit into an int becomes 1, as on x86.
    """

    slope: np.float32
    n_vocab: int
    count: int

    @classmethod
    def of(cls, p: Float32Array, n_vocab: int) -> _BySlope:
        """From the probabilities of all candidates, descending."""
        logf = native.c_math("logf")
        products = squares = np.float32(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            for i in range(min(_M, len(p)) - 1):
                t = np.float32(logf(np.float32(i + 2) / np.float32(i + 1)))
                products = products + t * np.float32(logf(p[i] / p[i + 1]))
                squares = squares + t * t
            return cls(products / squares, n_vocab, len(p))

    def sizes(self, mu: Reach) -> tuple[Sizes, Sizes]:
        low, high = self._raw(mu.low), self._raw(mu.high)
        overflows = high >= 2.0**31
        small, large = self._whole(low), self._whole(high)
        within = overflows & ~(low >= 2.0**31)
        return np.where(within, 1, small), np.where(within, self.count, large)

    def _raw(self, mu: Float32Array) -> Float32Array:
        powf = native.c_math("powf")
        one, e = np.float32(1), self.slope - np.float32(1)
        scale = one - np.float32(powf(self.n_vocab, -e))
        powers = np.array([powf(2, value) for value in mu.tolist()], np.float32)
        with np.errstate(all="ignore"):
            inverse, bases = float(one / self.slope), e * powers / scale
        return np.array([powf(value, inverse) for value in bases.tolist()], np.float32)

    def _whole(self, raw: Float32Array) -> Sizes:
        fits = (raw >= 1) & (raw < 2.0**31)
        return np.minimum(np.where(fits, raw, 1).astype(np.int64), self.count)

    def between(self, first: int, last: int) -> _BySlope:  # noqa: ARG002  (it is three numbers anyway)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A token that was chosen: all that later ones need of its row. Between `first` and `last` candidates were left;
    `totals` are the sums of so many weights, `weight` the token's own. `known` is mu after it, in spans at hand.
    """

    before: Past | None
    cut: Cut
    first: int
    last: int
    totals: Float32Array
    weight: np.float32
    known: dict[Span, Reach] = field(default_factory=dict)

    def path(self) -> list[Past]:
        """From the first token to this one."""
        links: list[Past] = []
        link: Past | None = self
        while link is not None:
            links.append(link)
            link = link.before
        return links[::-1]

    def sizes(self, mu: Reach) -> tuple[Sizes, Sizes]:
        """How many candidates were left."""
        small, large = self.cut.sizes(mu)
        return np.clip(small, self.first, self.last), np.clip(large, self.first, self.last)

    def after(self, mu: Reach, tau: Reach, eta: Reach) -> Reach:
        """mu after the token: mu - eta·(S - tau), each operation rounded to float32."""
        small, large = self.sizes(mu)
        error = Reach(self._surprises(small) - tau.high, self._surprises(large) - tau.low)
        products = [rate * e for rate in (eta.low, eta.high) for e in (error.low, error.high)]
        return Reach(mu.low - np.maximum.reduce(products), mu.high - np.minimum.reduce(products))

    def _surprises(self, sizes: Sizes) -> Float32Array:
        log2f = native.c_math("log2f")
        p = self.weight / self.totals[sizes - self.first]
        return np.array([-log2f(value) for value in p.tolist()], np.float32)


class MirostatTrial:
    """One token, to be chosen again with other values of tau or eta. Only the values of a `span` that was handed on
    from token to token have this past.
    """

    weight: Final = 1  # a box costs the same whatever the vocabulary: its bounds are a few numbers

    def __init__(self, chain: Chain, axis: Axis, row: Float32Array, past: Past | None, drawn: int) -> None:
        """Of a chain whose stages stand before the token.

        Args:
            chain: with any of the values; its own choice is not asked.
            axis: of the knob.
            row: the logits that the token is chosen from, shape (n_vocab,).
            past: the tokens of the reply so far.
            drawn: how many of them took a roll: those with two candidates or more.
        """
        self._axis = axis
        self._origin = chain.origin
        self._settings = chain.origin.settings
        self._past = past
        self._drawn = drawn
        self._u = Rolls(chain.origin.seed)[drawn]
        self._candidates: Candidates | None = None
        try:
            self._candidates = chain.process(row)
        except DeadEndError:
            pass  # every value finds a dead end
        else:
            self._read(self._candidates)

    def _read(self, candidates: Candidates) -> None:
        """Sort as the stage itself does, and make its sums."""
        if not candidates.sorted:
            native.top_k(len(candidates)).apply(candidates.array)
        logits = candidates.logits
        self._ids = candidates.ids
        self._weights = weights(logits - logits[0])
        self._totals = np.add.accumulate(self._weights)
        self._sums = np.cumsum(self._weights, dtype=np.float64)
        p = self._weights / self._totals[-1]
        one = self._settings.mirostat_mode == 1
        self._cut: Cut = _BySlope.of(p, self._origin.n_vocab) if one else _BySurprise(0, -p)

    # --- what the values choose ---

    def find(self, span: Span) -> list[Piece]:
        """The pieces of a span, in its order."""
        if self._candidates is None:
            return [Piece(span, Chosen(DEAD_END, False))]
        return self._confirmed(solve(self, span, _BUDGET))

    def cut(self, box: Span, parts: int) -> list[Span]:
        """A box in parts."""
        return self._axis.cut(box, parts)

    def run(self, ordinal: int) -> Chosen:
        """What one value chooses."""
        (outcome,) = self.settle([Span(ordinal, ordinal)])
        assert outcome is not None, "a single value has one history"
        return outcome

    def settle(self, boxes: Sequence[Span]) -> list[Chosen | None]:
        """For each box the outcome that is certain throughout, else None."""
        mu = self._mu(boxes)
        small, large = self._cut.sizes(mu)
        slack = rounding.pick_of(len(self._ids))
        first, last = self._ranks(small, -slack), self._ranks(large, slack)
        found: list[Chosen | None] = []
        for i in range(len(boxes)):
            if (small[i] > 1) != (large[i] > 1):
                found.append(None)
            elif first[i] == last[i]:
                found.append(Chosen(int(self._ids[first[i]]), bool(small[i] > 1)))
            else:
                found.append(self._real(mu.low[i], int(small[i])) if small[i] == large[i] else None)
        return found

    def _ranks(self, sizes: Sizes, slack: float) -> Sizes:
        """Where the roll falls among so many candidates, if all sums were off by `slack`, relatively."""
        targets = self._u * (1 + slack) * self._sums[sizes - 1]
        return np.minimum(np.searchsorted(self._sums, targets), sizes - 1)

    def _real(self, mu: np.float32, size: int) -> Chosen:
        """What the real stage chooses at a mu. It begins at twice its tau, and with an eta of 0 it stays there; the
        rolls of the tokens before are spent first.
        """
        assert self._candidates is not None
        sampler = self._stage(mu)
        if size > 1:
            for spent in itertools.repeat(self._spent(mu), self._drawn):
                owner = Candidates(spent.copy(), is_sorted=True)  # of the memory that its `array` points to
                sampler.apply(owner.array)
        left = self._candidates.copy()
        sampler.apply(left.array)
        return Chosen(int(left.data["id"][left.selected]), len(left) > 1)

    def _stage(self, mu: np.float32) -> native.NativeSampler:
        origin, settings = self._origin, self._settings
        return native.mirostat(settings.mirostat_mode, origin.n_vocab, origin.seed, float(mu) / 2, 0.0)

    def _spent(self, mu: np.float32) -> npt.NDArray[np.void]:
        """Candidates from which the stage takes a roll at a mu at which it does from all: the likeliest, unless they
        alone have another slope by so little that one is left.
        """
        assert self._candidates is not None
        head = Candidates(self._candidates.data[:_M].copy(), is_sorted=True)
        self._stage(mu).apply(head.array)
        return self._candidates.data[:_M] if len(head) > 1 else self._candidates.data

    def _confirmed(self, found: list[Piece]) -> list[Piece]:
        """The same, after the real stage was run on both sides of every boundary."""
        sides = [side for a, b in itertools.pairwise(found) for side in ((a.span.last, a), (b.span.first, b))]
        if sides:
            mu = self._mu([Span(ordinal, ordinal) for ordinal, _ in sides])
            for i, (ordinal, piece) in enumerate(sides):
                small, _ = self._cut.sizes(mu.part(i))
                outcome = self._real(mu.low[i], int(small[0]))
                assert not piece.certain or outcome == piece.outcome, (self._axis.value(ordinal), outcome, piece)
        return found

    # --- mu ---

    def _mu(self, boxes: Sequence[Span]) -> Reach:
        """mu before this token in each box: at hand for whole spans, else carried through the past."""
        known = self._past.known if self._past is not None else {}
        if all(box in known for box in boxes):
            found = [known[box] for box in boxes]
            return Reach(np.concatenate([r.low for r in found]), np.concatenate([r.high for r in found]))
        tau, eta = self._knobs(boxes)
        mu = Reach(2 * tau.low, 2 * tau.high)
        for link in self._past.path() if self._past is not None else ():
            mu = link.after(mu, tau, eta)
        return mu

    def _knobs(self, boxes: Sequence[Span]) -> tuple[Reach, Reach]:
        """tau and eta in each box."""
        ends = self._axis.values(np.array(boxes).reshape(-1)).astype(np.float32).reshape(-1, 2)
        own = Reach(ends[:, 0], ends[:, 1])
        tau, eta = (
            self._fixed(value, len(boxes)) for value in (self._settings.mirostat_tau, self._settings.mirostat_eta)
        )
        return (own, eta) if self._axis.knob.name == "mirostat_tau" else (tau, own)

    @staticmethod
    def _fixed(value: float, count: int) -> Reach:
        made = np.full(count, value, np.float32)
        return Reach(made, made)

    def after(self, outcome: Chosen, spans: Sequence[Span]) -> Past | None:
        """The past of the values `spans`, which all choose `outcome` here."""
        if outcome.token == DEAD_END:
            return self._past
        mu = self._mu(spans)
        small, large = self._cut.sizes(mu)
        first, last = (max(2, int(small.min())), int(large.max())) if outcome.drew else (1, 1)
        rank = int(np.flatnonzero(self._ids == outcome.token)[0])
        cut, totals = self._cut.between(first, last), self._totals[first - 1 : last].copy()
        made = Past(self._past, cut, first, last, totals, self._weights[rank])
        after = made.after(mu, *self._knobs(spans))
        made.known.update({span: after.part(i) for i, span in enumerate(spans)})
        return made


def weights(falls: Float32Array, tail: int = _TAIL) -> Float32Array:
    """C's own expf of logits below the largest, shape (n,), the first of them 0; NumPy's differs in the last bit.

    Asking for each by itself takes too long for a vocabulary, so llama.cpp's softmax is made to tell (`_by_softmax`,
    which adds `tail` entries); what cannot be told in this way is asked for.
    """
    made, known = _by_softmax(falls, tail)
    expf = native.c_math("expf")
    made[falls < _NO_WEIGHT] = 0
    for i in np.flatnonzero(~known & (falls >= _NO_WEIGHT)).tolist():
        made[i] = expf(falls[i])
    return made


def _by_softmax(falls: Float32Array, tail: int) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
    """The same, and which of them are proved.

    llama.cpp's softmax gives fl(expf(l) / sum), where sum is a running sum in float32. Entries are added behind so that
    it becomes a power of two, P; dividing by P is exact, as long as the result is a normal number. With u = P · 2^-24,
    the spacing of floats in P/2 .. P:
        sum <= P / 2 without the tail, roughly (P is chosen so).
        tail[0] brings it near P - tail/4 · u: to P - j · u with a whole number j, which is to be within 1 .. tail - 1.
        Each of the others adds t, about 0.75 u. P - j · u + t is nearer to P - (j - 1) · u than to P - j · u, so
        each of them adds one u, until the sum is P. From there on floats are 2u apart; t < u is lost, the sum stays P.
    That j is within its range is no theorem (n roundings may move a sum by n · u / 4), so the last entry is a witness.
    Its expf, t, is asked for. If sum is not P, it differs by 2^-24 of it or more; then t / sum differs from t / P by at
    least as much of itself, which for a t of 1.5 · 2^k is 1.5 half units in the last place: fl(t / sum) is not t / P.
    """
    about = float(np.add.accumulate(np.exp(falls.astype(np.float64)).astype(np.float32))[-1])
    power = int(np.ceil(np.log2(about))) + 1
    unit = 2.0 ** (power - 24)
    more = np.full(tail, np.log(0.75 * unit), np.float32)
    more[0] = np.log(2.0**power - about - tail / 4 * unit)
    entries = Candidates.of(np.arange(len(falls) + tail), np.concatenate([falls, more]), is_sorted=True)
    native.top_p(0.5, len(entries)).apply(entries.array)
    p = np.ascontiguousarray(entries.data["p"])
    proved = p[-1] * np.float32(2.0**power) == np.float32(native.c_math("expf")(more[-1]))
    return p[: len(falls)] * np.float32(2.0**power), proved & (p[: len(falls)] > rounding.SMALLEST)
