"""tsumami (つまみ, "knobs"): what every text-generation knob of a language model does, on your own model.

Guarantee: importing this package loads neither llama.cpp nor Gradio, so that the command line answers at once.
"""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("tsumami")
