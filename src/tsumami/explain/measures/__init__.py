"""Measures of runs: numbers and series over their tokens.

Guarantee: every measure has one name, one formula and one form.
"""

from tsumami.explain.measures.values import (
    MEASURE_WORDS,
    Metrics,
    Series,
    identities,
    measured,
    metrics,
    shared_prefix,
)

__all__ = ["MEASURE_WORDS", "Metrics", "Series", "identities", "measured", "metrics", "shared_prefix"]
