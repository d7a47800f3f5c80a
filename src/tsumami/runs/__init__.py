"""Run and Step, the generation loop, contrastive search, the receipt, replay and verification."""

from tsumami.runs.generate import Prompt, Stream
from tsumami.runs.run import (
    STOP_REASONS,
    Alternative,
    EngineCard,
    ModelCard,
    Receipt,
    Run,
    Step,
    Timings,
)
from tsumami.runs.verify import Verification, verify

__all__ = [
    "STOP_REASONS",
    "Alternative",
    "EngineCard",
    "ModelCard",
    "Prompt",
    "Receipt",
    "Run",
    "Step",
    "Stream",
    "Timings",
    "Verification",
    "verify",
]
