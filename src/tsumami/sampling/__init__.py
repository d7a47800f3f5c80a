"""Logits in, token out: candidates, stages, the chain, the draw, and the ledger that explains them.

`apply` is the surface that anyone can test against another implementation: one stage by its name on candidates.
"""

from tsumami.errors import DeadEndError
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.chain import Chain, Choice, apply, effective_seed
from tsumami.sampling.draw import Draw, Pick, rolls
from tsumami.sampling.ledger import ContrastiveTerm, Ledger, LedgerWriter, StageRecord
from tsumami.sampling.stages import Stage

__all__ = [
    "Candidates",
    "Chain",
    "Choice",
    "ContrastiveTerm",
    "DeadEndError",
    "Draw",
    "Ledger",
    "LedgerWriter",
    "Pick",
    "Stage",
    "StageRecord",
    "apply",
    "effective_seed",
    "rolls",
]
