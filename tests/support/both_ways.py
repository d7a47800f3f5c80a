"""One choice, made the whole way and the short way."""

from __future__ import annotations

import pytest
from tests.support.bare import Row

from tsumami.sampling import Chain, Choice, DeadEndError

__all__ = ["choose_both_ways"]


def choose_both_ways(seen: Chain, unseen: Chain, row: Row) -> tuple[Choice, Choice] | None:
    """What two equal chains choose of a row: the first is watched, so it goes the whole way. None: both find a dead
    end.
    """
    try:
        whole = seen.choose(row, lambda *_: None)
    except DeadEndError:
        with pytest.raises(DeadEndError):
            unseen.choose(row)
        return None
    return whole, unseen.choose(row)
