"""Slots: who generates where, as llama-server counts it, and what was done in all.

Guarantee: a slot is somebody's from their turn until they end or leave; there are as many as generations may be under
way at once. Everything here happens in the server's event loop.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tsumami.web.places import place
from tsumami.web.turns import Asker, Turns

__all__ = ["Counts", "Doing", "Slots"]


@dataclass(slots=True)
class Doing:
    """What goes on in a slot: the size of its prompt, and how many tokens it has got."""

    slot: int
    prompt_tokens: int = 0
    decoded: int = 0


@dataclass(slots=True)
class Counts:
    """What a server has done since it began; seconds are summed over requests."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    prompt_seconds: float = 0.0
    predicted_tokens: int = 0
    predicted_seconds: float = 0.0
    longest: int = 0


@dataclass(slots=True)
class Slots:
    """The places of a server, numbered."""

    turns: Turns
    count: int
    doing: dict[int, Doing] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free = list(range(self.count))

    @contextlib.asynccontextmanager
    async def taken(self, asker: Asker) -> AsyncIterator[Doing]:
        """A slot, for as long as the block lasts; waits for its turn."""
        async with place(self.turns, asker):
            number = heapq.heappop(self._free)  # whoever has their turn finds one: there are as many as turns
            doing = self.doing[number] = Doing(number)
            try:
                yield doing
            finally:
                del self.doing[number]
                heapq.heappush(self._free, number)
