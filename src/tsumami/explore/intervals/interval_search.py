"""Interval search: one knob turned away from a run's value on either side, until the first token gives way.

Guarantee: all values between the run's and a side's end leave every token that was looked at as it is, unless the
search is not `certain`; and at a side's bend, the nearest value beyond, the token of the bend is the first to differ.

A side consists of regions: at their ends the chain itself changes (axis.py), or XTC takes another number of numbers
from its generator, so that its later rolls are others. A region's values have all of that in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tsumami.boundaries import (
    DEAD_END,
    HEAVY,
    Axis,
    Box,
    Chosen,
    Limit,
    LimitProblem,
    Moves,
    Span,
    Trial,
    WholeVocabulary,
    find_cut_limit,
    find_limits,
)
from tsumami.native import Float32Array
from tsumami.sampling import Chain
from tsumami.sampling.building import stage_names
from tsumami.sampling.resume import stage_with
from tsumami.sampling.samplers import Samplers
from tsumami.settings import Settings

__all__ = ["Bend", "Chunk", "IntervalSearch"]

_FIRST: Final = 8  # tokens that are asked before the others


@dataclass(frozen=True, slots=True)
class Bend:
    """Where the text gives way: at `value`, the nearest one outside, token number `step` becomes `token` (None: every
    token is forbidden there).
    """

    value: float
    step: int
    token: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some tokens of a run, from number `first` on: the row of logits, the chain before each in the run's settings,
    and whether the token was forced, that is given with the prompt. `order`: the closest choices first.
    """

    first: int
    rows: tuple[Float32Array, ...]
    tokens: tuple[int, ...]
    forced: tuple[bool, ...]
    chains: tuple[Chain, ...]
    order: tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Region:
    """Values on one side. `anchor`: the one whose chain stands for all; `taken`: how many numbers XTC had given before
    the chunk; `home`: it begins beside the run's own value.
    """

    span: Span
    side: int
    anchor: int
    taken: int = 0
    home: bool = False
    bend: Bend | None = None
    doubt: int | None = None
    rest: _Region | None = None

    def narrow(self, limit: Limit) -> None:
        """Keep what a limit leaves."""
        self.span = limit.clip(Box(0, self.span, self.side)).span
        if limit.doubt is not None and (self.doubt is None or (self.doubt - limit.doubt) * self.side > 0):
            self.doubt = limit.doubt

    @property
    def certain(self) -> bool:
        """Whether all that is left was settled."""
        return self.doubt is None or not self.span.first <= self.doubt <= self.span.last


@dataclass(slots=True, eq=False)
class Direction:
    """One side of the run's value: what is left of it, the nearest first, and where it ends."""

    regions: list[_Region] = field(default_factory=list)
    bend: Bend | None = None


class IntervalSearch:
    """One knob of a run with `settings`. Show it the run's chunks in order; then ask for the `ends`."""

    def __init__(self, settings: Settings, name: str) -> None:
        value = getattr(settings, name)
        self.axis = Axis.handy(name, value)
        self.below, self.above = Direction(), Direction()
        self._settings = settings
        self._ordinal = ordinal = self.axis.ordinal(value)
        self._samplers = Samplers()
        for span in self.axis.spans():
            home = span.first <= ordinal <= span.last
            if span.last > ordinal:
                part = Span(max(span.first, ordinal + 1), span.last)
                self.above.regions.append(_Region(part, 1, ordinal if home else part.first, home=home))
            if span.first < ordinal:
                part = Span(span.first, min(span.last, ordinal - 1))
                self.below.regions.insert(0, _Region(part, -1, ordinal if home else part.last, home=home))

    @property
    def ends(self) -> tuple[float, float]:
        """The first and the last value that leave all tokens as they are."""
        low = min([self._ordinal, *(region.span.first for region in self.below.regions)])
        high = max([self._ordinal, *(region.span.last for region in self.above.regions)])
        return self.axis.value(low), self.axis.value(high)

    @property
    def bends(self) -> tuple[Bend | None, Bend | None]:
        """What gives way below and above."""
        return self.below.bend, self.above.bend

    @property
    def certain(self) -> bool:
        """Whether no value between the ends was left out."""
        return all(region.certain for side in (self.below, self.above) for region in side.regions)

    # --- a chunk ---

    def look(self, chunk: Chunk) -> None:
        """Leave out the values that choose another token in this chunk."""
        home = [side.regions[0] for side in (self.below, self.above) if side.regions and side.regions[0].home]
        if home:
            self._narrow(chunk, home)
        for side in (self.below, self.above):
            self._go_on(chunk, side)

    def _go_on(self, chunk: Chunk, side: Direction) -> None:
        """From region to region, as long as each is left whole."""
        for index, region in enumerate(side.regions):  # it grows where a region is split
            if not region.home:
                self._narrow(chunk, [region])
            if region.bend is not None:
                side.bend, region.bend = region.bend, None
                del side.regions[index + 1 :]
            if region.rest is not None:
                side.regions.insert(index + 1, region.rest)
                region.rest = None
        side.regions = [region for region in side.regions if len(region.span)]

    def _narrow(self, chunk: Chunk, regions: Sequence[_Region]) -> None:
        """One region, or the two beside the run's own value: find out what is left, and what comes next."""
        whole = [region.span for region in regions]
        start = regions[0].taken
        trials = self._trials(chunk, regions[0])
        wanted = [
            Chosen(token, trial.run(regions[0].anchor).drew if trial.has_xtc else False)
            for token, trial in zip(chunk.tokens, trials, strict=True)
        ]
        look = _ChunkTrials(self.axis, trials, wanted)
        look.narrow(regions, chunk.order)
        for region, span in zip(regions, whole, strict=True):
            region.taken = start + sum(outcome.drew for outcome in wanted)
            if region.span != span:
                self._end(chunk, region, span, start, look)

    def _end(self, chunk: Chunk, region: _Region, whole: Span, taken: int, look: _ChunkTrials) -> None:
        """Beyond the end of a region: another token, or only another number for XTC."""
        ordinal = region.span.last + 1 if region.side > 0 else region.span.first - 1
        owner, outcome = look.first_other(ordinal)
        if outcome.token != look.wanted[owner].token:
            token = None if outcome.token == DEAD_END else outcome.token
            region.bend = Bend(self.axis.value(ordinal), chunk.first + owner, token)
        else:
            assert ordinal != region.anchor, (self.axis, ordinal, outcome, look.wanted[owner])
            span = Span(ordinal, whole.last) if region.side > 0 else Span(whole.first, ordinal)
            region.rest = _Region(span, region.side, ordinal, taken)

    # --- the trials of a chunk ---

    def _trials(self, chunk: Chunk, region: _Region) -> list[Trial]:
        """A trial for each token, with the values of a region."""
        value = self.axis.value(region.anchor)
        settings = self._settings.replace(**{self.axis.knob.name: value})
        other = settings.mode != self._settings.mode or stage_names(settings) != stage_names(self._settings)
        chains = [chain.variant(settings) if other else chain for chain in chunk.chains]
        own = stage_with(chains[0], self.axis.knob.stage, settings)
        made: list[Trial] = []
        taken = region.taken
        for chain, row, token, forced in zip(chains, chunk.rows, chunk.tokens, chunk.forced, strict=True):
            trial = Trial(
                chain, self.axis, row, own=own, taken=taken, forced=token if forced else None, samplers=self._samplers
            )
            made.append(trial)
            if trial.has_xtc:
                taken += trial.run(region.anchor).drew
        return made


class _ChunkTrials:
    """The trials of a chunk, and what they are wanted to choose."""

    def __init__(self, axis: Axis, trials: Sequence[Trial], wanted: Sequence[Chosen]) -> None:
        self._axis = axis
        self._trials = trials
        self.wanted = wanted
        self._moves = None if trials[0].idle or trials[0].cuts else _moves(trials, wanted)

    def narrow(self, regions: Sequence[_Region], owners: Sequence[int]) -> None:
        """Take from regions what the owners do not want."""
        if self._trials[0].idle:
            for region in regions:
                self._all_or_nothing(region, owners)
        elif self._moves is None:
            for region in regions:
                self._cut(region, owners[:_FIRST])
                self._cut(region, owners[_FIRST:])
        else:
            left = [region for region in regions if len(region.span)]
            groups = [
                [Box(owner, region.span, region.side) for region in left for owner in some]
                for some in (owners[:_FIRST], owners[_FIRST:])
            ]
            moves = self._moves
            problem = LimitProblem(
                keeps=self._keeps,
                cut=self._axis.cut,
                key=_side,
                weight=moves.weight,
                singles_first=moves.singles_first,
            )
            limits = find_limits(problem, *groups)
            for region in left:
                region.narrow(limits[region.side])

    def _keeps(self, boxes: Sequence[Box]) -> list[bool | None]:
        assert self._moves is not None
        found = self._moves.settle([box.owner for box in boxes], [box.span for box in boxes])
        return [
            None if outcome is None else outcome == self.wanted[box.owner]
            for box, outcome in zip(boxes, found, strict=True)
        ]

    def _all_or_nothing(self, region: _Region, owners: Sequence[int]) -> None:
        """The stage does nothing here, at any value."""
        for owner in owners:
            if len(region.span) and self._trials[owner].run(region.anchor) != self.wanted[owner]:
                near = Box(owner, region.span, region.side).near
                region.narrow(Limit(near - region.side, region.side))

    def _cut(self, region: _Region, owners: Sequence[int]) -> None:
        if len(region.span) and owners:
            start = region.anchor if region.home else None
            region.narrow(find_cut_limit(self._trials, self.wanted, owners, Box(0, region.span, region.side), start))

    def first_other(self, ordinal: int) -> tuple[int, Chosen]:
        """The first token that is not as wanted at a value, and what it is."""
        if self._moves is None:
            return next(
                (owner, outcome)
                for owner, trial in enumerate(self._trials)
                if (outcome := trial.run(ordinal)) != self.wanted[owner]
            )
        found = self._moves.settle(range(len(self._trials)), [Span(ordinal, ordinal)] * len(self._trials))
        owner = next(i for i, outcome in enumerate(found) if outcome != self.wanted[i])
        return owner, self._trials[owner].run(ordinal)


def _moves(trials: Sequence[Trial], wanted: Sequence[Chosen]) -> Moves:
    """What settles the boxes of a knob that moves logits."""
    if trials[0].width > HEAVY and WholeVocabulary.fits(trials, wanted):
        return WholeVocabulary(trials, wanted)
    return Moves(trials)


def _side(box: Box) -> int:
    return box.side
