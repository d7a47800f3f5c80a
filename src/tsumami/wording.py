"""What every room that speaks to people shares: the two languages, and how a share is written.

Guarantee: nothing is imported, so everybody may stand on it; the same number reads the same on the page, in the
terminal and in a sentence.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["LANGUAGES", "Language", "percent"]

Language = Literal["ja", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")

_LEAST: Final = 1e-6  # below it three digits would need an exponent
_NEARLY_ALL: Final = 0.9995  # from here on three digits would round to 100


def percent(share: float | None) -> str:
    """A share in 0..1 with three significant digits; what is nearly nothing or nearly all does not read as that.

    None is the share of what is not there: nothing.
    """
    if not share or share < 0:
        return "0%"
    if share < _LEAST:
        return f"<{100 * _LEAST:.4f}%"
    if share >= _NEARLY_ALL:
        return "100%" if share >= 0.99995 else "99.9%"
    return f"{100 * share:.3g}%"
