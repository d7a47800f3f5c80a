"""Which dialect a text is in, by what it holds.

Guarantee: the answer lists every dialect that it could be, the likeliest first; two that are equally likely are said to
be so, and never decided by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.errors import SettingsError
from tsumami.exchange.dialect import Dialect, Foreign
from tsumami.exchange.dialects import DIALECTS
from tsumami.exchange.documents import Document

__all__ = ["Guess", "values_in", "which"]


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest dialect, and all that it could be, itself among them."""

    dialect: Dialect
    possible: tuple[str, ...]


def values_in(dialect: Dialect, document: Document) -> Foreign | None:
    """The names and values of a document, if it can be one of this dialect."""
    if dialect.form != document.form or not isinstance(document.value, dict):
        return None
    return dialect.unwrap(document.value)


def which(document: Document, at_least: float = 1e-9) -> Guess:
    """The dialect of a document, which knows this part of its names at least. Ours goes first where nothing speaks
    against it.

    Raises:
        SettingsError: it is none that is known.
    """
    scores = {name: _score(dialect, document) for name, dialect in DIALECTS.items()}
    best = max(scores.values())
    if best[0] < at_least:
        raise SettingsError(
            f"none of the names in these settings is known; dialects: {', '.join(DIALECTS)}"
        ).in_japanese(f"この設定の名前は 1 つも知りません。方言: {', '.join(DIALECTS)}")
    possible = tuple(name for name, score in scores.items() if score == best)
    return Guess(DIALECTS[possible[0]], possible)


def _score(dialect: Dialect, document: Document) -> tuple[float, int]:
    """How much of a document it knows, and how many of its names hardly any other has."""
    values = values_in(dialect, document)
    if not values:
        return 0.0, 0
    known = sum(dialect.knows(name) for name in values) / len(values)
    return round(known, 6), sum(name in dialect.marks for name in values)
