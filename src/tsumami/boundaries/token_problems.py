"""One token, to be chosen again with other values of a knob: the two kinds of problem behind one face.

Guarantee: who asks need not know whether this token's logits decide alone (partition.py) or all tokens before it do
(mirostat.py, adaptive.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from tsumami.boundaries.adaptive import AdaptivePast, AdaptiveTrial
from tsumami.boundaries.axis import Axis, Span
from tsumami.boundaries.mirostat import MirostatTrial
from tsumami.boundaries.mirostat import Past as MirostatPast
from tsumami.boundaries.partition import Partition, Piece
from tsumami.boundaries.trial import Chosen, Trial
from tsumami.knobs import KNOBS, Mode, knobs_of
from tsumami.knobs.stages import FOLLOWING
from tsumami.native import Float32Array
from tsumami.sampling import Chain

__all__ = ["MAPPED", "Past", "TokenProblem", "token_problem"]

Past = MirostatPast | AdaptivePast
"""What a token leaves behind for later ones, where the choice follows what was chosen."""

MAPPED: Final[Mapping[Mode, tuple[str, ...]]] = MappingProxyType(
    {mode: tuple(name for name in knobs_of(mode) if KNOBS[name].kind == "float") for mode in sorted(FOLLOWING)}
)
"""For each way to choose that follows what it has chosen: its own knobs, the only ones with a map there."""


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
    if axis.knob.stage == "mirostat":
        assert not isinstance(past, AdaptivePast)
        return MirostatTrial(chain, axis, row, past, drawn)
    if axis.knob.stage == "adaptive":
        assert not isinstance(past, MirostatPast)
        return AdaptiveTrial(chain, axis, row, past, drawn, forced)
    return Partition(Trial(chain, axis, row, forced=forced))
