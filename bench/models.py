"""The models of the measure `sizes`: the bundled one, and larger ones with random weights, made when they are needed.

Nothing of them is committed; they lie in `.cache/bench-models`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from bench.options import ROOT, SERVER_PYTHON
from bench.workers import Worker

_FOLDER: Final = ROOT / ".cache" / "bench-models"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a llama is made of; as in the models of these sizes that people run."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    vocabulary: int


SHAPES: Final = {
    "0.5B, 49k": Shape(24, 896, 4864, 14, 2, 49_152),
    "0.5B, 152k": Shape(24, 896, 4864, 14, 2, 151_936),
    "1.5B, 152k": Shape(28, 1536, 8960, 12, 2, 151_936),
}
"""By how many parameters and tokens they have."""


def made(name: str, like: str) -> str:
    """The path of the model of that name; `like` is the file whose tokenizer it has."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"random-{name.replace(', ', '-')}-1.gguf"
    if not path.exists():
        with Worker("random_weights", python=SERVER_PYTHON) as writer:
            writer.ask("write", path=str(path), like=like, **asdict(SHAPES[name]))
    return str(path)
