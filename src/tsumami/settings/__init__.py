"""All knob values as one frozen value, and which of them do nothing under the others.

value   Settings: checked when it is made, then unchangeable
idle    the knobs that can be moved without changing any token, each with the reason
saved   the knobs in what a file holds: settings, or a run
"""

from tsumami.knobs import CLASSIC, CONSTRAINTS, LLAMA_CPP, ORDERS, STAGES
from tsumami.settings.idle import IdleReason, Mode
from tsumami.settings.saved import saved_knobs, with_younger_knobs
from tsumami.settings.value import Settings

__all__ = [
    "CLASSIC",
    "CONSTRAINTS",
    "LLAMA_CPP",
    "ORDERS",
    "STAGES",
    "IdleReason",
    "Mode",
    "Settings",
    "saved_knobs",
    "with_younger_knobs",
]
