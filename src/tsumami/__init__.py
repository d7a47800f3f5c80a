"""tsumami (つまみ, "knobs"): what every text-generation knob of a language model does, on your own model.

    import tsumami
    model = tsumami.load()
    run = model.run("The sky above the city looked calm, but", seed=0)
    print(run.text, run.ledger(0))

Guarantee: importing this package loads neither llama.cpp nor Gradio, so that the command line answers at once. What is
listed in `__all__` is the public API; it is fetched from its floor when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tsumami.history import History as History
    from tsumami.knobs import KNOBS as KNOBS
    from tsumami.model import Model as Model
    from tsumami.model import load as load
    from tsumami.presets import PRESETS as PRESETS
    from tsumami.prompts import Memory as Memory
    from tsumami.prompts import Message as Message
    from tsumami.runs import Prompt as Prompt
    from tsumami.runs import Receipt as Receipt
    from tsumami.runs import Run as Run
    from tsumami.runs import Step as Step
    from tsumami.runs import Stream as Stream
    from tsumami.runs import Verification as Verification
    from tsumami.sampling import Candidates as Candidates
    from tsumami.sampling import Ledger as Ledger
    from tsumami.settings import Settings as Settings

    def history(path: Path | None = None) -> History:
        """The history: the user's own, or that of another file."""

    __version__: str

_HOMES = {
    "KNOBS": "tsumami.knobs",
    "PRESETS": "tsumami.presets",
    "Candidates": "tsumami.sampling",
    "History": "tsumami.history",
    "Ledger": "tsumami.sampling",
    "Memory": "tsumami.prompts",
    "Message": "tsumami.prompts",
    "Model": "tsumami.model",
    "Prompt": "tsumami.runs",
    "Receipt": "tsumami.runs",
    "Run": "tsumami.runs",
    "Settings": "tsumami.settings",
    "Step": "tsumami.runs",
    "Stream": "tsumami.runs",
    "Verification": "tsumami.runs",
    "load": "tsumami.model",
}

__all__ = [
    "KNOBS",
    "PRESETS",
    "Candidates",
    "History",
    "Ledger",
    "Memory",
    "Message",
    "Model",
    "Prompt",
    "Receipt",
    "Run",
    "Settings",
    "Step",
    "Stream",
    "Verification",
    "__version__",
    "history",
    "load",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its floor (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("tsumami")
    if name == "history":  # a room that can be called
        return importlib.import_module("tsumami.history")
    if name not in _HOMES:
        raise AttributeError(f"module 'tsumami' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
