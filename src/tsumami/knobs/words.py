"""The words of the knob table, one module a language; `tsumami.knobs.table` joins them with the numbers.

Guarantee: each module has the same keys in the same order as the table. Ranges and defaults are left to the table:
whoever shows a text shows them beside it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KnobWords"]


class KnobWords(NamedTuple):
    """What one language says about one knob."""

    label: str
    line: str
    paragraph: str
