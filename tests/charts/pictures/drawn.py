"""What an Altair chart was given to draw."""

from __future__ import annotations

from typing import Any


def rows_of(chart: Any) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    first = spec.get("layer", spec.get("concat", [spec]))[0]
    while "data" not in first:
        first = spec if "data" in spec else first["layer"][0]
    rows: list[dict[str, Any]] = first["data"]["values"]
    return rows
