"""Model files: a small real model whose header is damaged, byte by byte or where it says how much there is.

Must hold: such a file is refused in words, or it is a model that runs; whatever llama.cpp would do to the process.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

import tsumami
from storm import hostile, tiny_gguf
from storm.options import Options
from tsumami.models.gguf import read_header

TITLE: Final = "model files with damaged headers, opened and loaded"
DOOR: Final = "library"


def inputs() -> st.SearchStrategy[bytes]:
    """Damaged files: anywhere in the header, and by fields that claim other things."""
    return st.one_of(hostile.damaged(tiny_gguf.heads()), hostile.damaged(tiny_gguf.heads()), tiny_gguf.claims())


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:  # noqa: ARG001  (a door's signature)
    """Read the header; load it; take a few tokens."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"

        def go(given: bytes) -> None:
            path.write_bytes(tiny_gguf.with_weights(given))
            read_header(path)
            with tsumami.load(path, threads=1, n_ctx=512) as model:
                model.run([1, 2, 3], max_tokens=2, seed=0)

        go(tiny_gguf.heads()[0])
        yield go
