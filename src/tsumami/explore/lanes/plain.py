"""A comparison as plain values, for JSON: what the command line prints, endpoints answer and programs read.

Guarantee: as that of explain/plain.py.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tsumami.explain.plain import divergence_values, metrics_values, plain
from tsumami.explore.lanes.comparison import Comparison, Lane


def comparison_values(found: Comparison) -> dict[str, Any]:
    """A comparison: the lanes, each with its run as in run files, and `runs`, those again that there are, each with its
    `metrics` and, after the first, its `divergence` from it; `metrics` and `divergences` are these side by side.
    """
    divergences = [divergence_values(parted) for parted in found.divergences]
    measured = [metrics_values(one) for one in found.metrics]
    runs = [json.loads(run.to_json()) for run in found.runs]
    told = zip(runs, measured, [None, *divergences], strict=False)  # without a run there is no first one
    return {
        "lanes": [_lane(lane) for lane in found.lanes],
        "runs": [{**run, "metrics": metrics, "divergence": parted} for run, metrics, parted in told],
        "metrics": measured,
        "divergences": divergences,
        "alignment": None if found.alignment is None else dataclasses.asdict(found.alignment),
    }


def _lane(lane: Lane) -> dict[str, Any]:
    differs = {name: plain(value) for name, value in lane.differs.items()}
    return {
        "differs": differs,
        "run": None if lane.run is None else json.loads(lane.run.to_json()),
        "thinking": None if lane.run is None else lane.run.thinking,
        "answer": None if lane.run is None else lane.run.answer,
        "error": None if lane.error is None else str(lane.error),
    }
