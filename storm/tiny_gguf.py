"""Tiny models as GGUF files, written from the specification, so that what they claim can be changed.

Two kinds: one with a vocabulary of bytes and one without any. Their weights are dice; nothing they say means anything.
"""

from __future__ import annotations

import functools
import struct
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

_UINT32, _INT32, _FLOAT32, _STRING, _ARRAY = 4, 5, 6, 8, 9
_F32: Final = 0
_WIDTH, _WIDE, _LAYERS, _VOCAB, _CONTEXT = 32, 64, 1, 260, 1024
_CLAIMS: Final = st.sampled_from(
    (0, 1, 2, 3, 7, 31, 32, 33, 64, 255, 257, 4096, 2**16, 2**20, 2**30, 2**31 - 1, 2**31, 2**32 - 1)
)

Pair = tuple[str, int, Any]


def heads() -> list[bytes]:
    """Headers of good files."""
    return [_head(_pairs(vocabulary=True)), _head(_pairs(vocabulary=False))]


def with_weights(head: bytes) -> bytes:
    """A file of this header and weights for as many tensors as there were."""
    return head + bytes(-len(head) % 32) + _weights()


def claims() -> st.SearchStrategy[bytes]:
    """Headers in which numbers, names and types are others."""
    changes = st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(("value", "type", "drop", "twice")), _CLAIMS),
        min_size=1,
        max_size=3,
    )
    shapes = st.none() | st.tuples(
        st.integers(0, 20), _CLAIMS | st.just(2**63), st.sampled_from((0, 1, 2, 8, 12, 30, 39, 99))
    )
    return st.builds(_claiming, st.booleans(), changes, shapes)


def _claiming(vocabulary: bool, changes: list[tuple[int, str, int]], shape: tuple[int, int, int] | None) -> bytes:
    pairs = _pairs(vocabulary=vocabulary)
    for at, how, value in changes:
        key, kind, old = pairs[at % len(pairs)]
        if how == "drop":
            del pairs[at % len(pairs)]
        elif how == "twice":
            pairs.append((key, kind, old))
        elif how == "type" or kind in (_UINT32, _INT32):
            pairs[at % len(pairs)] = (key, _UINT32, value)
        elif kind == _STRING:
            pairs[at % len(pairs)] = (key, kind, str(old)[: value % 5] + "x")
        elif kind == _ARRAY:
            pairs[at % len(pairs)] = (key, kind, (old[0], old[1][: value % (len(old[1]) + 1)]))
        if not pairs:
            break
    return _head(pairs, shape)


def _pairs(*, vocabulary: bool) -> list[Pair]:
    numbers = {
        "context_length": _CONTEXT, "embedding_length": _WIDTH, "block_count": _LAYERS, "feed_forward_length": _WIDE,
        "vocab_size": _VOCAB,
        "attention.head_count": 2, "attention.head_count_kv": 2, "rope.dimension_count": 16,
    }  # fmt: skip
    pairs: list[Pair] = [("general.architecture", _STRING, "llama"), ("general.alignment", _UINT32, 32)]
    pairs += [(f"llama.{key}", _UINT32, value) for key, value in numbers.items()]
    pairs.append(("llama.attention.layer_norm_rms_epsilon", _FLOAT32, 1e-5))
    if not vocabulary:
        return [*pairs, ("tokenizer.ggml.model", _STRING, "no_vocab")]
    texts = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁a"]
    kinds = [2, 3, 3, *[6] * 256, 1]
    return [
        *pairs,
        ("tokenizer.ggml.model", _STRING, "llama"),
        ("tokenizer.ggml.tokens", _ARRAY, (_STRING, texts)),
        ("tokenizer.ggml.scores", _ARRAY, (_FLOAT32, [0.0] * len(texts))),
        ("tokenizer.ggml.token_type", _ARRAY, (_INT32, kinds)),
        ("tokenizer.ggml.bos_token_id", _UINT32, 1),
        ("tokenizer.ggml.eos_token_id", _UINT32, 2),
        ("tokenizer.chat_template", _STRING, "{{ messages[0].content }}"),
    ]


def _shapes() -> dict[str, tuple[int, ...]]:
    norm, square = (_WIDTH,), (_WIDTH, _WIDTH)
    block = {
        "attn_norm": norm, "attn_q": square, "attn_k": square, "attn_v": square, "attn_output": square,
        "ffn_norm": norm,
        "ffn_gate": (_WIDTH, _WIDE), "ffn_up": (_WIDTH, _WIDE), "ffn_down": (_WIDE, _WIDTH),
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (_WIDTH, _VOCAB), "output_norm.weight": norm}
    return shapes | {f"blk.{layer}.{name}.weight": shape for layer in range(_LAYERS) for name, shape in block.items()}


@functools.cache
def _weights() -> bytes:
    dice = np.random.default_rng(1)
    parts = [dice.normal(0, 0.2, shape).astype(np.float32).tobytes() for shape in _shapes().values()]
    return b"".join(part + bytes(-len(part) % 32) for part in parts)


def _head(pairs: list[Pair], shape: tuple[int, int, int] | None = None) -> bytes:
    """shape: (number of a tensor, what its first side claims to be, its type)."""
    tensors, offset = [], 0
    for at, (name, sides) in enumerate(_shapes().items()):
        kind, claimed = _F32, sides
        if shape is not None and at == shape[0]:
            claimed, kind = (shape[1], *sides[1:]), shape[2]
        tensors.append(_string(name) + _u32(len(sides)) + b"".join(map(_u64, claimed)) + _u32(kind) + _u64(offset))
        offset += -(-int(np.prod(sides)) * 4 // 32) * 32
    return b"GGUF" + _u32(3) + _u64(len(tensors)) + _u64(len(pairs)) + b"".join(map(_pair, pairs)) + b"".join(tensors)


def _pair(pair: Pair) -> bytes:
    key, kind, value = pair
    return _string(key) + _u32(kind) + _payload(kind, value)


def _payload(kind: int, value: Any) -> bytes:
    if kind == _STRING:
        return _string(value)
    if kind == _ARRAY:
        inner, values = value
        return _u32(inner) + _u64(len(values)) + b"".join(_payload(inner, one) for one in values)
    return struct.pack("<f", value) if kind == _FLOAT32 else _u32(value)


def _string(text: str) -> bytes:
    return _u64(len(text.encode())) + text.encode()


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)


def _u64(value: int) -> bytes:
    return struct.pack("<Q", value)
