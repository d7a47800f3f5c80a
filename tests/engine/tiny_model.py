"""Real llama.cpp models of some ten thousand weights, so that an attack on the engine takes milliseconds.

Weights are seeded dice, and the vocabulary is 256 tokens without texts. `SENSITIVE` is what the engine is attacked
with: its weights are F32, so no quantised activation swallows a difference in the last bit, and its widths are
multiples of nothing, so llamafile's kernels, which would not be exact, decline them. `EVEN` can be quantised to any
type of 32-blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.support.gguf_writer import (
    ARCHITECTURE,
    BOOL,
    F32,
    FLOAT32,
    INT32,
    STRING,
    UINT32,
    array,
    gguf,
    pair,
    string,
    text,
    u32,
)

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


def vocabulary(*, pre: bool = True, bos: bool = False, eos: int = 0xC1) -> list[bytes]:
    """Pairs for a tokenizer of bytes in which `</s>` is not marked as a control token, `<|end|>` ends and `<|begin|>`
    begins. `pre`: whether it says how texts are split; `bos`: whether every text begins with `<|begin|>`; `eos`: the
    token that the file calls the end.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    letters = [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
    words = {0xC0: "</s>", 0xC1: "<|end|>", 0xF5: "<|begin|>"}  # bytes that no UTF-8 has
    texts = [words.get(byte, letter) for byte, letter in enumerate(letters)]
    kinds = [3 if byte in (0xC1, 0xF5) else 1 for byte in range(256)]
    merge = f"{letters[ord('a')]} {letters[ord('b')]}"
    return [
        text("tokenizer.ggml.model", "gpt2"),
        *([text("tokenizer.ggml.pre", "smollm")] if pre else []),
        array("tokenizer.ggml.tokens", STRING, 256, b"".join(map(string, texts))),
        array("tokenizer.ggml.token_type", INT32, 256, b"".join(map(u32, kinds))),
        array("tokenizer.ggml.merges", STRING, 1, string(merge)),
        pair("tokenizer.ggml.eos_token_id", UINT32, u32(eos)),
        pair("tokenizer.ggml.bos_token_id", UINT32, u32(0xF5)),
        pair("tokenizer.ggml.add_bos_token", BOOL, bytes([bos])),
    ]


def write(
    path: Path,
    sizes: Sizes,
    seed: int = 1,
    *,
    tokenizer: Sequence[bytes] = (text("tokenizer.ggml.model", "no_vocab"),),
) -> Path:
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
        *tokenizer,
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
