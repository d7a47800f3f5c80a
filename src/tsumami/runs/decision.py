"""Decision: one token as it was chosen, with what it was chosen from."""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.native import Float32Array
from tsumami.sampling import Choice
from tsumami.sampling.ledger import ContrastiveTerm

__all__ = ["Decision"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice, the raw row of logits that it was made from, and the terms of contrastive search."""

    choice: Choice
    row: Float32Array
    contrast: tuple[ContrastiveTerm, ...] = ()
