"""Boxes: what is certain for ranges of values of one knob, at many tokens of a run at once.

Guarantee: an outcome that is given for a box is what `Trial.run` gives for every value in it. None says that the bounds
leave it open, which they never do for a single value: that one is run.

A box belongs to one of the trials, its owner. Candidates become rows of arrays, one a box (box_rows.py), so the
price of a stage is that of a few NumPy calls, whatever the number of tokens.

For example: the temperatures 0.7 .. 0.8 at 128 tokens are 128 boxes, settled in one go. For those tokens whose roll
falls on the same candidate at both ends, by a margin, the whole range is settled; the others stay open.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.boundaries.axis import Span
from tsumami.boundaries.bounds import Bounds, Flags, Keep, Reals, Whole
from tsumami.boundaries.box_rows import BoxRows, Table, Turned
from tsumami.boundaries.cut_lists import Nested
from tsumami.boundaries.limits import HEAVY
from tsumami.boundaries.moved_logits import Listed
from tsumami.boundaries.through import THROUGH
from tsumami.boundaries.trial import Chosen, Trial
from tsumami.sampling import Stage

__all__ = ["Cuts", "Moves", "alike"]

_MOST_ENTRIES: Final = 600_000  # of an array
_MOST_COMPARED: Final = 1024  # candidates whose logits are remembered
_MOST_KEPT: Final = 2_000_000  # entries of lists that are laid out once and for all


class _Boxes:
    """Boxes of several trials of one knob (see above)."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        first = trials[0]
        self.trials = trials
        self.settings = first.settings
        self._name = first.axis.knob.name
        stages = [first.own, *first.after] if self._name == "min_keep" else first.after
        self._stages = [stage for stage in stages if stage.idle is None]
        self._kept: Table | None = None
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
            self._kept = Table.of([self._list(owner) for owner in range(len(self.trials))])
        if self._kept is not None:
            return BoxRows(self.trials, self._kept, np.array(owners))
        distinct, which = np.unique(np.array(owners), return_inverse=True)
        some = distinct.tolist()
        return BoxRows([self.trials[i] for i in some], Table.of([self._list(i) for i in some]), which)

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
        return THROUGH[stage.name](bounds, Turned(self.settings, rows, keep))

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
        if not bounds.may.all():
            moved = np.where(bounds.may, bounds.low, np.inf)
            same = same & (len(bounds.ids) == rows.table.low.shape[1])
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
        moved, which = np.where(bounds.may, bounds.low, np.inf), rows.which
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
        axis = self.trials[0].axis
        return THROUGH[axis.knob.stage or ""](bounds, Turned(self.settings, rows, self._keep, axis, ends))


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

    def _nested_of(self, rows: BoxRows) -> Sequence[Nested]:
        if rows.trials is self.trials:
            return self._nested
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


def alike(bounds: Bounds, count: int) -> Flags:
    """For each box whether all its values leave the very same candidates, as float32 is coarse: then one is enough.

    For example: 5 - 0.01 and 5 - 0.010000001 are the same 32-bit float, though these are neighbouring penalties.
    """
    if not bounds.is_settled:
        return np.zeros(count, bool)
    equal = ((bounds.low == bounds.high) & (bounds.must == bounds.may)).all(axis=1) & ~bounds.lost[:, 0]
    return np.broadcast_to(equal, count)
