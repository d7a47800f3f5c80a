"""Side by side: whole spans of many tokens at once, before any of them is looked at by itself.

Guarantee: a span that is settled here has one outcome throughout, proved by the same bounds (boxes.py) and the same
real chain that `Partition.find` asks; what stays open is cut up there as ever. So the pieces are the same, and only the
price is another: settling a box is some eighty NumPy calls, whether for one token or for a hundred.

For example: of the 64 texts of a map of temperature each has one to three spans of values at its next token, and nine
of ten of these spans choose one token throughout. A hundred spans are settled in the time of three.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Final

from tsumami.boundaries.axis import Span
from tsumami.boundaries.boxes import Cuts, Moves
from tsumami.boundaries.partition import Partition, WholeSpan
from tsumami.boundaries.token_problems import TokenProblem

__all__ = ["settle_together"]

_MOST_CANDIDATES: Final = 1024  # of a token: more cost so much that the calls do not matter
_MOST_ENTRIES: Final = 200_000  # of an array: so nobody waits for long


def settle_together(asked: Iterable[tuple[TokenProblem, Sequence[Span]]]) -> None:
    """Settle the spans that are about to be asked of problems of one knob; their `find` knows from then on."""
    groups: dict[Hashable, list[tuple[Partition, WholeSpan]]] = {}
    for problem, spans in asked:
        if isinstance(problem, Partition):
            for span in spans:
                look = problem.look(span)
                if look is not None and look.width <= _MOST_CANDIDATES:
                    groups.setdefault(_kind(look), []).append((problem, look))
    for group in groups.values():
        at_once = max(1, _MOST_ENTRIES // max(look.width for _, look in group))
        for begin in range(0, len(group), at_once):
            _settle(group[begin : begin + at_once])


def _kind(look: WholeSpan) -> Hashable:
    """What boxes must have in common to be rows of the same arrays: the stages that act, in the same way, and about as
    many candidates.
    """
    trial, nested = look.trial, look.nested
    acting = tuple(stage.name for stage in (trial.own, *trial.after) if stage.idle is None)
    part = next(number for number, part in enumerate(trial.axis.spans()) if part.first <= look.span.first <= part.last)
    listed = nested.listed if nested is not None else trial.moved_logits.listed
    masks = nested is not None and nested.masks
    return part, trial.settings.mode, acting, listed.is_sorted, masks, look.width.bit_length()


def _settle(group: Sequence[tuple[Partition, WholeSpan]]) -> None:
    if len(group) < 2:
        return
    owners: dict[tuple[int, int], int] = {}
    looks = [look for _, look in group]
    which = [owners.setdefault((id(look.trial), id(look.nested)), len(owners)) for look in looks]
    firsts = [looks[which.index(owner)] for owner in range(len(owners))]
    trials = [look.trial for look in firsts]
    nested = [look.nested for look in firsts if look.nested is not None]
    boxes = Cuts(trials, nested) if nested else Moves(trials)
    for (problem, look), outcome in zip(group, boxes.settle(which, [look.box for look in looks]), strict=True):
        if outcome is not None:
            problem.settled[look.span] = outcome
