"""Measures of a run: how sure the model was of it, and how much it repeats itself.

Guarantee: every number comes from the run's own steps, so a run that was loaded from a file has them without its model.
Probabilities are those of the model alone (`p_raw`), not those after the chain: so runs with other settings can be
compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tsumami.runs import Run

#: Below this a probability counts as this: float32 has no smaller one, and its logarithm must stay a number.
SMALLEST: Final = 2.0**-149
_REPEAT: Final = 4


@dataclass(frozen=True, slots=True)
class Series:
    """A measure at each token, all of the length of the reply.

    `logprob`: natural logarithm of the model's probability of the token; `entropy` of its distribution, in bits;
    `perplexity`: exp of the mean of -logprob up to and with the token; `distinct_1`: share of tokens up to and with
    this one that are different; `repeated`: whether the n-gram that ends with it (n = 4) was there before.
    """

    logprob: tuple[float, ...]
    entropy: tuple[float, ...]
    perplexity: tuple[float, ...]
    distinct_1: tuple[float, ...]
    repeated: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """A run in numbers; those that need a token are None where there is none.

    `mean_logprob` (natural logarithm) and `perplexity` = exp(-mean_logprob) under the model itself; `entropy`: mean
    over the tokens, in bits; `distinct_n`: different n-grams per n-grams, 1 where nothing repeats (None where the reply
    is shorter than n); `repeated_ngrams`: share of 4-grams that were there before; `longest_repeat`: tokens of the
    longest passage that stands twice in the reply (it may overlap itself); `shared_prefix`: tokens at the beginning in
    common with the run that it was compared with.
    """

    tokens: int
    mean_logprob: float | None
    perplexity: float | None
    entropy: float | None
    distinct_1: float | None
    distinct_2: float | None
    distinct_3: float | None
    repeated_ngrams: float | None
    longest_repeat: int
    shared_prefix: int | None
    series: Series


def metrics(run: Run, other: Run | None = None) -> Metrics:
    """Measure a run; `other` is the run that `shared_prefix` is counted with.

    distinct-n: Li et al. 2016, A Diversity-Promoting Objective Function, https://arxiv.org/abs/1510.03055
    """
    found = measured(run.tokens, [step.p_raw for step in run.steps], [step.entropy for step in run.steps])
    return found if other is None else replace(found, shared_prefix=shared_prefix([run, other]))


def measured(tokens: tuple[int, ...], p_raw: Sequence[float], entropy: Sequence[float]) -> Metrics:
    """The same from each token's id, its probability under the model, and the entropy there in bits."""
    series = _series(tokens, p_raw, entropy)
    mean = math.fsum(series.logprob) / len(tokens) if tokens else None
    return Metrics(
        tokens=len(tokens),
        mean_logprob=mean,
        perplexity=None if mean is None else math.exp(-mean),
        entropy=math.fsum(series.entropy) / len(tokens) if tokens else None,
        distinct_1=_distinct(tokens, 1),
        distinct_2=_distinct(tokens, 2),
        distinct_3=_distinct(tokens, 3),
        repeated_ngrams=sum(series.repeated) / (len(tokens) - _REPEAT + 1) if len(tokens) >= _REPEAT else None,
        longest_repeat=_longest_repeat(tokens),
        shared_prefix=None,
        series=series,
    )


def shared_prefix(runs: Sequence[Run]) -> int:
    """How many tokens at the beginning of the replies are the same in all of them (their bytes, if models differ)."""
    count = 0
    for column in zip(*map(identities, runs), strict=False):
        if any(one != column[0] for one in column):
            break
        count += 1
    return count


def identities(run: Run) -> list[tuple[int, bytes]]:
    """What makes two tokens the same: id and bytes (an id alone means nothing in another model)."""
    return [(step.id, step.piece) for step in run.steps]


def _series(tokens: tuple[int, ...], p_raw: Sequence[float], entropy: Sequence[float]) -> Series:
    logprob = tuple(math.log(max(p, SMALLEST)) for p in p_raw)
    places = np.arange(1, len(logprob) + 1)
    seen: set[tuple[int, ...]] = set()
    repeated = []
    for end in range(1, len(tokens) + 1):
        gram = tokens[max(0, end - _REPEAT) : end]
        repeated.append(len(gram) == _REPEAT and gram in seen)
        seen.add(gram)
    different = [len(set(tokens[:end])) for end in range(1, len(tokens) + 1)]
    return Series(
        logprob=logprob,
        entropy=tuple(entropy),
        perplexity=tuple(np.exp(-np.cumsum(logprob) / places).tolist()),
        distinct_1=tuple((np.asarray(different) / places).tolist()),
        repeated=tuple(repeated),
    )


def _distinct(tokens: tuple[int, ...], n: int) -> float | None:
    grams = [tokens[i : i + n] for i in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def _longest_repeat(tokens: tuple[int, ...]) -> int:
    """Longest passage at two places, by the length of the common end of every two prefixes (dynamic programming)."""
    found = np.zeros(len(tokens) + 1, np.int64)
    ids = np.asarray(tokens, np.int64)
    best = 0
    for end in range(len(tokens)):
        same = ids[:end] == ids[end]
        found[1 : end + 1] = np.where(same, found[:end] + 1, 0)
        best = max(best, int(found[: end + 1].max()))
    return best
