"""Reshaping: a stage of ours that moves every logit by how far it is below the largest.

Guarantee: each logit is computed in double precision from 32-bit logits and knobs, and rounded once. Up to a curve of 3
it never changes an order, so what was sorted stays so; beyond, tokens just below the largest may overtake it.

Source: kalomaze's quadratic sampling, text-generation-webui #5403 and #5551 (`smoothing_factor`, `smoothing_curve`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.sampling.candidates import Candidates

__all__ = ["IN_ORDER", "SmoothingStage", "smoothed", "terms"]

IN_ORDER: Final = 3.0
"""The largest curve that keeps the logits' order."""

Reals = npt.NDArray[np.float64]


def terms(factor: float | Reals, curve: float | Reals) -> tuple[float | Reals, float | Reals]:
    """The factors of d² and d³: -k · f and s · f, where k = (3 - c) / 2 and s = (c - 1) / 2."""
    return -(3 - curve) / 2 * factor, (curve - 1) / 2 * factor


def smoothed(below: Reals, top: float | Reals, factor: float | Reals, curve: float | Reals) -> Reals:
    """l_max - k · f · d² + s · f · d³ for d = l - l_max: `below`, of any shape, at most 0; what is at -inf stays."""
    square, cube = terms(factor, curve)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = square * (below * below) + cube * (below * below * below) + top
    return np.where(below == -np.inf, -np.inf, moved)


class SmoothingStage:
    """Quadratic sampling: the closest to the largest logit keep their distance or less of it, far ones fall away."""

    name = "smoothing"

    def __init__(self, factor: float, curve: float) -> None:
        self.idle = "neutral" if factor == 0 else None
        self._factor, self._curve = float(np.float32(factor)), float(np.float32(curve))

    def apply(self, candidates: Candidates) -> None:
        data = candidates.data
        if self.idle is not None or data["logit"].max() == -np.inf:
            return
        logits = data["logit"].astype(np.float64)
        top = float(logits.max())
        with np.errstate(over="ignore"):
            data["logit"] = smoothed(logits - top, top, self._factor, self._curve).astype(np.float32)
        if self._curve > IN_ORDER:
            candidates.array.sorted = False

    def accept(self, token: int) -> None:
        """Nothing is remembered."""

    def clone(self) -> SmoothingStage:
        return self
