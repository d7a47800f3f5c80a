"""Decision: one token as it was chosen, with what it was chosen from."""

from __future__ import annotations

from dataclasses import dataclass

from tsumami.native import Float32Array
from tsumami.sampling import Choice
from tsumami.sampling.ledger import ContrastiveTerm

__all__ = ["Decision"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice, the raw row of logits that it was made from, and the terms of contrastive search; `complete`: whether
    the reply matches its grammar with it (None: it has none, or nobody asked).
    """

    choice: Choice
    row: Float32Array
    contrast: tuple[ContrastiveTerm, ...] = ()
    complete: bool | None = None
