"""The bundled model with its first few layers alone: the same vocabulary, template and rows of logits as wide, in a
third of the time. What it writes makes no sense, which no promise about sampling asks for.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from tests.support.gguf_writer import string, u32, u64

from tsumami.models import read_header

LAYERS: Final = 2
_ALIGNMENT: Final = 32


def write_little(path: Path, model: Path) -> Path:
    """Write the first layers of a model of llama's kind, whose tensors are in one file."""
    header, whole = read_header(model), model.read_bytes()
    kept = [one for one in header.tensors if not one.name.startswith("blk.") or int(one.name.split(".")[1]) < LAYERS]
    # magic, version and two counts; then what the file says of itself, up to the first tensor's name
    told = whole[24 : whole.index(string(header.tensors[0].name))]
    count = string("llama.block_count") + u32(4)
    told = told.replace(count + u32(header.metadata["llama.block_count"]), count + u32(LAYERS))  # type: ignore[arg-type]
    listed, data = b"", b""
    for one in kept:
        kind = whole[whole.index(string(one.name)) :][: len(string(one.name)) + 4 + 8 * len(one.shape) + 4]
        listed += kind + u64(len(data))
        at = header.data_offset + one.offset
        assert one.nbytes is not None
        data += whole[at : at + one.nbytes]
        data += bytes(-len(data) % _ALIGNMENT)
    n_pairs = struct.unpack("<Q", whole[16:24])[0]
    head = whole[:8] + u64(len(kept)) + u64(n_pairs) + told + listed
    path.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + data)
    return path
