"""Runs in, reasons out.

Guarantee: what is said here is computed from the run's own logits, chain and rolls, and looking changes nothing. A run
that came from a model knows it; one that was loaded from a file is attached first: `run.attach(tsumami.load(...))`.
"""

from tsumami.explain.alignment import Alignment, Block, align
from tsumami.explain.audit import Audit, KnobAudit, audit
from tsumami.explain.comparison import Comparing, Comparison, Lane, LanePlan
from tsumami.explain.divergence import Change, Divergence, Moved, divergence, parting
from tsumami.explain.metrics import Metrics, Series, metrics, shared_prefix
from tsumami.explain.outcome import Outcome, Span, ledger
from tsumami.explain.why_not import Kept, WhyNot, why_not

__all__ = [
    "Alignment",
    "Audit",
    "Block",
    "Change",
    "Comparing",
    "Comparison",
    "Divergence",
    "Kept",
    "KnobAudit",
    "Lane",
    "LanePlan",
    "Metrics",
    "Moved",
    "Outcome",
    "Series",
    "Span",
    "WhyNot",
    "align",
    "audit",
    "divergence",
    "ledger",
    "metrics",
    "parting",
    "shared_prefix",
    "why_not",
]
