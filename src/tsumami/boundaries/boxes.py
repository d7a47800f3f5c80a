"""Boxes: what is certain for ranges of values of one knob, at many tokens of a run at once.

Guarantee: an outcome that is given for a box is what `Trial.run` gives for every value in it. None says that the bounds
leave it open, which they never do for a single value: that one is run.

A box belongs to one of the trials, its owner. Candidates become rows of arrays, one a box (bounds/bounds.py), so the
price of a stage is that of a few NumPy calls, whatever the number of tokens.

For example: the temperatures 0.7 .. 0.8 at 128 tokens are 128 boxes, settled in one go. For those tokens whose roll
falls on the same candidate at both ends, by a margin, the whole range is settled; the others stay open.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.boundaries.axis import Span
from tsumami.boundaries.bounds import Bounds, Flags, Keep, Reals, Whole, rounding, transfer
from tsumami.boundaries.cut_lists import Nested
from tsumami.boundaries.limits import HEAVY
from tsumami.boundaries.moved_logits import Listed
from tsumami.boundaries.trial import Chosen, Trial
from tsumami.native import Float32Array, Int32Array
from tsumami.sampling import Stage

__all__ = ["BoxRows", "Cuts", "Moves", "alike"]

_MOST_ENTRIES: Final = 600_000  # of an array
_MOST_COMPARED: Final = 1024  # candidates whose logits are remembered
_MOST_KEPT: Final = 2_000_000  # entries of lists that are laid out once and for all
#: llama.cpp limits base^length to e^88.7228391 (FLOAT_MAX_LOG); nothing is said from a little below that on.
_DRY_LIMIT: Final = 80.0


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Lists of candidates side by side, shape (lists, n): `low` is -inf and `there` False beyond a list's end."""

    tokens: Int32Array
    low: Reals
    there: Flags
    is_sorted: bool
    seen: dict[int, Float32Array] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Sequence[Listed]) -> _Table:
        n = max(len(one.ids) for one in lists)
        tokens = np.full((len(lists), n), -1, np.int32)
        low, there = np.full((len(lists), n), -np.inf), np.zeros((len(lists), n), bool)
        for row, one in enumerate(lists):
            count = len(one.ids)
            tokens[row, :count], low[row, :count], there[row, :count] = one.ids, one.logits, True
        return cls(tokens, low, there, all(one.is_sorted for one in lists))


@dataclass(frozen=True, slots=True, eq=False)
class BoxRows:
    """Boxes, one a row: row i is of trial `trials[which[i]]`, whose candidates are that row of the table."""

    trials: Sequence[Trial]
    table: _Table
    which: Whole

    def bounds(self) -> Bounds:
        """The candidates, exactly; an id is a column of the table."""
        low, there = self.table.low[self.which], self.table.there[self.which]
        lost = np.zeros((len(self.which), 1), bool)
        return Bounds(np.arange(low.shape[1]), low, low, there, there, lost, self.table.is_sorted)

    def tokens_at(self, columns: Whole) -> Int32Array:
        """The token in a column of each row, shape (boxes,)."""
        return np.asarray(self.table.tokens[self.which, columns])

    def seen(self, window: int) -> Float32Array:
        """How often each candidate is among the last tokens, shape (boxes, n)."""
        known = self.table.seen
        if window not in known:
            rows = zip(self.trials, self.table.tokens, strict=True)
            known[window] = np.stack([_count(trial.history(window), tokens) for trial, tokens in rows])
        return known[window][self.which]

    def seen_within(self, windows: Whole) -> Float32Array:
        """The same for a window of each row's own, shape (boxes,)."""
        rows = zip(self.which.tolist(), windows.tolist(), strict=True)
        return np.stack([_count(self.trials[row].history(window), self.table.tokens[row]) for row, window in rows])

    def per_token(self, amounts: Sequence[dict[int, float]], default: float) -> Reals:
        """A number by token for each trial, as an array of shape (boxes, n)."""
        made = np.full(self.table.tokens.shape, default)
        for row, numbers in enumerate(amounts):
            for token, number in numbers.items():
                made[row, self.table.tokens[row] == token] = number
        return made[self.which]


class _Boxes:
    """Boxes of several trials of one knob (see above)."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        first = trials[0]
        self.trials = trials
        self.settings = first.settings
        self._name = first.axis.knob.name
        stages = [first.own, *first.after] if self._name == "min_keep" else first.after
        self._stages = [stage for stage in stages if stage.idle is None]
        self._kept: _Table | None = None
        self._all_facts: tuple[Flags, Reals] | None = None

    def _list(self, owner: int) -> Listed:
        raise NotImplementedError

    def _settle(self, rows: BoxRows, boxes: Sequence[Span]) -> list[Chosen | None]:
        raise NotImplementedError

    def settle(self, owners: Sequence[int], boxes: Sequence[Span]) -> list[Chosen | None]:
        """For each box of the trial `owners[i]` the outcome that is certain throughout, else None."""
        found: list[Chosen | None] = [None] * len(boxes)
        for group in self._groups(owners):
            widths = self._widths
            at_once = max(1, _MOST_ENTRIES // max(widths[owners[i]] for i in group))
            for begin in range(0, len(group), at_once):
                some = group[begin : begin + at_once]
                with np.errstate(all="ignore"):  # beyond all numbers nothing is certain, and the bounds say so
                    outcomes = self._settle(self._rows([owners[i] for i in some]), [boxes[i] for i in some])
                for index, outcome in zip(some, outcomes, strict=True):
                    found[index] = outcome
        return found

    def _groups(self, owners: Sequence[int]) -> list[list[int]]:
        """Indices of boxes that go together: XTC acts on all of them or on none."""
        if not any(stage.name == "xtc" for stage in self._stages):
            return [list(range(len(owners)))] if len(owners) else []
        groups = [[i for i, owner in enumerate(owners) if self.trials[owner].fires is side] for side in (False, True)]
        return [group for group in groups if group]

    def _rows(self, owners: Sequence[int]) -> BoxRows:
        if self._kept is None and len(self.trials) * self.columns <= _MOST_KEPT:
            self._kept = _Table.of([self._list(owner) for owner in range(len(self.trials))])
        if self._kept is not None:
            return BoxRows(self.trials, self._kept, np.array(owners))
        distinct, which = np.unique(np.array(owners), return_inverse=True)
        some = distinct.tolist()
        return BoxRows([self.trials[i] for i in some], _Table.of([self._list(i) for i in some]), which)

    @functools.cached_property
    def _widths(self) -> list[int]:
        return [len(self._list(owner).ids) for owner in range(len(self.trials))]

    @property
    def columns(self) -> int:
        """How many candidates a box has, at most."""
        return max(self._widths)

    @property
    def weight(self) -> int:
        """How many candidates have to be looked at for a box."""
        return self.columns

    # --- the rest of the chain ---

    def _finish(self, bounds: Bounds, rows: BoxRows, keep: Keep) -> list[Chosen | None]:
        count = len(rows.which)
        drawn, rolls = self._facts(rows.trials)
        drew = drawn[rows.which]
        for stage in self._stages:
            if stage.name == "xtc":
                drew = np.broadcast_to(bounds.count()[0][:, 0] >= 2, count)
            bounds = self._through(stage, bounds, rows, keep)
        choice = bounds.largest() if self.settings.mode == "greedy" else bounds.roll(rolls[rows.which])
        tokens = rows.tokens_at(np.asarray(np.broadcast_to(choice.ids, count)))
        certain, lost, drawn = (np.broadcast_to(a, count).tolist() for a in (choice.certain, bounds.lost[:, 0], drew))
        rest = zip(rows.which.tolist(), tokens.tolist(), certain, lost, drawn, strict=True)
        return [_outcome(rows.trials[row].forced, *found) for row, *found in rest]

    def _facts(self, trials: Sequence[Trial]) -> tuple[Flags, Reals]:
        """Whether XTC took a number before, shape (trials,), and the rolls, shape (trials, 1)."""
        if trials is self.trials and self._all_facts is not None:
            return self._all_facts
        found = np.array([trial.drew_before for trial in trials]), np.array([[trial.u] for trial in trials])
        if trials is self.trials:
            self._all_facts = found
        return found

    def _through(self, stage: Stage, bounds: Bounds, rows: BoxRows, keep: Keep) -> Bounds:
        """What a stage whose knobs stay makes of bounds."""
        s = self.settings
        match stage.name:
            case "penalties":
                seen = rows.seen(s.repeat_last_n)[:, bounds.ids]
                return transfer.Penalties(seen, seen, *_penalties(self)).apply(bounds)
            case "dry":
                found = [trial.repetitions() for trial in rows.trials]
                taken = [one.amounts(s.dry_multiplier, s.dry_base) for one in found]
                amounts = rows.per_token(taken, 0.0)[:, bounds.ids].astype(np.float32)
                return transfer.Dry(amounts, amounts).apply(bounds)
            case "temperature":
                return _temperature(self, bounds)
            case "top_k":
                return transfer.top_k(bounds, s.top_k)
            case "top_n_sigma":
                return transfer.top_n_sigma(bounds, _float32(s.top_n_sigma))
            case "tfs_z":
                return transfer.tfs_z(bounds, _float32(s.tfs_z), keep)
            case "typ_p":
                return transfer.typ_p(bounds, _float32(s.typical_p), keep)
            case "top_p":
                return transfer.top_p(bounds, _float32(s.top_p), keep)
            case "min_p":
                return transfer.min_p(bounds, _float32(s.min_p), keep)
            case "xtc":
                fires = rows.trials[int(rows.which[0])].fires
                return transfer.xtc(bounds, _float32(s.xtc_threshold), keep, fires=fires)
        return bounds

    @property
    def _keep(self) -> Keep:
        own = np.array([[self.settings.min_keep]])
        return Keep(own, own)


class Moves(_Boxes):
    """Boxes of values of a knob that moves logits, or of min_keep."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        super().__init__(trials)
        self._known: dict[tuple[int, bytes], Chosen] = {}

    @property
    def singles_first(self) -> bool:
        """Whether a box is so dear that single values should be asked before any."""
        return self.weight > HEAVY

    def _list(self, owner: int) -> Listed:
        return self.trials[owner].moved_logits.listed

    def _settle(self, rows: BoxRows, boxes: Sequence[Span]) -> list[Chosen | None]:
        bounds, keep = rows.bounds(), self._keep
        same = np.zeros(len(boxes), bool)
        ends = np.array([[box.first, box.last] for box in boxes])
        if self._name == "min_keep":
            keep = Keep(ends[:, :1], ends[:, 1:])
        else:
            was_sorted, bounds = bounds.is_sorted, self._move(bounds, rows, ends)
            # whether DRY looked at all depends on these two, and if so, equal logits are sorted anew
            if not (was_sorted and self._name in ("dry_allowed_length", "dry_penalty_last_n")):
                same = alike(bounds, len(boxes))
        moved = bounds.low
        if same.all() and len(moved) > 1:
            return self._distinct(bounds, rows, boxes, keep)
        found = self._finish(bounds, rows, keep)
        for index, box in enumerate(boxes):
            if found[index] is None and (same[index] or len(box) == 1):
                trial = rows.trials[int(rows.which[index])]
                found[index] = self._run(trial, box.first, moved[index] if same[index] else None)
        return found

    def _distinct(self, bounds: Bounds, rows: BoxRows, boxes: Sequence[Span], keep: Keep) -> list[Chosen | None]:
        """Boxes of exact candidates: neighbours with the very same ones are looked at once."""
        moved, which = bounds.low, rows.which
        other = (moved[1:] != moved[:-1]).any(axis=1) | (which[1:] != which[:-1])
        first = np.flatnonzero(np.concatenate([[True], other]))
        bounds = bounds.take_boxes(first)
        few = BoxRows(rows.trials, rows.table, which[first])
        made: list[Chosen] = []
        for index, outcome in zip(first.tolist(), self._finish(bounds, few, keep), strict=True):
            made.append(outcome or self._run(rows.trials[int(which[index])], boxes[index].first, moved[index]))
        return [made[number] for number in np.repeat(np.arange(len(first)), np.diff([*first, len(boxes)])).tolist()]

    def _run(self, trial: Trial, place: int, logits: Reals | None) -> Chosen:
        """Run a value; one that leaves the very `logits` that another has left chooses the same."""
        if logits is None or len(logits) > _MOST_COMPARED:
            return trial.run(place)
        key = id(trial), logits.tobytes()
        if key not in self._known:
            self._known[key] = trial.run(place)
        return self._known[key]

    def _move(self, bounds: Bounds, rows: BoxRows, ends: Whole) -> Bounds:
        """The knob's own stage over each box, from place to place, shape (boxes, 2)."""
        name, axis = self._name, self.trials[0].axis
        values = axis.values(ends.reshape(-1)).reshape(-1, 2)
        own = {name: (values[:, :1], values[:, 1:])}
        match axis.knob.stage:
            case "temperature":
                return _temperature(self, bounds, self._share(rows), **own)
            case "penalties" if name == "repeat_last_n":
                fewest, most = (rows.seen_within(ends[:, end]) for end in (0, 1))
                return transfer.Penalties(fewest, most, *_penalties(self)).apply(bounds)
            case "penalties":
                seen = rows.seen(self.settings.repeat_last_n)
                return transfer.Penalties(seen, seen, *_penalties(self, **own)).apply(bounds)
            case "dry" if name in ("dry_multiplier", "dry_base"):
                return self._dry(bounds, rows, **own)
            case _:
                return self._dry_window(bounds, rows, ends)

    def _share(self, rows: BoxRows) -> tuple[Reals, Reals] | None:
        """Dynamic temperature's H / ln n, which does not depend on its knobs."""
        if self._name == "temperature" and self.settings.dynatemp_range == 0:
            return None
        shares = np.array([trial.moved_logits.entropy_share for trial in rows.trials])[rows.which]
        return shares[:, :1], shares[:, 1:]

    def _dry(self, bounds: Bounds, rows: BoxRows, **own: tuple[Reals, Reals]) -> Bounds:
        """multiplier · base^length; the lengths stay. llama.cpp rounds that to a 32-bit float in the end; before, C's
        pow, the product, and NumPy's power are off by a few units of double precision.
        """
        many, root = (own.get(name) or _point(getattr(self.settings, name)) for name in ("dry_multiplier", "dry_base"))
        found = [{token: float(n) for token, n in trial.repetitions().lengths.items()} for trial in rows.trials]
        length = rows.per_token(found, -1.0)
        longest = length.max(axis=1, keepdims=True)
        room = rounding.double_sum_of(16)
        with np.errstate(over="ignore"):
            low, high = (
                np.where(length >= 0, many[end] * root[end] ** np.maximum(length, 0) * part, 0.0).astype(np.float32)
                for end, part in ((0, 1 - room), (1, 1 + room))
            )
        limited = longest * np.log(root[1]) > _DRY_LIMIT
        return transfer.Dry(low, high).apply(bounds.lose(limited))

    def _dry_window(self, bounds: Bounds, rows: BoxRows, ends: Whole) -> Bounds:
        """A longer window finds more and longer repetitions, a longer allowed length leaves less of them."""
        s, tokens = self.settings, rows.table.tokens
        sides = []
        for end in (0, 1):
            made = np.zeros((len(ends), tokens.shape[1]), np.float32)
            for i, (row, place) in enumerate(zip(rows.which.tolist(), ends[:, end].tolist(), strict=True)):
                taken = rows.trials[row].repetitions(place).amounts(s.dry_multiplier, s.dry_base)
                for token, amount in taken.items():
                    made[i, tokens[row] == token] = amount
            sides.append(made)
        return transfer.Dry(np.minimum(*sides), np.maximum(*sides)).apply(bounds)


class Cuts(_Boxes):
    """Boxes of sizes of a knob that cuts: how many candidates its stage leaves, of one nested list a trial."""

    def __init__(self, trials: Sequence[Trial], nested: Sequence[Nested]) -> None:
        super().__init__(trials)
        self._nested = nested

    def _list(self, owner: int) -> Listed:
        return self._nested[owner].listed

    def _settle(self, rows: BoxRows, boxes: Sequence[Span]) -> list[Chosen | None]:
        bounds = rows.bounds()
        nested = self._nested_of(rows)
        rank = self._ranks(nested, rows)
        sizes = np.array([[box.first, box.last] for box in boxes])
        surely, perhaps = rank < sizes[:, :1], rank < sizes[:, 1:]
        if nested[0].masks:
            bounds = bounds.shift(np.where(surely, bounds.low, -np.inf), np.where(perhaps, bounds.high, -np.inf))
        else:
            bounds = bounds.keep(surely, perhaps)
        found = self._finish(bounds, rows, self._keep)
        for index, (row, box) in enumerate(zip(rows.which.tolist(), boxes, strict=True)):
            if found[index] is None and len(box) == 1:
                found[index] = rows.trials[row].run_size(nested[row], box.first)
        return found

    def _nested_of(self, rows: BoxRows) -> list[Nested]:
        of = {id(trial): nested for trial, nested in zip(self.trials, self._nested, strict=True)}
        return [of[id(trial)] for trial in rows.trials]

    def _ranks(self, nested: Sequence[Nested], rows: BoxRows) -> npt.NDArray[np.int64]:
        made = np.full(rows.table.low.shape, np.iinfo(np.int64).max)
        for row, one in enumerate(nested):
            made[row, : len(one.rank)] = one.rank
        return made[rows.which]


def _outcome(forced: int | None, token: int, certain: bool, lost: bool, drew: bool) -> Chosen | None:
    if forced is not None:
        return None if lost else Chosen(forced, drew)
    return Chosen(token, drew) if certain else None


def _temperature(
    made: _Boxes, bounds: Bounds, share: tuple[Reals, Reals] | None = None, **own: tuple[Reals, Reals]
) -> Bounds:
    names = ("temperature", "dynatemp_range", "dynatemp_exponent")
    value, spread, exponent = (own.get(name) or _point(getattr(made.settings, name)) for name in names)
    if np.any(spread[1] > 0):
        return transfer.dynamic_temperature(bounds, value, spread, exponent, share)
    return transfer.temperature(bounds, *value)


def _penalties(made: _Boxes, **own: tuple[Reals, Reals]) -> list[tuple[Reals, Reals]]:
    names = ("repeat_penalty", "frequency_penalty", "presence_penalty")
    return [own.get(name) or _point(getattr(made.settings, name)) for name in names]


def _count(history: tuple[int, ...], tokens: Int32Array) -> Float32Array:
    """How often each token was seen."""
    distinct, counts = np.unique(np.array(history, np.int32), return_counts=True)
    if not len(distinct):
        return np.zeros(tokens.shape, np.float32)
    at = np.minimum(np.searchsorted(distinct, tokens), len(distinct) - 1)
    return np.where(distinct[at] == tokens, counts[at], 0).astype(np.float32)


def alike(bounds: Bounds, count: int) -> Flags:
    """For each box whether all its values leave the very same candidates, as float32 is coarse: then one is enough.

    For example: 5 - 0.01 and 5 - 0.010000001 are the same 32-bit float, though these are neighbouring penalties.
    """
    if not bounds.is_settled:
        return np.zeros(count, bool)
    equal = (bounds.low == bounds.high).all(axis=1) & ~bounds.lost[:, 0]
    return np.broadcast_to(equal, count)


def _float32(value: float) -> float:
    return float(np.float32(value))


def _point(value: float) -> tuple[Reals, Reals]:
    made = np.array([[_float32(value)]])
    return made, made
