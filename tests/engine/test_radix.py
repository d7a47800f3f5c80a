"""The radix tree against a dictionary that is searched by brute force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tsumami.engine.radix import Match, RadixTree, common_prefix

TOKENS = st.lists(st.integers(0, 2), max_size=9)  # three tokens: shared beginnings are the rule
SLOTS = st.integers(0, 5)


def prefix(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


class AgainstADictionary(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tree = RadixTree()
        self.lists: dict[int, list[int]] = {}

    @rule(slot=SLOTS, tokens=TOKENS)
    def extend(self, slot: int, tokens: list[int]) -> None:
        given = list(tokens)
        self.tree.extend(slot, tokens)
        assert tokens == given, "the caller's list is the caller's"
        self.lists.setdefault(slot, []).extend(tokens)

    @rule(slot=SLOTS)
    def remove(self, slot: int) -> None:
        self.tree.remove(slot)
        self.lists.pop(slot, None)

    @rule(tokens=TOKENS)
    def longest(self, tokens: list[int]) -> None:
        self.compare(tokens)

    @invariant()
    def every_list_is_found(self) -> None:
        for slot, tokens in self.lists.items():
            self.compare([*tokens, 9])
            assert not tokens or slot in self.tree.longest(tokens).slots
            alike = {other for other, held in self.lists.items() if tokens and held[: len(tokens)] == tokens}
            assert self.tree.holders(slot) == alike

    @invariant()
    def nothing_is_left_of_what_is_gone(self) -> None:
        if not any(self.lists.values()):
            assert not self.tree._root.children

    def compare(self, tokens: list[int]) -> None:
        length = max((prefix(held, tokens) for held in self.lists.values()), default=0)
        slots = {slot for slot, held in self.lists.items() if length and prefix(held, tokens) == length}
        assert self.tree.longest(tokens) == Match(frozenset(slots), length)


TestAgainstADictionary = AgainstADictionary.TestCase


@given(st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)))
def test_the_common_prefix_is_where_two_lists_part(head: list[int], a: list[int], b: list[int]) -> None:
    assert common_prefix([*head, *a], [*head, *b]) == prefix([*head, *a], [*head, *b])


def test_nothing_is_like_an_empty_tree() -> None:
    assert RadixTree().longest([1, 2]) == Match(frozenset(), 0)
    tree = RadixTree()
    tree.extend(3, [])
    assert tree.longest([]) == tree.longest([1]) == Match(frozenset(), 0)
    tree.remove(3)
    tree.remove(3)
    assert tree.longest([]) == Match(frozenset(), 0)
