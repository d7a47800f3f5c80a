"""Real llama.cpp models of some ten thousand weights, so that an attack on the engine takes milliseconds.

Weights are seeded dice, and the vocabulary is 256 tokens without texts. `SENSITIVE` is what the engine is attacked
with: its weights are F32, so no quantised activation swallows a difference in the last bit, and its widths are
multiples of nothing, so llamafile's kernels, which would not be exact, decline them. `EVEN` can be quantised to any
type of 32-blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.support.gguf_writer import ARCHITECTURE, F32, FLOAT32, UINT32, gguf, pair, text, u32

N_VOCAB, N_CTX = 256, 4096


@dataclass(frozen=True)
class Sizes:
    """Widths of a model."""

    n_embd: int
    n_heads: int
    n_ff: int
    n_layers: int = 2


SENSITIVE = Sizes(n_embd=102, n_heads=3, n_ff=130)
EVEN = Sizes(n_embd=64, n_heads=2, n_ff=128)


def write(path: Path, sizes: Sizes, seed: int = 1) -> Path:
    """Write a model in F32."""
    dice = np.random.default_rng(seed)
    numbers = {
        "context_length": N_CTX,
        "embedding_length": sizes.n_embd,
        "block_count": sizes.n_layers,
        "feed_forward_length": sizes.n_ff,
        "vocab_size": N_VOCAB,
        "attention.head_count": sizes.n_heads,
    }
    pairs = [
        ARCHITECTURE,
        *(pair(f"llama.{key}", UINT32, u32(value)) for key, value in numbers.items()),
        pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, np.float32(1e-5).tobytes()),
        text("tokenizer.ggml.model", "no_vocab"),
    ]
    tensors, data = [], b""
    for name, shape in _shapes(sizes).items():
        tensors.append((name, shape, F32, len(data)))
        spread = 1.0 if name.startswith("token_embd") else 0.15
        weights = np.ones(shape) if len(shape) == 1 else dice.normal(0, spread, shape)
        data += weights.astype(np.float32).tobytes()
        data += bytes(-len(data) % 32)
    path.write_bytes(gguf(pairs, tensors, data=0) + data)
    return path


def _shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    wide, norm, square = sizes.n_ff, (sizes.n_embd,), (sizes.n_embd, sizes.n_embd)
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (sizes.n_embd, N_VOCAB), "output_norm.weight": norm}
    for layer in range(sizes.n_layers):
        block = {
            "attn_norm": norm, "attn_q": square, "attn_k": square, "attn_v": square, "attn_output": square,
            "ffn_norm": norm, "ffn_gate": (sizes.n_embd, wide), "ffn_up": (sizes.n_embd, wide),
            "ffn_down": (wide, sizes.n_embd),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes
