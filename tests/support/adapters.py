"""LoRA adapters, written from the specification alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tests.support.gguf_writer import F32, FLOAT32, gguf, pair, text

from tsumami.models import read_header

__all__ = ["LORA", "write_adapter", "write_for"]

Shape = tuple[int, ...]

LORA = (text("general.type", "adapter"), text("adapter.type", "lora"))


def write_adapter(
    path: Path,
    matrices: Mapping[str, Shape],
    *,
    architecture: str = "llama",
    about: Sequence[bytes] = LORA,
    seed: int = 1,
    spread: float = 0.5,
) -> Path:
    """A file with these tensors of seeded dice in F32, by their names, fastest dimension first."""
    dice, tensors, data = np.random.default_rng(seed), [], b""
    for name, shape in matrices.items():
        tensors.append((name, shape, F32, len(data)))
        data += dice.normal(0, spread, shape).astype(np.float32).tobytes()
        data += bytes(-len(data) % 32)
    alpha = pair("adapter.lora.alpha", FLOAT32, np.float32(2).tobytes())
    pairs = (text("general.architecture", architecture), *about, alpha)
    path.write_bytes(gguf(pairs, tensors, data=0) + data)
    return path


def write_for(path: Path, model: Path, weights: Sequence[str], *, rank: int = 2, seed: int = 1) -> Path:
    """An adapter of these weights of a model."""
    shapes = {tensor.name: tensor.shape for tensor in read_header(model).tensors}
    matrices: dict[str, Shape] = {}
    for name in weights:
        width, height = shapes[name]
        matrices |= {f"{name}.lora_a": (width, rank), f"{name}.lora_b": (rank, height)}
    return write_adapter(path, matrices, seed=seed)
