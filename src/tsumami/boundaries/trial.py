"""A trial: one token of a run, to be chosen again with other values of one knob.

Guarantee: `run` is the real chain. The stages before the knob's own are applied once, the own one is built for the
value and shown the same history, those after it are the chain's, and the roll is that of the token. What is certain for
whole boxes of values at once is said in boxes.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from tsumami import native
from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.samplers import DryAt, Repetitions, Samplers
from tsumami.knobs.stages import HEED_MIN_KEEP, WINDOWS
from tsumami.native import Float32Array, Int32Array
from tsumami.sampling import Candidates, Chain, Stage
from tsumami.sampling.head import Head
from tsumami.sampling.measure import summit
from tsumami.sampling.stages import BUILDERS, LocalStage, NativeStage, PenaltiesStage, XtcStage
from tsumami.settings import Settings

__all__ = ["DEAD_END", "Listed", "Nested", "Outcome", "Trial"]

DEAD_END: Final = -1
_ALL: Final = 2**24  # a window that is longer than any history


class Outcome(NamedTuple):
    """What a value chooses: the token (`DEAD_END` if everything is forbidden), and whether XTC took a number."""

    token: int
    drew: bool


class Listed(NamedTuple):
    """Candidates in their order, as arrays of shape (n,), and whether llama.cpp trusts that they are sorted."""

    ids: Int32Array
    logits: Float32Array
    is_sorted: bool


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

    @property
    def listed(self) -> Listed:
        """All of them."""
        return Listed(self.ids, self.logits, self.is_sorted)

    def of_size(self, size: int) -> Candidates:
        """The candidates that are left at one size."""
        inside = self.rank < size
        if self.masks:
            return Candidates.of(self.ids, np.where(inside, self.logits, np.float32(-np.inf)), is_sorted=self.is_sorted)
        return Candidates.of(self.ids[inside], self.logits[inside], is_sorted=self.is_sorted)


class Trial:
    """One token (see above). `idle`: the knob cannot change anything here; `cuts`: its stage cuts.

    Args:
        chain: in the state before the token. All its knobs but the axis's own count.
        axis: of the knob that moves.
        row: the logits that the token is chosen from, shape (n_vocab,).
        own: a stage with one of the values to be tried; default: the chain's. It says whether they act.
        taken: how many numbers XTC's generator has given; default: as many as the chain's.
        forced: the token that comes here whatever is chosen.
        samplers: where those that remember something are kept.
    """

    def __init__(
        self,
        chain: Chain,
        axis: Axis,
        row: Float32Array,
        *,
        own: Stage | None = None,
        taken: int | None = None,
        forced: int | None = None,
        samplers: Samplers | None = None,
    ) -> None:
        self.axis = axis
        self.forced = forced
        self.settings = chain.origin.settings
        self._chain = chain
        self._row = row
        self._taken = taken
        self._samplers = samplers or Samplers()
        self._stages = tuple(stage if own is None or stage.name != own.name else own for stage in chain.stages)
        self._at = self._own_stage(own)
        self.idle = self._at is None
        self.cuts = axis.cuts
        self._before = self._stages[: self._at]
        self.after: tuple[Stage, ...] = self._stages[self._at + 1 :] if self._at is not None else ()
        self._known: dict[int, Outcome] = {}
        self._candidates: Candidates | None = None
        self._drew_before = False
        self._listed: Listed | None = None
        self._roll: float | None = None
        self._fires: bool | None = None
        self._entropy_share: tuple[float, float] | None = None
        self._repetitions: dict[tuple[int, int], Repetitions] = {}

    def _own_stage(self, own: Stage | None) -> int | None:
        """Where in the chain the knob acts first; None if it does not."""
        if own is not None:
            names = [stage.name for stage in self._stages]
            return names.index(own.name) if own.idle is None and own.name in names else None
        name = self.axis.knob.stage
        wanted = HEED_MIN_KEEP if self.axis.knob.name == "min_keep" else (name,)
        return next((i for i, s in enumerate(self._stages) if s.name in wanted and s.idle is None), None)

    @property
    def width(self) -> int:
        """How many candidates come to the knob's own stage."""
        return len(self._shared)

    @property
    def own(self) -> Stage:
        """The first stage that the knob acts on, at the chain's own value."""
        assert self._at is not None
        return self._stages[self._at]

    @property
    def _shared(self) -> Candidates:
        """What the stages before the knob's own leave, whatever its value."""
        if self._candidates is None:
            head = Head.of(self._before)
            found = head.take(self._row) if head is not None else None
            if head is not None and found is not None:
                rest = head.rest
            else:
                found, rest = Candidates.from_row(self._row), tuple(self._before)
            for stage in rest:
                self._drew_before |= _draws(stage, found)
                self._fresh(stage).apply(found)
            self._candidates = found
        return self._candidates

    def _fresh(self, stage: Stage) -> Stage:
        """A stage to be applied once: XTC's generator must not move for others."""
        if not isinstance(stage, XtcStage) or stage.idle is not None:
            return stage
        if self._taken is None or self._taken == stage.taken:
            return stage.clone()
        return self._xtc(self.settings, stage)

    def _xtc(self, settings: Settings, stage: Stage) -> Stage:
        """An XTC stage in the place that this token has reached."""
        assert isinstance(stage, XtcStage)
        return self._samplers.xtc(
            settings, self._chain.origin.around, stage.taken if self._taken is None else self._taken
        )

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
            outcome = self._choose(self._shared.copy(), stages)
            return Outcome(outcome.token, outcome.drew or self._drew_before)
        return self._choose(taken, head.rest)

    def _chain_at(self, place: int) -> list[Stage]:
        """The stages from the knob's own on, for a value."""
        if self._at is None:
            return []
        own = self._built(self.own, place)
        if self.axis.knob.name == "min_keep":
            after = [self._built(s, place) if s.name in HEED_MIN_KEEP else self._fresh(s) for s in self.after]
            return [own, *after]
        return [own, *map(self._fresh, self.after)]

    def _built(self, stage: Stage, place: int) -> Stage:
        """A stage as it would be with another value, in the same place of the same reply."""
        changed = cast(Settings, _With(self.settings, self.axis.knob.name, self.axis.value(place)))
        if stage.name == "dry":
            return DryAt(self._repetitions_of(changed), changed.dry_multiplier, changed.dry_base)
        if stage.name == "xtc":
            return self._xtc(changed, stage)
        if stage.name == "penalties":
            return self._penalties(changed)
        return BUILDERS[stage.name](changed, self._chain.origin.around)

    def _penalties(self, s: Settings) -> Stage:
        """The stage as its builder makes it, after the tokens of its window."""
        window = self.history(s.repeat_last_n)
        sampler = native.penalties(
            self._chain.origin.n_vocab, s.repeat_last_n, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
        )
        for token in window:
            sampler.accept(token)
        return PenaltiesStage(sampler, deque(window, maxlen=s.repeat_last_n))

    def history(self, window: int) -> tuple[int, ...]:
        """The last tokens that a stage with this window has seen."""
        seen = self._chain.origin.prompt if self.settings.penalize_prompt else ()
        if len(self._chain.reply) < window:
            return (*seen, *self._chain.reply)[-window:]
        return tuple(self._chain.reply[-window:]) if window else ()

    def _choose(self, candidates: Candidates, stages: Sequence[Stage]) -> Outcome:
        drew = False
        for stage in stages:
            drew = drew or _draws(stage, candidates)
            stage.apply(candidates)
        if self.forced is not None:
            return Outcome(self.forced, drew)
        if not len(candidates) or candidates.data["logit"].max() == -np.inf:
            return Outcome(DEAD_END, drew)
        pick = self._chain.peek(candidates)
        self._roll = pick.u
        return Outcome(pick.token, drew)

    @property
    def u(self) -> float:
        """The roll of this token."""
        if self._roll is None:
            self._roll = self._chain.peek(Candidates.from_row(np.zeros(1, np.float32))).u
        assert self._roll is not None
        return self._roll

    @property
    def fires(self) -> bool:
        """Whether the next number of the chain's XTC is low enough: at threshold 0 it then drops one of two."""
        if self._fires is None:
            stage = next(stage for stage in self._stages if stage.name == "xtc")
            changed = cast(Settings, _With(self.settings.replace(min_keep=0), "xtc_threshold", 0.0))
            probe = self._xtc(changed, stage)
            two = Candidates.from_row(np.zeros(2, np.float32))
            probe.apply(two)
            self._fires = len(two) == 1
        return self._fires

    @property
    def has_xtc(self) -> bool:
        """Whether XTC acts here, so that the rolls of later tokens depend on what it takes."""
        if self.axis.knob.stage == "xtc":
            return not self.idle
        return any(stage.name == "xtc" and stage.idle is None for stage in self._stages)

    @property
    def drew_before(self) -> bool:
        """Whether XTC stands before the knob's own stage, or is that, and takes a number."""
        if self.axis.knob.stage == "xtc":
            return len(self._shared) > 1
        if any(stage.name == "xtc" and stage.idle is None for stage in self._before):
            return len(self._shared) > 0 and self._drew_before  # known once the stages before have been applied
        return False

    # --- what looks back ---

    def repetitions(self, place: int | None = None) -> Repetitions:
        """DRY's repetitions, at another value of the knob or at the chain's own."""
        if place is None:
            return self._repetitions_of(self.settings)
        return self._repetitions_of(cast(Settings, _With(self.settings, self.axis.knob.name, self.axis.value(place))))

    def _repetitions_of(self, settings: Settings) -> Repetitions:
        key = settings.dry_allowed_length, settings.dry_penalty_last_n
        if key not in self._repetitions:
            around = self._chain.origin.around
            self._repetitions[key] = self._samplers.repetitions(settings, around, self.history(key[1]))
        return self._repetitions[key]

    # --- the candidates of a knob that moves logits ---

    @property
    def listed(self) -> Listed:
        """The candidates before the knob's own stage, but for those that top-k cuts at every value."""
        if self._listed is None:
            self._listed = self._before_top_k() or _listed(self._shared)
        return self._listed

    def _before_top_k(self) -> Listed | None:
        """As in sampling/head.py: stages that change only known tokens stand before a top-k, and so what it leaves is
        among the largest logits and these tokens. Temperature changes them all, but not their order.
        """
        stages = [*self._before, self.own, *self.after] if self._at is not None else []
        at = next((i for i, stage in enumerate(stages) if stage.name == "top_k" and stage.idle is None), len(stages))
        first = [stage for stage in stages[:at] if stage.idle is None or stage is self.own]
        still = self.settings.dynatemp_range == 0 and not self.axis.knob.name.startswith("dynatemp")
        apart = all(
            isinstance(stage, LocalStage) or stage.name == "dry" or (stage.name == "temperature" and still)
            for stage in first
        )
        if at == len(stages) or self._at is None or self._at >= at or not apart:
            return None
        changed = {token for stage in first if isinstance(stage, LocalStage) for token in stage.tokens()}
        changed |= {token for stage in first if stage.name in WINDOWS for token in self._may_change(stage)}
        ids = self._largest(self.settings.top_k + 1 + len(changed), changed)
        candidates = Candidates.of(ids, self._row[ids])
        for stage in self._before:
            if stage.idle is None:
                NativeStage.apply(stage, candidates) if isinstance(stage, NativeStage) else stage.apply(candidates)
        return _listed(candidates)

    @property
    def whole(self) -> Listed:
        """All candidates before the knob's own stage."""
        return _listed(self._shared)

    @property
    def changeable(self) -> set[int]:
        """The tokens that stages which look back can change from the knob's own stage on, at any value."""
        return {token for s in (self.own, *self.after) if s.name in WINDOWS for token in self._may_change(s)}

    def _may_change(self, stage: Stage) -> tuple[int, ...]:
        """The tokens that a stage which looks back can change, at any value of the knob."""
        window = WINDOWS[stage.name]
        return self.history(_ALL if self.axis.knob.name == window else getattr(self.settings, window))

    def _largest(self, count: int, also: set[int]) -> npt.NDArray[np.intp]:
        """The `count` largest logits, all that may become their equals by rounding, and some more."""
        if count >= len(self._row):
            return np.arange(len(self._row))
        floor = np.sort(self._row[summit(self._row, count).ids])[-count]
        wanted = self._row >= floor - np.float32(1e-5) * (abs(floor) + 1)
        wanted[list(also)] = True
        return np.flatnonzero(wanted)

    @property
    def entropy_share(self) -> tuple[float, float]:
        """Bounds of H / ln n as dynamic temperature finds it here: it divides by twice that with T = spread = 1."""
        if self._entropy_share is None:
            before = self._shared.copy()
            at = int(np.abs(np.nan_to_num(before.data["logit"], neginf=0)).argmax())
            token, logit = before.data["id"][at], float(before.data["logit"][at])
            native.temperature(1.0, 1.0, 1.0).apply(before.array)
            after = float(before.data["logit"][before.data["id"] == token][0])
            divisor = logit / after if np.isfinite(after) and after else np.nan
            known = len(before) > 1 and 0 < divisor <= 2.001
            low, high = (divisor / 2 * (1 + sign * 2.0**-22) for sign in (-1, 1)) if known else (0.0, 1.0)
            self._entropy_share = low, min(high, 1.0)
        return self._entropy_share

    # --- the candidates of a knob that cuts ---

    def nested(self, span: Span) -> Nested | None:
        """What the knob's cutting stage leaves within a span; None if the lists at its ends are no parts of one
        another.
        """
        if self._shared_is_nested:
            return self._prefixes(span)
        first, last = (self.left_at(place) for place in span)
        falling = self._size(first) > self._size(last)
        big, small = (first, last) if falling else (last, first)
        masks = self.axis.knob.name == "top_n_sigma"
        ids, logits = big.ids, big.logits
        if masks:
            logits = self._shared.logits
        rank = self._rank(logits)
        nested = Nested(ids, logits, rank, big.sorted, self._size(small), self._size(big), falling, masks)
        for end in (small, big):
            made = nested.of_size(self._size(end))
            if not (np.array_equal(made.ids, end.ids) and np.array_equal(made.logits, end.logits)):
                return None
        return self._heeded(nested) if small.sorted == big.sorted else None

    @property
    def _shared_is_nested(self) -> bool:
        """Whether all that the stage can leave is a beginning of what the stages before it leave."""
        name = self.axis.knob.name
        return name in ("top_p", "min_p", "tfs_z") and Head.of(self._before) is not None and self._shared.sorted

    def _prefixes(self, span: Span) -> Nested:
        """The list before the stage, where it is sorted and the stage keeps a beginning of it."""
        first, last = (self.size_at(place) for place in span)
        small, big = sorted((first, last))
        shared = _listed(self._shared)
        ids, logits = shared.ids[:big], shared.logits[:big]
        return self._heeded(Nested(ids, logits, np.arange(big), True, small, big, first > last, False))

    def _heeded(self, nested: Nested) -> Nested:
        """Without what the next stage, if it is top-k, throws out at every size: it goes by the same rank."""
        following = next((stage for stage in self.after if stage.idle is None), None)
        k = self.settings.top_k
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
        own = self._built(self.own, place)
        head = Head.of([*self._before, own]) if own.name == "top_k" else None
        found = head.take(self._row) if head is not None else None
        if head is None or found is None or head.rest:
            found = self._shared.copy()
            own.apply(found)
        return found

    def size_at(self, place: int) -> int:
        """How many that is."""
        if self.axis.knob.name == "top_k" and place and self.own.idle is None:
            return min(place, len(self._row if self._at == 0 else self._shared))
        return self._size(self.left_at(place))

    def _size(self, candidates: Candidates) -> int:
        """How many there are; what top-n-sigma has cut stays in the list at -inf."""
        if self.axis.knob.name == "top_n_sigma":
            return int(np.count_nonzero(candidates.data["logit"] > -np.inf))
        return len(candidates)

    def run_size(self, nested: Nested, size: int) -> Outcome:
        """What the real rest of the chain chooses from the candidates of one size."""
        outcome = self._choose(nested.of_size(size), list(map(self._fresh, self.after)))
        return Outcome(outcome.token, outcome.drew or self.drew_before)


def _draws(stage: Stage, candidates: Candidates) -> bool:
    """Whether a stage is XTC and takes a number for these candidates."""
    return stage.name == "xtc" and stage.idle is None and len(candidates) > 1


def _listed(candidates: Candidates) -> Listed:
    return Listed(candidates.ids, candidates.logits, candidates.sorted)
