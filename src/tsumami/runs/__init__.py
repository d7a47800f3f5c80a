"""Run and Step, the generation loop, contrastive search, the receipt, replay and verification."""

from tsumami.runs.completeness import Completeness
from tsumami.runs.generate import Stream
from tsumami.runs.prompt import Prompt
from tsumami.runs.run import Run
from tsumami.runs.values import (
    STOP_REASONS,
    Alternative,
    EngineCard,
    ModelCard,
    Receipt,
    Step,
    StopReason,
    TakenBack,
    Timings,
)
from tsumami.runs.verify import Verification, verify

__all__ = [
    "STOP_REASONS",
    "Alternative",
    "Completeness",
    "EngineCard",
    "ModelCard",
    "Prompt",
    "Receipt",
    "Run",
    "Step",
    "StopReason",
    "Stream",
    "TakenBack",
    "Timings",
    "Verification",
    "verify",
]
