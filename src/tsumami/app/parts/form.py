"""From the values that an event brings, which Gradio gives in a row, to values by name.

Guarantee: what is packed in the order of some names is unpacked by the same names; one value too few or too many is an
error of ours, never a knob that means another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def unpacked(values: Sequence[Any], *groups: Iterable[str]) -> list[dict[str, Any]]:
    """The values of each group by name; the groups stand one after the other."""
    named = [tuple(group) for group in groups]
    expected = sum(map(len, named))
    assert len(values) == expected, f"{len(values)} given for {expected} names"
    rest = iter(values)
    return [dict(zip(names, rest, strict=False)) for names in named]  # each takes as many as it has names
