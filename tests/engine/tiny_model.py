"""A real llama.cpp model of 60,000 weights, so that an attack on the engine takes milliseconds.

Its weights are seeded dice and its vocabulary has 256 tokens without texts. It takes the same kernels as a large model
(quantised products, rotary positions, flash attention over two heads of 32), and with weights this size every token
that attention sees matters for the logits, so a cell too many, too few or out of order shows in their bits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .gguf_writer import ARCHITECTURE, F32, FLOAT32, UINT32, gguf, pair, text, u32

N_VOCAB, N_EMBD, N_FF, N_LAYERS, N_HEADS, N_CTX = 256, 64, 128, 2, 2, 4096


def write(path: Path, seed: int = 1) -> Path:
    """A model in F32; `tsumami.native.quantize` makes the other types of it."""
    dice = np.random.default_rng(seed)
    pairs = [
        ARCHITECTURE,
        *(_u32(f"llama.{key}", value) for key, value in _SIZES.items()),
        pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, np.float32(1e-5).tobytes()),
        text("tokenizer.ggml.model", "no_vocab"),
    ]
    tensors, data = [], b""
    for name, shape in _shapes().items():
        tensors.append((name, shape, F32, len(data)))
        spread = 1.0 if name.startswith("token_embd") else 0.2
        weights = np.ones(shape) if len(shape) == 1 else dice.normal(0, spread, shape)
        data += weights.astype(np.float32).tobytes()
    path.write_bytes(gguf(pairs, tensors, data=0) + data)
    return path


_SIZES = {
    "context_length": N_CTX,
    "embedding_length": N_EMBD,
    "block_count": N_LAYERS,
    "feed_forward_length": N_FF,
    "vocab_size": N_VOCAB,
    "attention.head_count": N_HEADS,
}


def _u32(key: str, value: int) -> bytes:
    return pair(key, UINT32, u32(value))


def _shapes() -> dict[str, tuple[int, ...]]:
    square, norm = (N_EMBD, N_EMBD), (N_EMBD,)
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (N_EMBD, N_VOCAB), "output_norm.weight": norm}
    for layer in range(N_LAYERS):
        block = {
            "attn_norm": norm, "attn_q": square, "attn_k": square, "attn_v": square, "attn_output": square,
            "ffn_norm": norm, "ffn_gate": (N_EMBD, N_FF), "ffn_up": (N_EMBD, N_FF), "ffn_down": (N_FF, N_EMBD),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes
