"""Models of the sizes that people run, with random weights: what a token costs does not depend on what it says.

Written by ggml's own package `gguf`: llama's architecture, Q4_0 (the embedding, which is also the output, Q8_0, as
quantisers have it), the tokenizer of a real model, whose vocabulary is filled up with unused tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, TokenType

_SPREAD: Final = 0.02  # standard deviation of the weights
_BLOCK: Final = 32  # weights that share a scale
_Q4_0_SPREAD: Final = 4.6  # of the sixteen values of a block, in its scale
_Q8_0_SPREAD: Final = 74.0


def make() -> Weights:
    """The writer."""
    return Weights()


class Weights:
    """Writes models."""

    def facts(self) -> dict[str, Any]:
        """Nothing to tell."""
        return {}

    def write(
        self, path: str, like: str, layers: int, width: int, inner: int, heads: int, kv_heads: int, vocabulary: int
    ) -> None:
        """Write a model of this shape with the tokenizer of the file `like`, unless it is there already."""
        if Path(path).exists():
            return
        random = np.random.default_rng(0)
        writer = GGUFWriter(f"{path}.part", "llama")
        writer.add_name(Path(path).stem)
        writer.add_context_length(8192)
        writer.add_block_count(layers)
        writer.add_embedding_length(width)
        writer.add_feed_forward_length(inner)
        writer.add_head_count(heads)
        writer.add_head_count_kv(kv_heads)
        writer.add_rope_dimension_count(width // heads)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_file_type(2)
        _copy_tokenizer(writer, GGUFReader(like), vocabulary)
        kv = kv_heads * (width // heads)
        _q8_0(writer, random, "token_embd.weight", width, vocabulary)
        _ones(writer, "output_norm.weight", width)
        for layer in range(layers):
            for name, rows in (("attn_q", width), ("attn_k", kv), ("attn_v", kv), ("attn_output", width)):
                _q4_0(writer, random, f"blk.{layer}.{name}.weight", width, rows)
            for name, columns, rows in (
                ("ffn_gate", width, inner),
                ("ffn_up", width, inner),
                ("ffn_down", inner, width),
            ):
                _q4_0(writer, random, f"blk.{layer}.{name}.weight", columns, rows)
            _ones(writer, f"blk.{layer}.attn_norm.weight", width)
            _ones(writer, f"blk.{layer}.ffn_norm.weight", width)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        Path(f"{path}.part").rename(path)


def _copy_tokenizer(writer: GGUFWriter, reader: GGUFReader, vocabulary: int) -> None:
    def read(name: str) -> Any:
        return reader.get_field(f"tokenizer.{name}").contents()

    tokens, kinds = read("ggml.tokens"), read("ggml.token_type")
    more = vocabulary - len(tokens)
    writer.add_tokenizer_model(read("ggml.model"))
    writer.add_tokenizer_pre(read("ggml.pre"))
    writer.add_token_list([*tokens, *(f"<unused_{number}>" for number in range(more))])
    writer.add_token_types([*kinds, *[int(TokenType.UNUSED)] * more])
    writer.add_token_merges(read("ggml.merges"))
    writer.add_bos_token_id(read("ggml.bos_token_id"))
    writer.add_eos_token_id(read("ggml.eos_token_id"))
    writer.add_chat_template(read("chat_template"))


def _ones(writer: GGUFWriter, name: str, width: int) -> None:
    writer.add_tensor(name, np.ones(width, np.float32))


def _q4_0(writer: GGUFWriter, random: np.random.Generator, name: str, columns: int, rows: int) -> None:
    _blocks(writer, random, name, columns, rows, 16, _SPREAD / _Q4_0_SPREAD, GGMLQuantizationType.Q4_0)


def _q8_0(writer: GGUFWriter, random: np.random.Generator, name: str, columns: int, rows: int) -> None:
    _blocks(writer, random, name, columns, rows, 32, _SPREAD / _Q8_0_SPREAD, GGMLQuantizationType.Q8_0)


def _blocks(
    writer: GGUFWriter,
    random: np.random.Generator,
    name: str,
    columns: int,
    rows: int,
    payload: int,
    scale: float,
    kind: GGMLQuantizationType,
) -> None:
    """A tensor of blocks: a scale in half precision, then `payload` random bytes."""
    blocks = columns // _BLOCK
    data = np.empty((rows, blocks, 2 + payload), np.uint8)
    data[:, :, :2] = np.frombuffer(np.float16(scale).tobytes(), np.uint8)
    data[:, :, 2:] = np.frombuffer(random.bytes(rows * blocks * payload), np.uint8).reshape(rows, blocks, payload)
    writer.add_tensor(name, data.reshape(rows, blocks * (2 + payload)), raw_dtype=kind)
