"""Rows of which something is not seen, and whether what is not seen could change a choice.

Guarantee: a choice is called certain only where it is proved: whatever logits the unseen tokens have, as long as none
is larger than the smallest that was seen and their probabilities add up to no more than is known, the same token is
chosen. Where the proof is not found the choice is uncertain, which does not say that it would be another.

The proof: the stages run twice, once on the seen tokens alone and once with as many unseen ones beside them, as large
as they can be. While unseen ones are there, only stages may act of which is known what lesser ones would do there:
those that treat each token by itself and raise no unseen one, and cuts that take the smallest first and leave the same
of the others both times. Once all unseen ones are gone both times have the same candidates, and so the same choice. If
some are left to the end, the roll has to fall into the token's share wherever their shares lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tsumami.native import Float32Array
from tsumami.sampling.candidates import Candidates
from tsumami.sampling.local import LocalStage

if TYPE_CHECKING:
    from tsumami.sampling.chain import Chain, Choice
    from tsumami.sampling.stages import Stage

__all__ = ["SeenRow", "is_certain"]

_TAME: Final = ("top_k", "top_p", "min_p", "dry", "thinking_budget")
_MARGIN: Final = 1e-6  # of a sum of 32-bit floats


class SeenRow(np.ndarray[Any, np.dtype[np.float32]]):
    """A row of logits in which tokens that were not told are at -inf. `unseen`: the probability that all of them have
    together; `most`: the most that it can be; `largest`: the most that the logit of one can be.
    """

    unseen: float
    most: float
    largest: float

    @classmethod
    def of(cls, row: Float32Array, unseen: float, most: float) -> SeenRow:
        """A row with what is known of the rest, without a copy."""
        made = row.view(cls)
        made.unseen, made.most = unseen, most
        made.largest = float(row[np.isfinite(row)].min())
        return made


def is_certain(before: Chain, row: SeenRow, choice: Choice) -> bool:
    """Whether the choice that a chain made of a row is proved. before: the chain as it was before it chose."""
    values = np.asarray(row)
    known = np.isfinite(values)
    seen = np.flatnonzero(known)
    if len(seen) == len(values) or row.most <= 0 or choice.set_by is not None:
        return True
    beside = _largest_unseen(before, row, values[seen], ~known)
    logits = np.concatenate([values[seen], np.full(len(beside), row.largest, np.float32)])
    without, having = Candidates.of(seen, values[seen]), Candidates.of(np.concatenate([seen, beside]), logits)
    plain, full = before.clone(), before.clone()
    for one, other in zip(plain.stages, full.stages, strict=True):
        if one.idle is not None:
            continue
        one.apply(without)
        other.apply(having)
        rest = np.isin(having.data["id"], beside)
        if not _is_tame(one, before, having.data["logit"][rest], row.largest) or not _same(without, having, ~rest):
            return False
        if not rest.any():
            return True
    return _is_drawn(before, choice, without, having, beside)


def _largest_unseen(
    chain: Chain, row: SeenRow, seen: Float32Array, hidden: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """The tokens that stand for the unseen: all that a stage changes by itself, and as many as their probability lets
    be as large as can be. seen: the logits that were told; hidden: which tokens were not.
    """
    local = [stage for stage in chain.stages if isinstance(stage, LocalStage) and stage.idle is None]
    touched = np.array(sorted({token for stage in local for token in stage.tokens()}), np.intp)
    changed = touched[hidden[touched]]
    others = hidden.copy()
    others[changed] = False
    logits = seen.astype(np.float64)
    each = np.exp(row.largest - logits.max()) / np.exp(logits - logits.max()).sum() * (1 - row.unseen)
    count = int(min(len(hidden), np.ceil(row.most / max(float(each), 1e-300))))
    return np.concatenate([changed, np.flatnonzero(others)[:count]])


def _is_tame(stage: Stage, chain: Chain, unseen: npt.NDArray[np.float32], largest: float) -> bool:
    """Whether it is known what a stage makes of unseen tokens, and it has raised none of them."""
    if stage.name == "temperature":  # above 1 it makes small ones larger the more of them there are
        settings = chain.origin.settings
        return settings.dynatemp_range == 0 and settings.temperature <= 1
    if isinstance(stage, LocalStage):
        return not len(unseen) or float(unseen.max()) <= largest
    return stage.name in _TAME


def _same(without: Candidates, having: Candidates, left: npt.NDArray[np.bool_]) -> bool:
    """Whether the seen candidates are the same both times."""
    a, b = without.data, having.data[left]
    if len(a) != len(b):
        return False
    first, second = np.argsort(a["id"]), np.argsort(b["id"])
    return np.array_equal(a["id"][first], b["id"][second]) and np.array_equal(a["logit"][first], b["logit"][second])


def _is_drawn(
    chain: Chain, choice: Choice, without: Candidates, having: Candidates, beside: npt.NDArray[np.intp]
) -> bool:
    """Whether the choice stands although unseen tokens are left at the end."""
    mode, token, data = chain.origin.settings.mode, choice.pick.token, having.data
    if mode == "greedy":
        return bool(data["id"][int(np.argmax(data["logit"]))] == token)
    found = np.flatnonzero(without.data["id"] == token)
    if mode != "sample" or choice.pick.u is None or not len(found):
        return False
    top = float(without.data["logit"].max())
    weights = np.exp(without.data["logit"].astype(np.float64) - top)
    rest = np.exp(data["logit"][np.isin(data["id"], beside)].astype(np.float64) - top).sum() / weights.sum()
    before = weights[: found[0]].sum() / weights.sum()
    own = weights[found[0]] / weights.sum()
    first, last = (before + rest) / (1 + rest), (before + own) / (1 + rest)
    return bool(first + _MARGIN <= choice.pick.u < last - _MARGIN)
