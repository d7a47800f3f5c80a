"""Each stage once more, written from its definition in plain NumPy and double precision, to hold ours against.

A stage takes ids and logits and gives ids and logits, in the order in which llama.cpp leaves them. A cut that hangs on
less than `MARGIN` is reported as `Undecided`: there float32 and double may rightly differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float64]
Entries = tuple[Ids, Logits]

MARGIN: Final = 1e-5


class Undecided(Exception):
    """A value lies on the edge of a cut."""


def softmax(logits: Logits) -> Logits:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def descending(ids: Ids, logits: Logits) -> Entries:
    order = np.argsort(-logits, kind="stable")
    return ids[order], logits[order]


def _clear(values: Logits, edge: float) -> Logits:
    if np.any(np.abs(values - edge) < MARGIN):
        raise Undecided
    return values


def top_k(ids: Ids, logits: Logits, *, k: int) -> Entries:
    if k <= 0:
        return ids, logits
    ids, logits = descending(ids, logits)
    return ids[:k], logits[:k]


def top_p(ids: Ids, logits: Logits, *, p: float, min_keep: int) -> Entries:
    """The shortest prefix whose probability reaches p, and at least min_keep."""
    if p >= 1:
        return ids, logits
    ids, logits = descending(ids, logits)
    reached = _clear(np.cumsum(softmax(logits)), p) >= p
    reached[: max(1, min_keep) - 1] = False
    n = int(reached.argmax()) + 1 if reached.any() else len(ids)
    return ids[:n], logits[:n]


def min_p(ids: Ids, logits: Logits, *, p: float, min_keep: int) -> Entries:
    """All with at least p times the best probability; fewer than min_keep: the min_keep best."""
    if p <= 0:
        return ids, logits
    kept = _clear(logits - logits.max(), np.log(p)) >= np.log(p)
    if kept.any() and kept.sum() >= min_keep:
        return ids[kept], logits[kept]
    n = max(1, min_keep, int(kept.sum()))
    ids, logits = descending(ids, logits)
    return ids[:n], logits[:n]


def typ_p(ids: Ids, logits: Logits, *, p: float, min_keep: int) -> Entries:
    """By distance of the surprise from the entropy; the shortest prefix whose probability is above p."""
    if p >= 1:
        return ids, logits
    ids, logits = descending(ids, logits)
    probs = softmax(logits)
    entropy = -(probs * np.log(probs)).sum()
    distance = np.abs(-np.log(probs) - entropy)
    order = np.argsort(distance, kind="stable")
    if np.any(np.diff(distance[order]) < MARGIN):
        raise Undecided
    above = _clear(np.cumsum(probs[order]), p) > p
    above[: max(0, min_keep - 1)] = False
    n = int(above.argmax()) + 1 if above.any() else len(ids)
    return ids[order[:n]], logits[order[:n]]


def xtc(ids: Ids, logits: Logits, *, threshold: float, min_keep: int) -> Entries:
    """With certainty: all that reach the threshold go, but the least likely of them."""
    if len(ids) < 2 or threshold > 0.5:
        return ids, logits
    ids, logits = descending(ids, logits)
    reaching = int((_clear(softmax(logits), threshold) >= threshold).sum())
    cut = max(0, reaching - 1)
    if len(ids) - cut < min_keep:
        cut = 0
    return ids[cut:], logits[cut:]


def _keep_at_least(ids: Ids, logits: Logits, kept: npt.NDArray[np.bool_], count: int) -> Entries:
    """In their order; too few: the largest as well."""
    if kept.sum() < count:
        kept = kept | (np.argsort(np.argsort(-logits, kind="stable"), kind="stable") < count)
    return ids[kept], logits[kept]


def epsilon_cutoff(ids: Ids, logits: Logits, *, epsilon: float, min_keep: int) -> Entries:
    if epsilon <= 0:
        return ids, logits
    return _keep_at_least(ids, logits, _clear(softmax(logits), epsilon) >= epsilon, max(1, min_keep))


def eta_cutoff(ids: Ids, logits: Logits, *, epsilon: float, min_keep: int) -> Entries:
    if epsilon <= 0:
        return ids, logits
    probs = softmax(logits)
    eta = min(epsilon, epsilon**0.5 * np.exp((probs * np.log(probs)).sum()))
    return _keep_at_least(ids, logits, _clear(probs, eta) >= eta, max(1, min_keep))


def top_a(ids: Ids, logits: Logits, *, a: float, min_keep: int) -> Entries:
    if a <= 0:
        return ids, logits
    probs = softmax(logits)
    edge = a * probs.max() ** 2
    return _keep_at_least(ids, logits, _clear(probs, edge) >= edge, max(1, min_keep))


def top_h(ids: Ids, logits: Logits, *, h: float) -> Entries:
    """The 100 best by themselves; the first whose terms -p ln p add up to at most h of all of them."""
    if h >= 1:
        return ids, logits
    best = np.argsort(-logits, kind="stable")[:100]
    probs = softmax(logits[best])
    running = np.cumsum(-probs * np.log(probs))
    stay = max(1, int((_clear(running / running[-1], h) <= h).sum())) if len(best) > 1 else 1
    kept = np.isin(np.arange(len(ids)), best[:stay])
    return ids[kept], logits[kept]


def top_n_sigma(ids: Ids, logits: Logits, *, n: float) -> Entries:
    """Mask all that lie n standard deviations or more below the best."""
    if n <= 0:
        return ids, logits
    edge = logits.max() - n * logits[np.isfinite(logits)].std()
    return ids, np.where(_clear(logits, edge) < edge, -np.inf, logits)


def smoothing(ids: Ids, logits: Logits, *, factor: float, curve: float) -> Entries:
    """Quadratic (and cubic) sampling, as kalomaze wrote it."""
    if factor <= 0:
        return ids, logits
    top = logits.max()
    k, s = (3 - curve) / 2, (curve - 1) / 2
    moved = [-k * factor * (x - top) ** 2 + s * factor * (x - top) ** 3 + top for x in logits.tolist()]
    return ids, np.array(moved)


def temperature(ids: Ids, logits: Logits, *, t: float, spread: float, exponent: float) -> Entries:
    if spread > 0:
        if len(ids) < 2:
            return ids, logits
        ids, logits = descending(ids, logits)
        probs = softmax(logits)
        share = -(probs * np.log(probs)).sum() / np.log(len(ids))
        low = max(0.0, t - spread)
        t = low + (t + spread - low) * share**exponent
    if t <= 0:
        best = int(logits.argmax())
        return ids, np.where(np.arange(len(ids)) == best, logits, -np.inf)
    return ids, logits / t


def penalties(
    ids: Ids, logits: Logits, history: Sequence[int], *, last_n: int, repeat: float, frequency: float, presence: float
) -> Entries:
    window = list(history)[-last_n:] if last_n > 0 else []
    made = logits.copy()
    for i, token in enumerate(ids.tolist()):
        count = window.count(token)
        if count:
            made[i] = made[i] * repeat if made[i] <= 0 else made[i] / repeat
            made[i] -= count * frequency + presence
    return ids, made


def no_repeat_ngram(ids: Ids, logits: Logits, history: Sequence[int], *, size: int) -> Entries:
    """No token that makes the last `size` tokens a row that stood there before."""
    seen = list(history)
    rows = {tuple(seen[i : i + size]) for i in range(len(seen) - size + 1)} if size else set()
    end = seen[len(seen) - size + 1 :] if size <= len(seen) else []
    kept = np.array([(*end, token) not in rows for token in ids.tolist()], bool)
    return (ids[kept], logits[kept]) if kept.any() else (ids, np.full(len(ids), -np.inf))


def dry(
    ids: Ids,
    logits: Logits,
    history: Sequence[int],
    *,
    multiplier: float,
    base: float,
    allowed: int,
    last_n: int,
    breakers: Sequence[int] = (),
) -> Entries:
    """For each token: how long a run of the newest tokens did it once follow already? (One-token breakers.)"""
    seen = list(history)[-last_n:] if last_n > 0 else []
    if multiplier == 0 or len(seen) <= allowed:
        return ids, logits
    stops = [i for i, token in enumerate(seen) if token in breakers]
    reach = len(seen) - 1 - stops[-1] if stops else len(seen)
    longest: dict[int, int] = {}
    for end in range(len(seen) - 1):  # the token after position `end` once followed what ends there
        length = 0
        while length < min(reach, end + 1) and seen[end - length] == seen[-1 - length]:
            length += 1
        if length >= allowed:
            longest[seen[end + 1]] = max(longest.get(seen[end + 1], 0), length)
    made = logits.copy()
    for i, token in enumerate(ids.tolist()):
        if token in longest and token not in breakers and reach >= allowed:
            made[i] -= multiplier * base ** (longest[token] - allowed)
    return ids, made


#: How a Settings reads for each stage.
OF_SETTINGS: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "penalties": lambda s: {
        "last_n": s.repeat_last_n,
        "repeat": s.repeat_penalty,
        "frequency": s.frequency_penalty,
        "presence": s.presence_penalty,
    },
    "dry": lambda s: {
        "multiplier": s.dry_multiplier,
        "base": s.dry_base,
        "allowed": s.dry_allowed_length,
        "last_n": s.dry_penalty_last_n,
    },
    "no_repeat_ngram": lambda s: {"size": s.no_repeat_ngram_size},
    "top_n_sigma": lambda s: {"n": s.top_n_sigma},
    "top_k": lambda s: {"k": s.top_k},
    "typ_p": lambda s: {"p": s.typical_p, "min_keep": s.min_keep},
    "top_p": lambda s: {"p": s.top_p, "min_keep": s.min_keep},
    "min_p": lambda s: {"p": s.min_p, "min_keep": s.min_keep},
    "epsilon_cutoff": lambda s: {"epsilon": s.epsilon_cutoff, "min_keep": s.min_keep},
    "eta_cutoff": lambda s: {"epsilon": s.eta_cutoff, "min_keep": s.min_keep},
    "top_a": lambda s: {"a": s.top_a, "min_keep": s.min_keep},
    "top_h": lambda s: {"h": s.top_h},
    "xtc": lambda s: {"threshold": s.xtc_threshold, "min_keep": s.min_keep},
    "smoothing": lambda s: {"factor": s.smoothing_factor, "curve": s.smoothing_curve},
    "temperature": lambda s: {"t": s.temperature, "spread": s.dynatemp_range, "exponent": s.dynatemp_exponent},
}

STAGES: Final[dict[str, Callable[..., Entries]]] = {
    "penalties": penalties,
    "dry": dry,
    "no_repeat_ngram": no_repeat_ngram,
    "top_n_sigma": top_n_sigma,
    "top_k": top_k,
    "typ_p": typ_p,
    "top_p": top_p,
    "min_p": min_p,
    "epsilon_cutoff": epsilon_cutoff,
    "eta_cutoff": eta_cutoff,
    "top_a": top_a,
    "top_h": top_h,
    "xtc": xtc,
    "smoothing": smoothing,
    "temperature": temperature,
}
