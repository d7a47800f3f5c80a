"""Local stages: those that treat each candidate by itself and change only a few known tokens.

Guarantee: giving such a stage these few alone changes them as giving it all would. That is what lets the head of a row
be taken without making candidates of a whole vocabulary (head.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tsumami.sampling.candidates import Candidates

__all__ = ["LocalStage", "RemovalStage", "changed_tokens"]


class LocalStage:
    """What such a stage says besides what every stage does."""

    name: str
    idle: str | None

    def tokens(self) -> Iterable[int]:
        """Ids of all tokens that it can change now."""
        raise NotImplementedError

    def change(self, candidates: Candidates) -> None:
        """Change these candidates in place, whichever of the vocabulary they are."""
        raise NotImplementedError


class RemovalStage(LocalStage):
    """Takes its tokens out, so that what stands behind never sees a probability of 0. Where nothing else is left they
    stay, at -inf: a dead end.
    """

    idle: str | None = None

    def change(self, candidates: Candidates) -> None:
        distinct = set(self.tokens())
        if self.idle is not None or not distinct:
            return
        data = candidates.data
        stays = np.isin(data["id"], np.fromiter(distinct, np.int32, len(distinct)), invert=True)
        if stays.all():
            return
        if stays.any():
            candidates.keep(stays, is_sorted=candidates.sorted)
        else:
            data["logit"] = -np.inf

    def apply(self, candidates: Candidates) -> None:
        """The same, as a step of a chain."""
        self.change(candidates)


def changed_tokens(stages: Iterable[LocalStage]) -> npt.NDArray[np.intp]:
    """All tokens that these stages can change now, each once: shape (n,)."""
    distinct = {token for stage in stages for token in stage.tokens()}
    return np.fromiter(distinct, np.intp, len(distinct))
