"""Intervals of a run: how far each knob can be turned before the text changes, and what gives way first.

Guarantee: within low .. high the whole text stays as it is; one step beyond, to the nearest value that the stage can
tell apart, it does not, and the token named is the first that differs. All from the run's own logits: nothing is
generated. An interval ends where the knob's slider ends, too; then no token gives way there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tsumami.errors import SettingsError
from tsumami.explain.axis import Axis, Span, check_mappable
from tsumami.explain.pieces import DEAD_END, Piece, find
from tsumami.explain.trial import Trial
from tsumami.knobs import KNOBS
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.generate import make_chain
from tsumami.runs.replay import rows
from tsumami.runs.run import Run
from tsumami.sampling import Chain
from tsumami.sampling.stages import XtcStage

__all__ = ["Bend", "Interval", "intervals"]


@dataclass(frozen=True, slots=True)
class Bend:
    """Where the text gives way: at `value`, the nearest one outside, token number `step` becomes `token` (None: every
    token is forbidden there).
    """

    value: float
    step: int
    token: int | None


@dataclass(frozen=True, slots=True)
class Interval:
    """The values low .. high of `knob`, both included, that leave the whole text as it is. `below` and `above` say what
    gives way on either side; None where the range that was looked at ends.
    """

    knob: str
    low: float
    high: float
    below: Bend | None
    above: Bend | None
    certain: bool = True


def mappable_knobs() -> tuple[str, ...]:
    """The knobs that have an interval, in the table's order."""
    return tuple(name for name in KNOBS if _is_mappable(name))


def _is_mappable(name: str) -> bool:
    try:
        check_mappable(name)
    except SettingsError:
        return False
    return True


def intervals(backend: Backend, run: Run, knobs: Iterable[str] | None = None) -> dict[str, Interval]:
    """For each knob the values around its own that leave the run's text as it is.

    Args:
        backend: the model that made the run.
        run: with at least one token; neither contrastive search nor mirostat, which remember more than tokens.
        knobs: names (default: all that can be mapped).

    Raises:
        SettingsError: a knob that cannot be mapped, or a run whose way to choose cannot.
        RunFileError: another model.
    """
    if run.settings.mode not in ("sample", "greedy"):
        raise SettingsError(
            f"the intervals of a run under {run.settings.mode} are not known: its choices depend on more than this"
            " token's logits; turn it off and run again"
        )
    searches = [_Search(backend, run, name) for name in (knobs or mappable_knobs())]
    for step, row in enumerate(rows(backend, run)):
        for search in searches:
            search.look(step, row, run.tokens[step])
    return {search.axis.knob.name: search.interval() for search in searches}


class _Search:
    """One knob: a range that shrinks from token to token, in the span of the axis that the run's value lies in, and its
    neighbours.
    """

    def __init__(self, backend: Backend, run: Run, name: str) -> None:
        value = getattr(run.settings, name)
        self.axis = Axis.handy(name, value)
        self._place = self.axis.place(value)
        self._spans = self.axis.spans()
        self._chains = [self._chain(backend, run, span) for span in self._spans]
        self._low, self._high = self._spans[0].first, self._spans[-1].last
        self._below: Bend | None = None
        self._above: Bend | None = None
        self._certain = True

    def _chain(self, backend: Backend, run: Run, span: Span) -> Chain:
        settings = run.settings.replace(**{self.axis.knob.name: self.axis.value(span.first)})
        return make_chain(backend, run.receipt.prompt_tokens, settings, run.receipt.seed)

    def look(self, step: int, row: Float32Array, token: int) -> None:
        """Shrink the range to the values that choose `token` here, too."""
        pieces: list[Piece] = []
        for span, chain in zip(self._spans, self._chains, strict=True):
            inside = Span(max(span.first, self._low), min(span.last, self._high))
            if inside.first <= inside.last:
                pieces += find(Trial(chain, self.axis, row), inside)
                _accept(chain, token, pieces[-1])
        at = next(i for i, piece in enumerate(pieces) if piece.span.first <= self._place <= piece.span.last)
        first, last = at, at
        while first > 0 and pieces[first - 1].outcome.token == token:
            first -= 1
        while last + 1 < len(pieces) and pieces[last + 1].outcome.token == token:
            last += 1
        self._certain = self._certain and all(piece.certain for piece in pieces[first : last + 1])
        if first > 0:
            self._low, self._below = pieces[first].span.first, self._bend(step, pieces[first - 1], -1)
        if last + 1 < len(pieces):
            self._high, self._above = pieces[last].span.last, self._bend(step, pieces[last + 1], 0)

    def _bend(self, step: int, piece: Piece, end: int) -> Bend:
        token = piece.outcome.token
        return Bend(self.axis.value(piece.span[end]), step, None if token == DEAD_END else token)

    def interval(self) -> Interval:
        """What is left."""
        low, high = self.axis.value(self._low), self.axis.value(self._high)
        return Interval(self.axis.knob.name, low, high, self._below, self._above, self._certain)


def _accept(chain: Chain, token: int, piece: Piece) -> None:
    chain.follow([token])
    for stage in chain.stages:
        if isinstance(stage, XtcStage) and stage.idle is None and piece.outcome.drew:
            stage.skip(1)
