"""The words of the knob table, one module a language; `tsumami.knobs.table` joins them with the numbers.

Guarantee: each module has the same keys in the same order as the table. A text never repeats a range or a default:
those stand in the table, and whoever shows a text can show them beside it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Words"]


class Words(NamedTuple):
    """What one language says about one knob."""

    label: str
    line: str
    paragraph: str
