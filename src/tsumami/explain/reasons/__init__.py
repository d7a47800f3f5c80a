"""Reasons: why a token, why not another, why two runs part, and what each knob did.

Guarantee: what is said follows from the ledger, and causes are checked by putting them back.
"""

from tsumami.explain.reasons.audits import Audit, KnobAudit, audit
from tsumami.explain.reasons.fates import why_not
from tsumami.explain.reasons.findings import Cause, Change, Divergence, KeepingValue, Lowering, Moved, WhyNot, Without
from tsumami.explain.reasons.partings import divergence, parting
from tsumami.explain.reasons.sentences import value_text

__all__ = [
    "Audit",
    "Cause",
    "Change",
    "Divergence",
    "KeepingValue",
    "KnobAudit",
    "Lowering",
    "Moved",
    "WhyNot",
    "Without",
    "audit",
    "divergence",
    "parting",
    "value_text",
    "why_not",
]
