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
    """A comparison: the lanes, `runs` as in run files, and for each run after the first its divergence from it."""
    runs = iter(zip(found.runs, (None, *found.divergences), found.metrics, strict=True))
    return {
        "lanes": [_lane(lane) for lane in found.lanes],
        "runs": [
            {
                **json.loads(run.to_json()),
                "metrics": metrics_values(measured),
                "divergence": None if parted is None else divergence_values(parted),
            }
            for run, parted, measured in runs
        ],
        "alignment": None if found.alignment is None else dataclasses.asdict(found.alignment),
    }


def _lane(lane: Lane) -> dict[str, Any]:
    differs = {name: plain(value) for name, value in lane.differs.items()}
    return {"differs": differs, "error": None if lane.error is None else str(lane.error)}
