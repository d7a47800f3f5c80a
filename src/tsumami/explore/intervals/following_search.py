"""Following search: a knob of mirostat or adaptive-p turned away from a run's value on either side, until the first
token gives way.

Guarantee: as that of interval_search.py. Here a token depends on all before it, so the values that are left are carried
from token to token in regions, each with a past of its own (mirostat.py, adaptive.py): those that have taken as many
rolls and left as much behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.boundaries import DEAD_END, Axis, Past, Piece, Span, TokenProblem, token_problem
from tsumami.explore.intervals.interval_search import Bend, Chunk
from tsumami.native import Float32Array
from tsumami.sampling import Chain
from tsumami.settings import Settings

__all__ = ["FollowingSearch"]


@dataclass(frozen=True, slots=True)
class _Carried:
    """Values with one past, and how many rolls they have taken."""

    span: Span
    past: Past | None = None
    drawn: int = 0


class FollowingSearch:
    """One knob of such a run with `settings`. Show it the run's chunks in order; then ask for the `ends`."""

    def __init__(self, settings: Settings, name: str) -> None:
        value = getattr(settings, name)
        self.axis = Axis.handy(name, value)
        self._below: Bend | None = None
        self._above: Bend | None = None
        self.certain = True
        self._ordinal = self.axis.ordinal(value)
        self._regions = [_Carried(span) for span in self.axis.spans()]

    @property
    def ends(self) -> tuple[float, float]:
        """The first and the last value that is left."""
        return self.axis.value(self._regions[0].span.first), self.axis.value(self._regions[-1].span.last)

    @property
    def bends(self) -> tuple[Bend | None, Bend | None]:
        """What gives way below and above."""
        return self._below, self._above

    def look(self, chunk: Chunk) -> None:
        """Leave out the values that choose another token in this chunk."""
        for step, (chain, row) in enumerate(zip(chunk.chains, chunk.rows, strict=True)):
            self._look(chunk, step, chain, row)

    def _look(self, chunk: Chunk, step: int, chain: Chain, row: Float32Array) -> None:
        """At one token of it."""
        forced = chunk.tokens[step] if chunk.forced[step] else None
        found = [(*one, region) for region in self._regions for one in self._pieces(chain, row, region, forced)]
        if not chunk.forced[step]:
            first, last = self._around([piece for piece, *_ in found], chunk.first + step, chunk.tokens[step])
            found = found[first : last + 1]
        self.certain = self.certain and all(piece.certain for piece, *_ in found)
        self._regions = [
            _Carried(piece.span, problem.after(piece.outcome, [piece.span]), region.drawn + piece.outcome.drew)
            for piece, problem, region in found
        ]

    def _pieces(
        self, chain: Chain, row: Float32Array, region: _Carried, forced: int | None
    ) -> list[tuple[Piece, TokenProblem]]:
        problem = token_problem(chain, self.axis, row, region.past, region.drawn, forced=forced)
        return [(piece, problem) for piece in problem.find(region.span)]

    def _around(self, pieces: list[Piece], step: int, token: int) -> tuple[int, int]:
        """The first and the last of the pieces around the run's value that choose its token; notes what gives way."""
        first = last = next(i for i, piece in enumerate(pieces) if piece.span.first <= self._ordinal <= piece.span.last)
        assert pieces[first].outcome.token == token, "the run's own value chooses its token"
        while first > 0 and pieces[first - 1].outcome.token == token:
            first -= 1
        while last + 1 < len(pieces) and pieces[last + 1].outcome.token == token:
            last += 1
        if first > 0:
            self._below = self._bend(step, pieces[first - 1], pieces[first - 1].span.last)
        if last + 1 < len(pieces):
            self._above = self._bend(step, pieces[last + 1], pieces[last + 1].span.first)
        return first, last

    def _bend(self, step: int, piece: Piece, ordinal: int) -> Bend:
        token = piece.outcome.token
        return Bend(self.axis.value(ordinal), step, None if token == DEAD_END else token)
