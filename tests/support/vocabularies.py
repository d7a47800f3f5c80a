"""Vocabularies without weights: that of the bundled model, and a small one of our own with every kind of token.

`SMALL` is a SentencePiece vocabulary as Llama 2 has one: a space is put in front of every text, BOS before all of it;
`<s>`, `</s>` and `<|endoftext|>` are control tokens, `[INST]` and `[/INST]` are read in any text.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tests.support.gguf_writer import (
    ARCHITECTURE,
    BOOL,
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

from tsumami.models import resolve
from tsumami.native import NativeModel, Vocab

NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
_WORDS = ("▁", *"abcdefghijklmnopqrstuvwxyzHINST<>|[]/_", "▁a", "▁H", "ab", "He", "el", "lo", "▁Hel", "日", "本")
SMALL = (
    ("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL), ("<|endoftext|>", CONTROL), ("[INST]", USER),
    ("[/INST]", USER), *((f"<0x{byte:02X}>", BYTE) for byte in range(256)), *((word, NORMAL) for word in _WORDS),
)  # fmt: skip


def write(path: Path, tokens: Sequence[tuple[str, int]] = SMALL, *extra: bytes) -> Path:
    """A GGUF file with this vocabulary and no weights."""
    scores = np.array([-float(at) / 100 for at in range(len(tokens))], np.float32)
    kinds = np.array([kind for _, kind in tokens], np.int32)
    pairs = [
        ARCHITECTURE,
        text("tokenizer.ggml.model", "llama"),
        array("tokenizer.ggml.tokens", STRING, len(tokens), b"".join(string(name) for name, _ in tokens)),
        array("tokenizer.ggml.scores", FLOAT32, len(tokens), scores.tobytes()),
        array("tokenizer.ggml.token_type", INT32, len(tokens), kinds.tobytes()),
        pair("tokenizer.ggml.bos_token_id", UINT32, u32(1)),
        pair("tokenizer.ggml.eos_token_id", UINT32, u32(2)),
        pair("tokenizer.ggml.add_bos_token", BOOL, b"\x01"),
        *extra,
    ]
    path.write_bytes(gguf(pairs, (), data=0))
    return path


@functools.cache
def vocabulary(name: str) -> Vocab:
    """That of `smollm2` (BPE), the `small` one, or `strips`: the small one as llama.cpp reads it in models of the name
    Phi-3, where white space behind a special token goes with it.
    """
    if name == "smollm2":
        return NativeModel(resolve(name).path, vocab_only=True).vocab
    called = [text("general.name", "phi-3")] if name == "strips" else []
    with tempfile.TemporaryDirectory() as folder:
        return NativeModel(write(Path(folder) / "small.gguf", SMALL, *called), vocab_only=True).vocab
