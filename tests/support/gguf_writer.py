"""GGUF files byte by byte, written from the specification alone, so that reader and writer cannot share a mistake."""

from __future__ import annotations

import struct
from collections.abc import Sequence

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8
MiB = 1 << 20

Tensor = tuple[str, Sequence[int], int, int]
"""Name, shape, type number, offset in the data section."""


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return u64(len(data)) + data


def pair(key: str, kind: int, payload: bytes) -> bytes:
    return string(key) + u32(kind) + payload


def text(key: str, value: str | bytes) -> bytes:
    return pair(key, STRING, string(value))


def array(key: str, kind: int, count: int, payload: bytes) -> bytes:
    return pair(key, ARRAY, u32(kind) + u64(count) + payload)


def tensor(name: str, shape: Sequence[int], kind: int, offset: int) -> bytes:
    return string(name) + u32(len(shape)) + b"".join(map(u64, shape)) + u32(kind) + u64(offset)


ARCHITECTURE = text("general.architecture", "llama")


def gguf(
    pairs: Sequence[bytes] = (ARCHITECTURE,),
    tensors: Sequence[Tensor] = (("w", (4, 2), F32, 0),),
    *,
    data: int = 32,
    alignment: int = 32,
    version: int = 3,
    n_pairs: int | None = None,
    n_tensors: int | None = None,
) -> bytes:
    """A file with these pairs and tensors and `data` zero bytes of weights."""
    head = b"GGUF" + u32(version)
    head += u64(len(tensors) if n_tensors is None else n_tensors) + u64(len(pairs) if n_pairs is None else n_pairs)
    head += b"".join(pairs) + b"".join(tensor(*entry) for entry in tensors)
    return head + bytes(-len(head) % alignment) + bytes(data)


def model(*extra: bytes, data: int = 32) -> bytes:
    """A small valid model with one F32 tensor of `data` bytes."""
    return gguf((ARCHITECTURE, *extra), (("w", (data // 4,), F32, 0),), data=data)
