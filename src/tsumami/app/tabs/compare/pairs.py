"""Which lanes of a comparison are explained against each other, and how that looks.

Guarantee: any lane can be the one that the others are explained from, and so can each lane's neighbour in the order of
the knob; every sentence is the library's. No Gradio here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tsumami import charts
from tsumami.app.words.texts import Texts
from tsumami.explain import Divergence, divergence
from tsumami.explore.lanes import Comparison, letter
from tsumami.runs import Run

NEIGHBOURS: Final = "neighbours"
"""Instead of a lane's number: each with the next one."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes that did not fail. names: what they are called on the page; letters: in sentences; order: their places
    by the value of the one knob in which they differ, or as they were written.
    """

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    letters: tuple[str, ...]
    order: tuple[int, ...]
    first: tuple[Divergence, ...] = ()

    @classmethod
    def of(cls, found: Comparison, names: Sequence[str]) -> Lanes:
        """Those of a comparison; `names` of all of its lanes."""
        there = [at for at, lane in enumerate(found.lanes) if lane.run is not None]
        values = [tuple(found.lanes[at].differs.items()) for at in there]
        knobs = {name for value in values for name, _ in value}
        places = list(range(len(there)))
        if len(knobs) == 1 and all(len(value) == 1 and isinstance(value[0][1], int | float) for value in values):
            places.sort(key=lambda place: float(values[place][0][1]))
        shown = tuple(names[at] for at in there)
        return cls(found.runs, shown, tuple(map(letter, there)), tuple(places), found.divergences)

    def pairs(self, to: str) -> list[tuple[int, int]]:
        """Which are explained: all others from lane number `to`, or each from its neighbour."""
        if to == NEIGHBOURS:
            return list(zip(self.order, self.order[1:], strict=False))
        return [(int(to), other) for other in range(len(self.runs)) if other != int(to)]

    def _divergence(self, a: int, b: int) -> Divergence:
        """Why two of them part; those from the first one are known already."""
        if a == 0 and self.first:
            return self.first[b - 1]
        return divergence(self.runs[a], self.runs[b], (self.letters[a], self.letters[b]))

    def explained(self, texts: Texts, piece: charts.Piece, to: str = "0") -> str:
        """As HTML; what chooses another one stands above it.

        Raises:
            RunFileError: the model that made them is not there any more.
        """
        said = "".join(
            charts.parting(piece, self._divergence(a, b), (self.names[a], self.names[b]), texts.language)
            for a, b in self.pairs(to)
        )
        return f"{self._chooser(texts, to)}<h2>{escape(texts('compare.why'))}</h2>{said}"

    def unexplained(self, texts: Texts) -> str:
        """The same where nobody has waited for it: what chooses one, and nothing chosen."""
        if len(self.runs) < 2:
            return ""
        return f"{self._chooser(texts, '')}<h2>{escape(texts('compare.unexplained'))}</h2>"

    def _chooser(self, texts: Texts, to: str) -> str:
        if len(self.runs) < 3 and to:
            return ""
        choices = [(f"{at}", name) for at, name in enumerate(self.names)]
        buttons = "".join(
            f'<button type="button" data-to="{value}" aria-pressed="{str(value == to).lower()}">{escape(name)}</button>'
            for value, name in [*choices, (NEIGHBOURS, texts("compare.neighbours"))]
        )
        about = escape(texts("compare.reference"))
        return f'<p class="compare-reference" role="group" aria-label="{about}">{about} {buttons}</p>'
