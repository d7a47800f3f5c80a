"""One token, to be chosen again with other values of a knob: the two kinds of problem behind one face.

Guarantee: who asks need not know whether this token's logits decide alone (partition.py) or all tokens before it do
(mirostat.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.mirostat import MAPPED, MirostatTrial, Past
from tsumami.boundaries.partition import Partition, Piece
from tsumami.boundaries.trial import Chosen, Trial
from tsumami.native import Float32Array
from tsumami.sampling import Chain

__all__ = ["TokenProblem", "token_problem"]


class TokenProblem(Protocol):
    """A token, and which values of the knob choose what."""

    def find(self, span: Span) -> list[Piece]:
        """The pieces of a span, in its order."""

    def after(self, outcome: Chosen, spans: Sequence[Span], /) -> Past | None:
        """What later tokens need of the values `spans`, which all choose `outcome` here; None: nothing."""


def token_problem(
    chain: Chain, axis: Axis, row: Float32Array, past: Past | None, drawn: int, *, forced: int | None = None
) -> TokenProblem:
    """The problem of the axis's knob.

    Args:
        chain: in the state before the token, with any of the values.
        axis: of the knob.
        row: the logits that the token is chosen from, shape (n_vocab,).
        past: what `after` gave for the token before; None for the first.
        drawn: how many numbers the values have drawn for the tokens of the reply so far.
        forced: the token that comes here whatever is chosen. Under mirostat the pieces say all the same what would have
            been chosen, since mu follows that.
    """
    if axis.knob.name in MAPPED:
        return MirostatTrial(chain, axis, row, past, drawn)
    return Partition(Trial(chain, axis, row, forced=forced))
