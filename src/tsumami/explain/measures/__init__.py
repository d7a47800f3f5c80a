"""Measures of runs: numbers and series over their tokens.

Guarantee: every measure has one name, one formula and one form.
"""

from tsumami.explain.measures.table import MEASURES, TEXT_MEASURES, TOKEN_MEASURES, USUAL, Measure, surprise
from tsumami.explain.measures.values import (
    Metrics,
    Series,
    identities,
    measured,
    metrics,
    shared_prefix,
)

__all__ = [
    "MEASURES",
    "TEXT_MEASURES",
    "TOKEN_MEASURES",
    "USUAL",
    "Measure",
    "Metrics",
    "Series",
    "identities",
    "measured",
    "metrics",
    "shared_prefix",
    "surprise",
]
