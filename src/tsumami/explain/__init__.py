"""Runs in, reasons out.

Guarantee: what is said here is computed from the run's own logits, chain and rolls, and looking changes nothing. A run
that came from a model knows it; one that was loaded from a file is attached first: `run.attach(tsumami.load(...))`.

Three wings: `tokens` (what became of one token), `measures` (numbers of runs), and on both `reasons`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tsumami.faces import face

if TYPE_CHECKING:
    from tsumami.explain.measures import Metrics as Metrics
    from tsumami.explain.measures import Series as Series
    from tsumami.explain.measures import metrics as metrics
    from tsumami.explain.measures import shared_prefix as shared_prefix
    from tsumami.explain.reasons import Audit as Audit
    from tsumami.explain.reasons import Change as Change
    from tsumami.explain.reasons import Divergence as Divergence
    from tsumami.explain.reasons import KeepingValue as KeepingValue
    from tsumami.explain.reasons import KnobAudit as KnobAudit
    from tsumami.explain.reasons import Lowering as Lowering
    from tsumami.explain.reasons import Moved as Moved
    from tsumami.explain.reasons import WhyNot as WhyNot
    from tsumami.explain.reasons import Without as Without
    from tsumami.explain.reasons import audit as audit
    from tsumami.explain.reasons import divergence as divergence
    from tsumami.explain.reasons import parting as parting
    from tsumami.explain.reasons import why_not as why_not
    from tsumami.explain.tokens import Outcome as Outcome
    from tsumami.explain.tokens import Share as Share
    from tsumami.explain.tokens import ledger as ledger

_HOMES: Final = {
    "Audit": "tsumami.explain.reasons",
    "Change": "tsumami.explain.reasons",
    "Divergence": "tsumami.explain.reasons",
    "KeepingValue": "tsumami.explain.reasons",
    "KnobAudit": "tsumami.explain.reasons",
    "Moved": "tsumami.explain.reasons",
    "Lowering": "tsumami.explain.reasons",
    "WhyNot": "tsumami.explain.reasons",
    "Without": "tsumami.explain.reasons",
    "audit": "tsumami.explain.reasons",
    "divergence": "tsumami.explain.reasons",
    "parting": "tsumami.explain.reasons",
    "why_not": "tsumami.explain.reasons",
    "Metrics": "tsumami.explain.measures",
    "Series": "tsumami.explain.measures",
    "metrics": "tsumami.explain.measures",
    "shared_prefix": "tsumami.explain.measures",
    "Outcome": "tsumami.explain.tokens",
    "Share": "tsumami.explain.tokens",
    "ledger": "tsumami.explain.tokens",
}

__all__ = [
    "Audit",
    "Change",
    "Divergence",
    "KeepingValue",
    "KnobAudit",
    "Lowering",
    "Metrics",
    "Moved",
    "Outcome",
    "Series",
    "Share",
    "WhyNot",
    "Without",
    "audit",
    "divergence",
    "ledger",
    "metrics",
    "parting",
    "shared_prefix",
    "why_not",
]

if not TYPE_CHECKING:  # else every name would pass for one of this face
    __getattr__, __dir__ = face(__name__, _HOMES)
