"""What the tests of knob maps ask of a map."""

from __future__ import annotations

import itertools
from dataclasses import replace

from tsumami.boundaries.axis import Axis
from tsumami.explore.maps.knob_map import KnobMap
from tsumami.knobs import get


def assert_whole(found: KnobMap) -> None:
    """No gap, no overlap, and no two neighbours with the same text."""
    axis = Axis(get(found.knob), found.low, found.high)
    assert (found.pieces[0].low, found.pieces[-1].last, found.pieces[-1].high) == (found.low, found.high, found.high)
    for left, right in itertools.pairwise(found.pieces):
        assert left.high == right.low
        assert axis.ordinal(left.last) + 1 == axis.ordinal(right.low)
        assert (left.tokens, left.stop_reason) != (right.tokens, right.stop_reason)


def same(one: KnobMap, other: KnobMap) -> bool:
    """But for what it cost."""
    return replace(one, seconds=0.0, nodes=0) == replace(other, seconds=0.0, nodes=0)
