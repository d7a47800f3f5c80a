"""The tree of a knob map: beginnings of texts, and the values that give them.

Guarantee: a node's spans are all values of the range whose reply begins with its tokens, cut only where the axis or
another token lies between; so the tree depends on the range alone, not on the order in which it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tsumami.boundaries import Past, Span
from tsumami.engine import Sequence
from tsumami.runs.values import StopReason
from tsumami.sampling import Chain

__all__ = ["TextNode", "Values", "by_width", "clipped", "covers"]

#: Spans in order, each with whether it is certain.
Values = list[tuple[Span, bool]]


@dataclass(slots=True, eq=False)
class TextNode:
    """A beginning of a text: its last token, and the values that give it.

    `stop` says why it ends here, if it does; `children` are None until it was decoded; `drawn` counts the numbers that
    XTC or mirostat has taken; `past` is what mirostat needs of the tokens; `source` is the same beginning in the map of
    another range, which may know its children.
    """

    parent: TextNode | None
    token: int
    spans: Values
    width: float
    drawn: int
    depth: int
    stop: StopReason | None = None
    children: list[TextNode] | None = None
    past: Past | None = field(default=None, repr=False)
    source: TextNode | None = field(default=None, repr=False)
    chain: Chain | None = field(default=None, repr=False)
    sequences: tuple[Sequence, ...] = field(default=(), repr=False)

    def path(self) -> tuple[int, ...]:
        """The tokens from the beginning of the reply to this node."""
        tokens: list[int] = []
        node: TextNode | None = self
        while node is not None and node.parent is not None:
            tokens.append(node.token)
            node = node.parent
        return tuple(reversed(tokens))

    def all(self) -> Iterator[TextNode]:
        """The node itself and all below."""
        nodes = [self]
        while nodes:
            node = nodes.pop()
            yield node
            nodes += node.children or ()

    def child_like(self, other: TextNode) -> TextNode | None:
        """The child with the same token, as many numbers taken, and values in common, if it is known."""
        for one in self.children or ():
            if (one.token, one.drawn) == (other.token, other.drawn) and clipped(one.spans, other.spans):
                return one
        return None


def by_width(node: TextNode) -> tuple[float, Span]:
    """Sorts the widest first, and among equals the lowest values."""
    return -node.width, node.spans[0][0]


def covers(outer: Values, inner: Values) -> bool:
    """Whether each span of `inner` lies in one of `outer`."""
    return all(any(a.first <= b.first and b.last <= a.last for a, _ in outer) for b, _ in inner)


def clipped(values: Values, within: Iterable[tuple[Span, bool]]) -> Values:
    """The parts of `values` that lie in spans of `within`."""
    made = [(Span(max(a.first, b.first), min(a.last, b.last)), certain) for b, _ in within for a, certain in values]
    return [(span, certain) for span, certain in made if span.first <= span.last]
