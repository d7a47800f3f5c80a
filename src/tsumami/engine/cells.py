"""Cells: where in the cache each token's keys and values lie, and why the order matters.

Guarantee: the cells of every sequence ascend with its positions. Flash attention adds up a row's cells in the order in
which they lie in memory, and another order rounds differently. llama.cpp always fills the lowest free cells
(`llama_kv_cache::find_slot` starts at the lowest one freed and goes upwards), so a sequence whose tail was put into a
hole below its head would differ in its last bits from the same sequence computed alone. Measured on SmolLM2-135M: a
prefix of 320 tokens continued in such a hole is not bit-equal; kept ascending, it is (tests/engine/test_exactness.py).

Hence a cell that nobody uses any more is not given back at once: it is *dead*, still occupied as far as llama.cpp knows
(by the keeper sequences of cache.py), until `collect` frees all dead cells together. Between two collections new cells
come from an ever rising frontier, and a sequence may be continued only if its last cell lies below the frontier.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence


class CellPool:
    """Which cells are free, used (by how many slots), or dead."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._references = [0] * size
        self._free = deque(range(size))
        self._dead: list[int] = []

    @property
    def free(self) -> int:
        """Cells that can be taken now."""
        return len(self._free)

    @property
    def dead(self) -> int:
        """Cells that a collection would free."""
        return len(self._dead)

    @property
    def frontier(self) -> int:
        """The cell that would be taken next (`size` if none is free)."""
        return self._free[0] if self._free else self.size

    @property
    def lowest_dead(self) -> int:
        """The frontier after a collection (or the present one, if that is lower)."""
        return min([self.frontier, *self._dead])

    def take(self, count: int) -> list[int]:
        """Occupy the `count` lowest free cells, as llama.cpp is about to do."""
        assert count <= len(self._free), "who takes cells asks first"
        taken = [self._free.popleft() for _ in range(count)]
        self.share(taken)
        return taken

    def share(self, cells: Sequence[int]) -> None:
        """One more slot uses these cells."""
        for cell in cells:
            self._references[cell] += 1

    def shared(self, cells: Sequence[int]) -> int:
        """How many of a sequence's cells, the first ones, another slot uses as well."""
        return bisect_left(cells, True, key=lambda cell: self._references[cell] == 1)

    def drop(self, cells: Sequence[int]) -> None:
        """One slot less uses these cells; those that nobody uses are dead."""
        for cell in cells:
            self._references[cell] -= 1
            if not self._references[cell]:
                self._dead.append(cell)

    def collect(self) -> None:
        """Free all dead cells."""
        dead, self._dead = self._dead, []
        self._free = deque(sorted([*self._free, *dead]))
