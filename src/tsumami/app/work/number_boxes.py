"""What boxes for whole numbers hold, checked and refused in the page's language; Gradio's own limits speak English."""

from __future__ import annotations

from tsumami.app.words.texts import Texts
from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS


def whole(texts: Texts, label: str, number: float | None, least: int, most: int) -> int:
    """The whole number in the box whose label has the key `label`.

    Raises:
        SettingsError: the box is empty, or holds something else; in the page's language.
    """
    if number is None or not least <= number <= most or number != int(number):
        shown = texts("grid.empty") if number is None else f"{number:.15g}"
        raise SettingsError(texts("grid.whole", name=texts(label), value=shown, least=least, most=most))
    return int(number)


def highest(name: str) -> int:
    """The highest value of a knob that has one."""
    high = KNOBS[name].high
    assert high is not None
    return int(high)
