"""Guidance: logits moved away from what the model says after another prompt (classifier-free guidance).

Guarantee: with the logarithms of both probabilities, p after the prompt and n after the negative prompt,
l = n + scale · (p - n), in double precision and rounded once. So a scale of 1 would give p, 0 gives n, and larger ones
make likelier what the prompt made likelier. What either of them gives no chance at all is left as the prompt has it.

The second row comes with the first: a `GuidedRow` is a row of logits like any other, which also has the other one.

Source: Sanchez et al. 2023, https://arxiv.org/abs/2306.17806; as transformers'
`UnbatchedClassifierFreeGuidanceLogitsProcessor`, and `llama_sample_apply_guidance` of llama.cpp until 2024.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates

__all__ = ["GuidanceStage", "GuidedRow", "guided"]


class GuidedRow(np.ndarray[Any, np.dtype[np.float32]]):
    """The logits after the prompt, shape (n_vocab,); `other`: those after the negative prompt and the same reply."""

    other: Float32Array

    @classmethod
    def of(cls, row: Float32Array, other: Float32Array) -> GuidedRow:
        """Both, without a copy."""
        made = row.view(cls)
        made.other = other
        return made


def guided(row: Float32Array, other: Float32Array, scale: float) -> Float32Array:
    """The logits under guidance, shape (n_vocab,)."""
    p, n = _log_softmax(row), _log_softmax(other)
    with np.errstate(invalid="ignore"):
        moved = n + scale * (p - n)
    return np.where(np.isfinite(p) & np.isfinite(n), moved, p).astype(np.float32)


def _log_softmax(row: Float32Array) -> npt.NDArray[np.float64]:
    values = np.asarray(row, np.float64)
    values = values - values.max()
    return np.asarray(values - np.log(np.exp(values).sum()))


class GuidanceStage:
    """Moves the logits of a whole vocabulary in id order. Where nobody has given it a second row it does nothing."""

    name = "guidance"

    def __init__(self, scale: float, other: Float32Array | None = None) -> None:
        self.idle: str | None = None
        self._scale = scale
        self.other = other

    def apply(self, candidates: Candidates) -> None:
        if self.other is not None:
            candidates.data["logit"] = guided(candidates.logits, self.other, self._scale)

    def accept(self, _token: int) -> None:
        """The next token has rows of its own."""
        self.other = None

    def clone(self) -> GuidanceStage:
        """A copy in the same place."""
        return GuidanceStage(self._scale, self.other)
