"""The one table of what each knob is.

Guarantee: whatever shows, checks, converts or explains a knob derives from `KNOBS`, so a range, a default or a sentence
is written once.

    knob     what a knob is, and `Knob.validate`
    table    the rows: numbers, formulas, papers, names in other engines
    ja, en   the words of the rows
    values   what a value of each kind is
    stages   one row a stage: where it acts, whether it cuts, how far it looks back
    orders   the orders of the stages that have a name
    typed    a value as it is typed and shown, varying: several values, as lists and ranges
"""

from tsumami.knobs.knob import Kind, Knob, Slider, longest_reply
from tsumami.knobs.orders import CLASSIC, LLAMA_CPP, ORDERS, STAGES
from tsumami.knobs.stages import Mode
from tsumami.knobs.table import (
    ALIASES,
    CLASSIC_KNOBS,
    CONSTRAINTS,
    GROUPS,
    KNOBS,
    KnobGroup,
    default,
    get,
    knob_names,
    knobs_of,
    named,
)
from tsumami.knobs.values import Bias, shown

__all__ = [
    "ALIASES",
    "CLASSIC",
    "CLASSIC_KNOBS",
    "CONSTRAINTS",
    "GROUPS",
    "KNOBS",
    "LLAMA_CPP",
    "ORDERS",
    "STAGES",
    "Bias",
    "Kind",
    "Knob",
    "KnobGroup",
    "Mode",
    "Slider",
    "default",
    "get",
    "knob_names",
    "knobs_of",
    "longest_reply",
    "named",
    "shown",
]
