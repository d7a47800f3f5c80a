"""A trial: one token of a run, to be chosen again with other values of one knob.

Guarantee: `run` is the real chain. The stages before the knob's own are applied once, the own one is built for the
value and shown the same history, those after it are the chain's, and the roll is that of the token. Everything else
here says what is certain for whole boxes of values at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from tsumami.explain import enclosures
from tsumami.explain.axis import Axis, Span
from tsumami.explain.bounds import Bounds, Reals
from tsumami.native import Float32Array, Int32Array
from tsumami.sampling import Candidates, Chain, Stage
from tsumami.sampling.head import Head
from tsumami.sampling.stages import BUILDERS, XtcStage
from tsumami.settings import Settings

__all__ = ["DEAD_END", "Nested", "Outcome", "Trial"]

DEAD_END: Final = -1
_CUTS: Final = ("top_k", "top_p", "min_p", "typical_p", "tfs_z", "xtc_threshold", "xtc_probability", "top_n_sigma")
_HEED_MIN_KEEP: Final = ("tfs_z", "typ_p", "top_p", "min_p", "xtc")
_MOST_ENTRIES: Final = 600_000


class Outcome(NamedTuple):
    """What a value chooses: the token (`DEAD_END` if everything is forbidden), and whether XTC took a number."""

    token: int
    drew: bool


class _With:
    """Settings with another value of one knob, for whoever only reads; nothing is checked again."""

    def __init__(self, settings: Settings, name: str, value: Any) -> None:
        self._settings = settings
        self._name = name
        self._value = value

    def __getattr__(self, name: str) -> Any:
        return self._value if name == self._name else getattr(self._settings, name)


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """The candidates that a cutting stage leaves: for every size the first so many by `rank`, in one order.

    `falling`: larger values leave fewer. `masks`: what is cut stays in the list at -inf.
    """

    ids: Int32Array
    logits: Float32Array
    rank: npt.NDArray[np.int64]
    is_sorted: bool
    smallest: int
    largest: int
    falling: bool
    masks: bool

    def of_size(self, size: int) -> Candidates:
        """The candidates that are left at one size."""
        inside = self.rank < size
        if self.masks:
            return Candidates.of(self.ids, np.where(inside, self.logits, np.float32(-np.inf)), is_sorted=self.is_sorted)
        return Candidates.of(self.ids[inside], self.logits[inside], is_sorted=self.is_sorted)


class Trial:
    """One token (see above). `idle`: the knob cannot change anything here; `cuts`: its stage cuts."""

    def __init__(self, chain: Chain, axis: Axis, row: Float32Array) -> None:
        self.axis = axis
        self._chain = chain
        self._settings = chain.origin.settings
        self._at = self._own_stage()
        self.idle = self._at is None
        self.cuts = axis.knob.name in _CUTS
        self._row = row
        self._before = chain.stages[: self._at]
        self._after = chain.stages[self._at + 1 :] if self._at is not None else ()
        self._shared = self._candidates(self._before, row)
        self._known: dict[int, Outcome] = {}
        self._start: Bounds | None = None
        self._hull = Span(0, -1)
        self._roll: float | None = None
        self._fires: bool | None = None
        self._taken: dict[int, float] | None = None

    def _own_stage(self) -> int | None:
        """Where in the chain the knob acts first; None if it does not."""
        name = self.axis.knob.stage
        wanted = _HEED_MIN_KEEP if self.axis.knob.name == "min_keep" else (name,)
        return next((i for i, s in enumerate(self._chain.stages) if s.name in wanted and s.idle is None), None)

    @staticmethod
    def _candidates(stages: Sequence[Stage], row: Float32Array) -> Candidates:
        head = Head.of(stages)
        found = head.take(row) if head is not None else None
        if head is not None and found is not None:
            rest = head.rest
        else:
            found, rest = Candidates.from_row(row), tuple(stages)
        for stage in rest:
            _fresh(stage).apply(found)
        return found

    # --- the truth ---

    def run(self, place: int) -> Outcome:
        """What the real chain chooses at a value."""
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = self._run(self._chain_at(place))
        return found

    def _run(self, stages: Sequence[Stage]) -> Outcome:
        """The choice of a chain that goes on with these stages from the knob's own on."""
        head = Head.of([*self._before, *stages])
        taken = head.take(self._row) if head is not None and len(head.rest) < len(stages) else None
        if head is None or taken is None:
            return self._choose(self._shared.copy(), stages)
        return self._choose(taken, head.rest)

    def _chain_at(self, place: int) -> list[Stage]:
        """The stages from the knob's own on, for a value."""
        if self._at is None:
            return []
        own = self._built(self._chain.stages[self._at], place)
        if self.axis.knob.name == "min_keep":
            after = [self._built(s, place) if s.name in _HEED_MIN_KEEP else _fresh(s) for s in self._after]
            return [own, *after]
        return [own, *map(_fresh, self._after)]

    def _built(self, stage: Stage, place: int) -> Stage:
        """A stage as it would be with another value, in the same place of the same reply."""
        changed = cast(Settings, _With(self._settings, self.axis.knob.name, self.axis.value(place)))
        made = BUILDERS[stage.name](changed, self._chain.origin.around)
        if isinstance(made, XtcStage) and isinstance(stage, XtcStage):
            made.skip(stage.taken)
        if stage.name in ("penalties", "dry"):
            window = changed.repeat_last_n if stage.name == "penalties" else changed.dry_penalty_last_n
            for token in self._history(window):
                made.accept(token)
        return made

    def _history(self, window: int) -> tuple[int, ...]:
        """The last tokens that a stage with this window has seen."""
        seen = self._chain.origin.prompt if self._settings.penalize_prompt else ()
        if len(self._chain.reply) < window:
            return (*seen, *self._chain.reply)[-window:]
        return tuple(self._chain.reply[-window:]) if window else ()

    def _choose(self, candidates: Candidates, stages: Sequence[Stage]) -> Outcome:
        drew = False
        for stage in stages:
            drew = drew or (stage.name == "xtc" and stage.idle is None and len(candidates) > 1)
            stage.apply(candidates)
        if not len(candidates) or candidates.data["logit"].max() == -np.inf:
            return Outcome(DEAD_END, drew)
        pick = self._chain.peek(candidates)
        self._roll = pick.u
        return Outcome(pick.token, drew)

    # --- boxes of values ---

    def settle_values(self, boxes: Sequence[Span]) -> list[Outcome | None]:
        """For each box of values the outcome that is certain throughout, else None; a single value is run."""
        if self.axis.knob.name == "min_keep":
            return [self.run(box.first) if len(box) == 1 else None for box in boxes]
        hull = Span(boxes[0].first, boxes[-1].last)
        if self._start is None or not self._hull.first <= hull.first <= hull.last <= self._hull.last:
            self._start, self._hull = self._pruned(self._bounds(), hull), hull
        at_once = max(1, _MOST_ENTRIES // len(self._start.ids))
        found: list[Outcome | None] = []
        for begin in range(0, len(boxes), at_once):
            some = boxes[begin : begin + at_once]
            bounds = _copy(self._start)
            self._move(bounds, some)
            alike = _alike(bounds, some)
            settled = self._finish(bounds, len(some))
            for box, same, outcome in zip(some, alike, settled, strict=True):
                found.append(self.run(box.first) if outcome is None and same else outcome)
        return found

    @property
    def columns(self) -> int:
        """How many candidates a box of values has."""
        return len(self._start.ids) if self._start is not None else 0

    def _bounds(self) -> Bounds:
        """The candidates before the knob's own stage, exactly."""
        data = self._shared
        return _exactly(data.ids, data.logits, data.sorted)

    def _pruned(self, bounds: Bounds, hull: Span) -> Bounds:
        """Without the candidates that the first cut, if it is top-k, throws out at every value of the hull."""
        follow = [s for s in self._after if s.idle is None]
        local = next((i for i, s in enumerate(follow) if s.name not in ("penalties", "dry", "temperature")), None)
        if local is None or follow[local].name != "top_k" or len(bounds.ids) <= 4 * self._settings.top_k:
            return bounds
        if self._settings.dynatemp_range > 0:
            return bounds
        moved = _copy(bounds)
        moved.ids = np.arange(len(bounds.ids), dtype=np.int32)  # columns, to find them again
        real = bounds.ids
        self._move(moved, [hull], real)
        for stage in follow[:local]:
            self._through(stage, moved, real)
        moved.collapse()
        k = min(self._settings.top_k, len(real))
        line = np.partition(moved.low, len(real) - k, axis=1)[:, len(real) - k]
        slack = 1e-5 * (np.abs(line) + 1)
        columns = np.flatnonzero((moved.high >= (line - slack)[:, None]).any(axis=0))
        return _exactly(real[columns], bounds.low[0, columns].astype(np.float32), bounds.is_sorted)

    def _move(self, bounds: Bounds, boxes: Sequence[Span], ids: Int32Array | None = None) -> None:
        """The knob's own stage over each box."""
        ends = np.array([[box.first, box.last] for box in boxes])
        values = self.axis.values(ends.reshape(-1)).reshape(-1, 2)
        name, own = self.axis.knob.name, (values[:, :1], values[:, 1:])
        match self.axis.knob.stage:
            case "temperature":
                self._temperature(bounds, **{name: own})
            case "penalties" if name != "repeat_last_n":
                _penalties(self._settings, self._counts(self._settings.repeat_last_n), ids, **{name: own}).apply(bounds)
            case "dry" if name in ("dry_multiplier", "dry_base"):
                self._dry(bounds, ids, **{name: own})
            case _:
                self._by_ends(bounds, boxes, ids)

    def _counts(self, window: int) -> Counter[int]:
        return Counter(self._history(window))

    def _by_ends(self, bounds: Bounds, boxes: Sequence[Span], ids: Int32Array | None) -> None:
        """A window or a length in whole numbers: what the real stage does to single values; wider boxes are lost."""
        assert self._at is not None
        bounds.is_sorted = False
        real = bounds.ids if ids is None else ids
        touched = np.flatnonzero(np.isin(real, np.unique(self._history(2**24))))
        low = np.broadcast_to(bounds.low, (len(boxes), len(real))).copy()
        for i, box in enumerate(boxes):
            some = Candidates.of(real[touched], bounds.low[0, touched].astype(np.float32))
            if len(touched):
                self._built(self._chain.stages[self._at], box.first).apply(some)
            low[i, touched] = some.data["logit"]
        bounds.shift(low, low, rounded=False)
        bounds.lose(np.array([[len(box) > 1] for box in boxes]))

    def _temperature(self, bounds: Bounds, **own: tuple[Reals, Reals]) -> None:
        names = ("temperature", "dynatemp_range", "dynatemp_exponent")
        value, spread, exponent = (own.get(name) or _point(getattr(self._settings, name)) for name in names)
        if np.any(spread[1] > 0):
            enclosures.dynamic_temperature(bounds, value, spread, exponent)
        else:
            enclosures.temperature(bounds, *value)

    def _dry(self, bounds: Bounds, ids: Int32Array | None, **own: tuple[Reals, Reals]) -> None:
        """What DRY takes away is multiplier · base^e; the whole number e of each token is read off the real stage."""
        assert self._at is not None
        amounts = self._amounts(self._chain.stages[self._at])
        multiplier, base = self._settings.dry_multiplier, self._settings.dry_base
        many, roots = own.get("dry_multiplier") or _point(multiplier), own.get("dry_base") or _point(base)
        made = {}
        for token, amount in amounts.items():
            power = round(np.log(amount / np.float32(multiplier)) / np.log(base)) if base > 1 else 0
            bounds.lose(power * np.log(roots[1]) > 80)  # beyond that llama.cpp limits the exponent
            with np.errstate(over="ignore"):
                low, high = many[0] * roots[0] ** power, many[1] * roots[1] ** power
            made[token] = (low, high)
        enclosures.Dry(_columns(made, ids)).apply(bounds)

    def _amounts(self, stage: Stage) -> dict[int, float]:
        """What a DRY stage takes from each token: it takes the same from a logit of 0."""
        if self._taken is not None:
            return self._taken
        tokens = np.unique(np.array(self._history(2**24), np.int32))
        zeros = Candidates.of(tokens, np.zeros(len(tokens), np.float32))
        if len(tokens):
            stage.apply(zeros)
        taken = zip(zeros.ids.tolist(), zeros.logits.tolist(), strict=True)
        self._taken = {token: -logit for token, logit in taken if logit}
        return self._taken

    # --- boxes of sizes ---

    def nested(self, span: Span) -> Nested | None:
        """What the knob's cutting stage leaves within a span; None if the lists at its ends are no parts of one
        another.
        """
        first, last = (self.left_at(place) for place in span)
        falling = _size(first) > _size(last)
        big, small = (first, last) if falling else (last, first)
        masks = self.axis.knob.name == "top_n_sigma"
        ids, logits = big.ids, big.logits
        if masks:
            logits = self._shared.logits
        rank = self._rank(logits)
        nested = Nested(ids, logits, rank, big.sorted, _size(small), _size(big), falling, masks)
        for end in (small, big):
            made = nested.of_size(_size(end))
            if not (np.array_equal(made.ids, end.ids) and np.array_equal(made.logits, end.logits)):
                return None
        return self._heeded(nested) if small.sorted == big.sorted else None

    def _heeded(self, nested: Nested) -> Nested:
        """Without what the next stage, if it is top-k, throws out at every size: it goes by the same rank."""
        following = next((stage for stage in self._after if stage.idle is None), None)
        k = self._settings.top_k
        if following is None or following.name != "top_k" or nested.largest <= k:
            return nested
        if self.axis.knob.name not in ("top_n_sigma", "min_p", "top_p", "tfs_z"):
            return nested
        kept = nested.rank < k
        return Nested(
            nested.ids[kept],
            nested.logits[kept],
            nested.rank[kept],
            nested.is_sorted,
            min(nested.smallest, k),
            k,
            nested.falling,
            nested.masks,
        )

    def _rank(self, logits: Float32Array) -> npt.NDArray[np.int64]:
        """In which order candidates come in as the stage gets milder."""
        n = len(logits)
        match self.axis.knob.name:
            case "typical_p":
                return np.arange(n)
            case "xtc_threshold" | "xtc_probability":
                return np.arange(n)[::-1].copy()
        rank = np.empty(n, np.int64)
        rank[np.argsort(-logits, kind="stable")] = np.arange(n)
        return rank

    def left_at(self, place: int) -> Candidates:
        """What the knob's own stage, the real one, leaves at a value."""
        assert self._at is not None
        candidates = self._shared.copy()
        self._built(self._chain.stages[self._at], place).apply(candidates)
        return candidates

    def size_at(self, place: int) -> int:
        """How many that is."""
        if self.axis.knob.name == "top_k" and place:
            return min(place, len(self._shared))
        return _size(self.left_at(place))

    def settle_sizes(self, nested: Nested, boxes: Sequence[Span]) -> list[Outcome | None]:
        """For each box of sizes the outcome that is certain throughout, else None; a single size is run."""
        start = _exactly(nested.ids, nested.logits, nested.is_sorted)
        sizes = np.array([[box.first, box.last] for box in boxes])
        found: list[Outcome | None] = []
        at_once = max(1, _MOST_ENTRIES // len(nested.ids))
        for begin in range(0, len(boxes), at_once):
            some = sizes[begin : begin + at_once]
            bounds = _copy(start)
            if nested.masks:
                low = np.where(nested.rank[None, :] < some[:, :1], bounds.low, -np.inf)
                high = np.where(nested.rank[None, :] < some[:, 1:], bounds.high, -np.inf)
                bounds.shift(low, high, rounded=False)
            else:
                enclosures.keep_by(bounds, nested.rank, some[:, :1], some[:, 1:])
            for (size, last), outcome in zip(some.tolist(), self._finish(bounds, len(some)), strict=True):
                found.append(self.run_size(nested, size) if outcome is None and size == last else outcome)
        return found

    def run_size(self, nested: Nested, size: int) -> Outcome:
        """What the real rest of the chain chooses from the candidates of one size."""
        outcome = self._choose(nested.of_size(size), list(map(_fresh, self._after)))
        return Outcome(outcome.token, outcome.drew or self._own_drew())

    def _own_drew(self) -> bool:
        """Whether the knob's own stage is XTC and takes a number."""
        return self.axis.knob.stage == "xtc" and len(self._shared) > 1

    # --- the rest of the chain ---

    def _finish(self, bounds: Bounds, count: int) -> list[Outcome | None]:
        drew = np.full((1, 1), self._own_drew())
        with np.errstate(over="ignore", under="ignore"):
            for stage in self._after:
                if stage.idle is not None:
                    continue
                if stage.name == "xtc":
                    drew = bounds.count()[0] >= 2
                self._through(stage, bounds)
            choice = bounds.largest() if self._settings.mode == "greedy" else bounds.roll(self._u())
        tokens, certain, drew = (np.broadcast_to(a.reshape(-1), count) for a in (choice.tokens, choice.certain, drew))
        return [
            Outcome(int(token), bool(took)) if sure else None
            for token, sure, took in zip(tokens, certain, drew, strict=True)
        ]

    def _u(self) -> float:
        """The roll of this token."""
        if self._roll is None:
            self._roll = self._chain.peek(Candidates.from_row(np.zeros(1, np.float32))).u
        assert self._roll is not None
        return self._roll

    def _through(self, stage: Stage, bounds: Bounds, ids: Int32Array | None = None) -> None:
        """A stage whose knobs stay, on bounds."""
        s, keep = self._settings, self._settings.min_keep
        match stage.name:
            case "penalties":
                _penalties(s, self._counts(s.repeat_last_n), ids).apply(bounds)
            case "dry":
                amounts = {token: _point(amount) for token, amount in self._amounts(stage).items()}
                enclosures.Dry(_columns(amounts, ids)).apply(bounds)
            case "temperature":
                self._temperature(bounds)
            case "top_k":
                enclosures.top_k(bounds, s.top_k)
            case "top_n_sigma":
                enclosures.top_n_sigma(bounds, _float32(s.top_n_sigma))
            case "tfs_z":
                enclosures.tfs_z(bounds, _float32(s.tfs_z), keep)
            case "typ_p":
                enclosures.typ_p(bounds, _float32(s.typical_p), keep)
            case "top_p":
                enclosures.top_p(bounds, _float32(s.top_p), keep)
            case "min_p":
                enclosures.min_p(bounds, _float32(s.min_p), keep)
            case "xtc":
                enclosures.xtc(bounds, _float32(s.xtc_threshold), keep, fires=self._xtc_fires(stage))

    def _xtc_fires(self, stage: Stage) -> bool:
        """Whether XTC's next number is low enough: at threshold 0 it then drops one of two."""
        if self._fires is None:
            changed = cast(Settings, _With(self._settings.replace(min_keep=0), "xtc_threshold", 0.0))
            probe = BUILDERS["xtc"](changed, self._chain.origin.around)
            assert isinstance(probe, XtcStage)
            assert isinstance(stage, XtcStage)
            probe.skip(stage.taken)
            two = Candidates.from_row(np.zeros(2, np.float32))
            probe.apply(two)
            self._fires = len(two) == 1
        return self._fires


def _alike(bounds: Bounds, boxes: Sequence[Span]) -> list[bool]:
    """For each box whether all its values leave the very same candidates, as float32 is coarse: then one is enough."""
    same = np.array([len(box) == 1 for box in boxes])
    if bounds.roundings or np.any(bounds.scale_low != bounds.scale_high):
        return [bool(flag) for flag in same]
    equal = (bounds.low == bounds.high).all(axis=1) & ~bounds.lost[:, 0]
    return [bool(flag) for flag in same | np.broadcast_to(equal, len(boxes))]


def _fresh(stage: Stage) -> Stage:
    """A stage to be applied once: XTC's generator must not move for others."""
    return stage.clone() if isinstance(stage, XtcStage) else stage


def _size(candidates: Candidates) -> int:
    return int(np.count_nonzero(candidates.data["logit"] > -np.inf))


def _exactly(ids: Int32Array, logits: Float32Array, is_sorted: bool) -> Bounds:
    """Bounds of candidates that are known."""
    low = logits.astype(np.float64)[None, :]
    there = np.ones_like(low, bool)
    return Bounds(ids, low, low, there, there, np.zeros((1, 1), bool), is_sorted)


def _copy(bounds: Bounds) -> Bounds:
    return _exactly(bounds.ids, bounds.low[0].astype(np.float32), bounds.is_sorted)


def _float32(value: float) -> float:
    return float(np.float32(value))


def _point(value: float) -> tuple[Reals, Reals]:
    made = np.array([[_float32(value)]])
    return made, made


def _columns(amounts: dict[int, tuple[Reals, Reals]], ids: Int32Array | None) -> dict[int, tuple[Reals, Reals]]:
    """Keys as columns instead of tokens, where `ids` says which token a column is."""
    if ids is None:
        return amounts
    return {column: amounts[token] for column, token in enumerate(ids.tolist()) if token in amounts}


def _penalties(
    settings: Settings, counts: Counter[int], ids: Int32Array | None, **own: tuple[Reals, Reals]
) -> enclosures.Penalties:
    names = ("repeat_penalty", "frequency_penalty", "presence_penalty")
    repeat, frequency, presence = (own.get(name) or _point(getattr(settings, name)) for name in names)
    seen: dict[int, int] = dict(counts)
    if ids is not None:
        seen = {column: counts[token] for column, token in enumerate(ids.tolist()) if token in counts}
    return enclosures.Penalties(seen, repeat, frequency, presence)
