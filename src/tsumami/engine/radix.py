"""A radix tree of token lists: which cache slot shares the longest prefix with a prompt?

Guarantee: `longest` finds the longest common prefix over everything inserted, in time proportional to its length.
Each node is a run of tokens; the slots whose token list passes through it are noted at the node, and every slot's list
ends at a node's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class _RadixNode:
    edge: list[int]
    parent: _RadixNode | None
    children: dict[int, _RadixNode] = field(default_factory=dict)
    slots: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Match:
    """All slots whose tokens agree with the asked ones for `length` tokens, the most that any does."""

    slots: frozenset[int]
    length: int


class RadixTree:
    """Token lists by slot number."""

    def __init__(self) -> None:
        self._root = _RadixNode([], None)
        self._ends: dict[int, _RadixNode] = {}

    def extend(self, slot: int, tokens: Sequence[int]) -> None:
        """Append `tokens` to the list of `slot`, which begins empty."""
        node = self._ends.setdefault(slot, self._root)
        rest = list(tokens)
        while rest:
            child = node.children.get(rest[0])
            if child is not None:
                node, rest = self._descend(child, slot, rest)
            elif node.slots == {slot} and not node.children:
                node.edge.extend(rest)
                rest = []
            else:
                node = self._grow(node, slot, rest)
                rest = []
        self._ends[slot] = node

    def _descend(self, child: _RadixNode, slot: int, rest: list[int]) -> tuple[_RadixNode, list[int]]:
        """Walk `slot` into `child` as far as `rest` agrees with its edge, splitting the edge where they part."""
        common = common_prefix(child.edge, rest)
        if common < len(child.edge):
            child = self._split(child, common)
        child.slots.add(slot)
        return child, rest[common:]

    def _split(self, node: _RadixNode, length: int) -> _RadixNode:
        """Cut the edge of `node` after `length` tokens; returns the new upper part."""
        assert node.parent is not None
        upper = _RadixNode(node.edge[:length], node.parent, {node.edge[length]: node}, set(node.slots))
        node.parent.children[upper.edge[0]] = upper
        node.edge, node.parent = node.edge[length:], upper
        return upper

    def _grow(self, node: _RadixNode, slot: int, tokens: list[int]) -> _RadixNode:
        made = _RadixNode(tokens, node, {}, {slot})
        node.children[tokens[0]] = made
        return made

    def remove(self, slot: int) -> None:
        """Forget the list of `slot`."""
        node = self._ends.pop(slot, None)
        while node is not None and node.parent is not None:
            node.slots.discard(slot)
            if not node.slots:
                del node.parent.children[node.edge[0]]
            node = node.parent

    def holders(self, slot: int) -> frozenset[int]:
        """All slots whose lists begin with the whole list of `slot`, itself among them; none if its list is empty."""
        node = self._ends.get(slot, self._root)
        return frozenset(node.slots)

    def longest(self, tokens: Sequence[int]) -> Match:
        """The longest prefix of `tokens` that some slot holds, and who holds it."""
        node, position = self._root, 0
        wanted = list(tokens)
        while position < len(wanted):
            child = node.children.get(wanted[position])
            if child is None:
                break
            common = common_prefix(child.edge, wanted[position : position + len(child.edge)])
            position += common
            node = child
            if common < len(child.edge):
                break
        return Match(frozenset(node.slots), position)


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common prefix of two token lists."""
    limit = min(len(a), len(b))
    if a[:limit] == b[:limit]:
        return limit
    low, high = 0, limit  # a[:low] agrees, a[:high] does not
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
