"""What boxes for whole numbers hold, checked and refused in the page's language; Gradio's own limits speak English."""

from __future__ import annotations

from tsumami.app.words.texts import PageProblem, Word
from tsumami.knobs import KNOBS


def whole(name: str | Word, number: float | None, least: int, most: int) -> int:
    """The whole number in a box. `name`: the box's label, or its key in the texts.

    Raises:
        PageProblem: the box is empty, or holds something else.
    """
    if number is None or not least <= number <= most or number != int(number):
        shown = Word("grid.empty") if number is None else f"{number:.15g}"
        raise PageProblem("grid.whole", name=name, value=shown, least=least, most=most)
    return int(number)


def lowest(name: str) -> int:
    """The lowest value of a knob that has one."""
    low = KNOBS[name].low
    assert low is not None
    return int(low)


def highest(name: str) -> int:
    """The highest value of a knob that has one."""
    high = KNOBS[name].high
    assert high is not None
    return int(high)
