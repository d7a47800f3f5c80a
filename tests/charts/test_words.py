"""Shares as people read them."""

from __future__ import annotations

import pytest

from tsumami.charts import percent


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (1e-9, "<0.01%"), (0.0123, "1.23%"), (0.5, "50.0%"), (0.9996, "99.9%"), (1 - 1e-9, "100%")],
)
def test_a_share_as_people_read_it(share: float, said: str) -> None:
    assert percent(share) == said
