"""Stop strings, watched for all at once.

Guarantee: a character costs the same however many stop strings there are and however long they are, and what is kept
takes memory in proportion to their characters.

The automaton of Aho and Corasick 1975 (Efficient string matching, https://doi.org/10.1145/360825.360855): a state is
the longest end of what was read that a stop string begins with.
"""

from __future__ import annotations

import functools
from array import array
from typing import Final

__all__ = ["StopStrings", "stop_strings"]

_CHARACTERS: Final = 0x110000  # of Unicode


class StopStrings:
    """Where a state leads, and what it means; state 0 is the beginning."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._next: dict[int, int] = {}
        self._shorter = array("i", [0])
        self._depth = array("i", [0])
        self._complete = array("i", [0])
        for text in texts:
            self._add(text)
        self._link()

    def _add(self, text: str) -> None:
        state = 0
        for depth, character in enumerate(text, 1):
            state = self._next.setdefault(_edge(state, character), len(self._depth))
            if state == len(self._depth):
                self._depth.append(depth)
                self._shorter.append(0)
                self._complete.append(0)
        self._complete[state] = len(text)

    def _link(self) -> None:
        """Where to go on when a text goes on otherwise; the shorter ends first, as the longer ones need them."""
        for edge, state in sorted(self._next.items(), key=lambda item: self._depth[item[1]]):
            before, character = divmod(edge, _CHARACTERS)
            shorter = self.after(self._shorter[before], chr(character)) if before else 0
            self._shorter[state] = shorter
            if not self._complete[state]:
                self._complete[state] = self._complete[shorter]

    def after(self, state: int, character: str) -> int:
        """The state when this character follows."""
        while True:
            found = self._next.get(_edge(state, character))
            if found is not None or not state:
                return found or 0
            state = self._shorter[state]

    def begun(self, state: int) -> int:
        """How many of the characters read a stop string may begin with."""
        return self._depth[state]

    def complete(self, state: int) -> int:
        """The length of the longest stop string that ends here; 0: none does."""
        return self._complete[state]


def _edge(state: int, character: str) -> int:
    return state * _CHARACTERS + ord(character)


@functools.lru_cache(maxsize=8)
def stop_strings(texts: tuple[str, ...]) -> StopStrings:
    """The automaton of these texts; that of a grid's cells is one."""
    return StopStrings(texts)
