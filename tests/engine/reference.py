"""What the engine is measured against: a bare context that computes a token list in ONE pass, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from tsumami.native import ContextOptions, DecodeRow, Float32Array, NativeContext, NativeModel


class Reference:
    """Rows of logits after each token of a list, from an empty cache, in one call, with one thread."""

    def __init__(self, model: NativeModel, n_cells: int = 1024) -> None:
        options = ContextOptions(n_cells, n_cells, n_ubatch=32, n_sequences=1, threads=1, exact=True)
        self._context = NativeContext(model, options)
        self._known: dict[tuple[int, ...], list[Float32Array]] = {}

    def rows(self, tokens: Sequence[int]) -> list[Float32Array]:
        """The row after each of `tokens`; remembered, so only for small vocabularies."""
        key = tuple(tokens)
        if key not in self._known:
            self._decode(key, range(len(key)))
            self._known[key] = [self._context.logits(i) for i in range(len(key))]
        return self._known[key]

    def digests(self, tokens: Sequence[int], at: Iterable[int]) -> dict[int, bytes]:
        """The digest of the row after each token whose index is in `at`."""
        wanted = sorted(set(at))
        self._decode(tokens, wanted)
        return {index: digest(self._context.logits(index)) for index in wanted}

    def close(self) -> None:
        """Free the context."""
        self._context.close()

    def _decode(self, tokens: Sequence[int], at: Iterable[int]) -> None:
        wanted = set(at)
        self._context.remove(0)
        self._context.decode([DecodeRow(token, i, 0, i in wanted) for i, token in enumerate(tokens)])


def digest(row: Float32Array) -> bytes:
    """A row of logits in 16 bytes: equal only if every bit is."""
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()
