"""What an interval promises, asked of real generation."""

from __future__ import annotations

from typing import Any

from tsumami.boundaries.axis import Axis
from tsumami.explore.intervals.every_knob import Interval
from tsumami.runs import Run


def tokens_at(model: Any, run: Run, knob: str, value: float) -> tuple[int, ...]:
    return tuple(model.run(run.receipt.prompt, run.settings.replace(**{knob: value})).tokens)


def assert_holds(model: Any, run: Run, found: Interval) -> None:
    """What the interval says of its ends and of the values beyond."""
    axis = Axis.handy(found.knob, getattr(run.settings, found.knob))
    assert found.low <= axis.value(axis.ordinal(getattr(run.settings, found.knob))) <= found.high
    for value in {found.low, found.high}:
        assert tokens_at(model, run, found.knob, value) == run.tokens
    for bend, end, outermost in ((found.below, found.low, axis.low), (found.above, found.high, axis.high)):
        if bend is None:
            assert end == outermost
            continue
        assert abs(axis.ordinal(bend.value) - axis.ordinal(end)) == 1 or {bend.value, end} == {0.0, 1e-15}
        other = tokens_at(model, run, found.knob, bend.value)
        assert other[: bend.step] == run.tokens[: bend.step]
        assert (other[bend.step] if bend.step < len(other) else None) == bend.token
