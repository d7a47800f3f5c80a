"""Our own cutting stages: those that other engines have and llama.cpp has not.

Guarantee: of the candidates, each keeps so many of the largest as its formula says, in the order in which they came,
and at least one. Probabilities are computed in double precision from the candidates' 32-bit logits, and a knob is read
as a 32-bit float, so that two values between which there is none are the only ones that it could not tell apart. Of
equal logits the earlier counts as the larger.

    top_a            p >= a · p_max²
    epsilon_cutoff   p >= ε
    eta_cutoff       p >= min(ε, √ε · e^-H), H the entropy in nats
    top_h            among the 100 largest the longest beginning whose terms -p · ln p add up to at most h · H
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from tsumami.sampling.candidates import Candidates

__all__ = ["TOP_H_OF", "CutStage", "Kept", "entropy_terms", "epsilon_cutoff", "eta_cutoff", "top_a", "top_h"]

Probabilities = npt.NDArray[np.float64]
Kept = Callable[[Probabilities, float], npt.NDArray[np.bool_]]
"""Which of the probabilities (in the candidates' order, shape (n,)) a value of the knob keeps; not yet at least one."""

TOP_H_OF: Final = 100
"""Of how many candidates top_h looks at the entropy (transformers' `TopHLogitsWarper`)."""


def top_a(p: Probabilities, a: float) -> npt.NDArray[np.bool_]:
    """p >= a · p_max². Source: BlinkDL's RWKV-LM; KoboldCpp's `sample_top_a`."""
    return np.asarray(p >= a * p.max() ** 2)


def epsilon_cutoff(p: Probabilities, epsilon: float) -> npt.NDArray[np.bool_]:
    """p >= ε. Source: Hewitt, Manning, Liang 2022; transformers' `EpsilonLogitsWarper`."""
    return np.asarray(p >= epsilon)


def eta_cutoff(p: Probabilities, epsilon: float) -> npt.NDArray[np.bool_]:
    """p >= min(ε, √ε · e^-H). Source: the same paper; transformers' `EtaLogitsWarper`."""
    return np.asarray(p >= min(epsilon, np.sqrt(epsilon) * np.exp(-entropy_terms(p).sum())))


def top_h(p: Probabilities, h: float) -> npt.NDArray[np.bool_]:
    """The longest beginning of the 100 largest, their probabilities made to add up to 1, whose entropy terms add up to
    at most h times all of them. Source: transformers' `TopHLogitsWarper`.
    """
    largest = first_of(p, min(TOP_H_OF, len(p)))
    running = np.cumsum(entropy_terms(p[largest] / p[largest].sum()))
    kept = np.zeros(len(p), np.bool_)
    kept[largest[: np.count_nonzero(running <= h * running[-1])]] = True
    return kept


def entropy_terms(p: Probabilities) -> Probabilities:
    """-p · ln p, and 0 where p is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, -p * np.log(p), 0.0)


def first_of(values: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.intp]:
    """The places of the `count` largest, the largest first and of equal ones the earlier: shape (count,)."""
    edge = np.partition(values, len(values) - count)[len(values) - count]
    found = np.flatnonzero(values >= edge)
    return found[np.argsort(-values[found], kind="stable")][:count]


class CutStage:
    """One of these stages (see above), with the value of its knob."""

    def __init__(self, name: str, kept: Kept, value: float, neutral: float, min_keep: int = 0) -> None:
        self.name = name
        self.idle = "neutral" if value == neutral else None
        self._kept = kept
        self._value = float(np.float32(value))
        self._least = max(1, min_keep)

    def apply(self, candidates: Candidates) -> None:
        logits = candidates.data["logit"]
        if self.idle is not None or len(candidates) <= self._least or logits.max() == -np.inf:
            return
        kept = self._kept(candidates.probs(), self._value)
        if np.count_nonzero(kept) < self._least:
            kept[first_of(logits, self._least)] = True
        if not kept.all():
            candidates.keep(kept, is_sorted=candidates.sorted)

    def accept(self, token: int) -> None:
        """Nothing is remembered."""

    def clone(self) -> CutStage:
        return self
