"""What several commands say about runs: names of lanes, the table of measures, sentences in lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tsumami.cli.help import wrapped
from tsumami.cli.words import say

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from tsumami.explain import Metrics
    from tsumami.explore.lanes import Comparison


class Differing(Protocol):
    """What has a name among lanes."""

    @property
    def differs(self) -> Mapping[str, Any]:
        """What is not the same in all lanes, with this one's values."""


def lane_name(index: int, lane: Differing) -> str:
    """`A  top_k=40`."""
    from tsumami.explain.reasons import value_text
    from tsumami.explore.lanes import letter

    return "  ".join([letter(index), *(f"{name}={value_text(name, value)}" for name, value in lane.differs.items())])


def paragraph(text: str, width: int) -> Text:
    """Sentences in lines of at most `width` columns, the Japanese ones, too."""
    from rich.text import Text

    return Text(wrapped(text, width))


def measure_rows(measured: Iterable[Metrics]) -> list[tuple[str, list[str]]]:
    """The measures as texts: a row for each measure, a cell for each run."""
    from tsumami.explain.measures import TEXT_MEASURES

    found = list(measured)
    return [
        (say(measure.ja, measure.en), [measure.text(getattr(one, measure.name)) for one in found])
        for measure in TEXT_MEASURES
    ]


def measures(found: Comparison) -> Table:
    """The table of measures."""
    from rich import box
    from rich.table import Table

    from tsumami.explore.lanes import letter

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    for index, lane in enumerate(found.lanes):
        if lane.run is not None:
            table.add_column(letter(index), justify="right")
    for name, cells in measure_rows(found.metrics):
        table.add_row(name, *cells)
    return table
