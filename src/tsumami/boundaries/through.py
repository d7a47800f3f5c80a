"""Through: what each stage makes of bounds, with its knobs as settings have them or turned over boxes of values.

Guarantee: as transfer.py; here the numbers that those functions take are put together, from the settings and from what
each token's chain has seen. A stage of the order is a row of `THROUGH`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from tsumami.boundaries.bounds import Bounds, Reals, ours, rounding, transfer
from tsumami.boundaries.box_rows import Turned
from tsumami.sampling.removals import completing

__all__ = ["THROUGH"]

#: llama.cpp limits base^length to e^88.7228391 (FLOAT_MAX_LOG); nothing is said from a little below that on.
_DRY_LIMIT: Final = 80.0


def _penalties(bounds: Bounds, knobs: Turned) -> Bounds:
    if knobs.turns("repeat_last_n"):
        fewest, most = (knobs.rows.seen_within(knobs.places[:, end])[:, bounds.ids] for end in (0, 1))
    else:
        fewest = most = knobs.rows.seen(knobs.whole("repeat_last_n"))[:, bounds.ids]
    ends = [knobs.ends(name) for name in ("repeat_penalty", "frequency_penalty", "presence_penalty")]
    return transfer.Penalties(fewest, most, *ends).apply(bounds)


def _dry(bounds: Bounds, knobs: Turned) -> Bounds:
    if knobs.turns("dry_multiplier", "dry_base"):
        return _dry_powers(bounds, knobs)
    if knobs.turns("dry_allowed_length", "dry_penalty_last_n"):
        return _dry_window(bounds, knobs)
    found = [trial.repetitions() for trial in knobs.rows.trials]
    taken = [one.amounts(knobs.settings.dry_multiplier, knobs.settings.dry_base) for one in found]
    amounts = knobs.rows.per_token(taken, 0.0)[:, bounds.ids].astype(np.float32)
    return transfer.Dry(amounts, amounts).apply(bounds)


def _dry_powers(bounds: Bounds, knobs: Turned) -> Bounds:
    """multiplier · base^length; the lengths stay. llama.cpp rounds that to a 32-bit float in the end; before, C's pow,
    the product, and NumPy's power are off by a few units of double precision.
    """
    many, root = knobs.ends("dry_multiplier"), knobs.ends("dry_base")
    found = [{token: float(n) for token, n in trial.repetitions().lengths.items()} for trial in knobs.rows.trials]
    length = knobs.rows.per_token(found, -1.0)
    longest = length.max(axis=1, keepdims=True)
    room = rounding.double_sum_of(16)
    with np.errstate(over="ignore"):
        low, high = (
            np.where(length >= 0, many[end] * root[end] ** np.maximum(length, 0) * part, 0.0).astype(np.float32)
            for end, part in ((0, 1 - room), (1, 1 + room))
        )
    limited = longest * np.log(root[1]) > _DRY_LIMIT
    return transfer.Dry(low, high).apply(bounds.lose(limited))


def _dry_window(bounds: Bounds, knobs: Turned) -> Bounds:
    """A longer window finds more and longer repetitions, a longer allowed length leaves less of them."""
    s, rows = knobs.settings, knobs.rows
    tokens, which = rows.table.tokens, rows.which.tolist()
    sides = []
    for end in (0, 1):
        made = np.zeros((len(which), tokens.shape[1]), np.float32)
        for i, (row, place) in enumerate(zip(which, knobs.places[:, end].tolist(), strict=True)):
            taken = rows.trials[row].repetitions(place).amounts(s.dry_multiplier, s.dry_base)
            for token, amount in taken.items():
                made[i, tokens[row] == token] = amount
        sides.append(made)
    return transfer.Dry(np.minimum(*sides), np.maximum(*sides)).apply(bounds)


def _no_repeat_ngram(bounds: Bounds, knobs: Turned) -> Bounds:
    """What completes n tokens that stood there before completes n - 1 of them, too: a smaller size bans more."""
    rows, size = knobs.rows, knobs.settings.no_repeat_ngram_size
    sizes = knobs.places if knobs.turns("no_repeat_ngram_size") else np.full((len(rows.which), 2), size)
    surely, perhaps = (rows.outside([completing(seen, n) for seen, n in rows.texts(sizes[:, end])]) for end in (0, 1))
    return ours.without(bounds, surely[:, bounds.ids], perhaps[:, bounds.ids])


def _temperature(bounds: Bounds, knobs: Turned) -> Bounds:
    names = ("temperature", "dynatemp_range", "dynatemp_exponent")
    value, spread, exponent = (knobs.ends(name) for name in names)
    if not np.any(spread[1] > 0):
        return transfer.temperature(bounds, *value)
    return transfer.dynamic_temperature(bounds, value, spread, exponent, _share(knobs) if knobs.turns(*names) else None)


def _share(knobs: Turned) -> tuple[Reals, Reals]:
    """Dynamic temperature's H / ln n, which does not depend on its knobs."""
    shares = np.array([trial.moved_logits.entropy_share for trial in knobs.rows.trials])[knobs.rows.which]
    return shares[:, :1], shares[:, 1:]


def _xtc(bounds: Bounds, knobs: Turned) -> Bounds:
    fires = knobs.rows.trials[int(knobs.rows.which[0])].fires
    return transfer.xtc(bounds, knobs.value("xtc_threshold"), knobs.keep, fires=fires)


#: What each stage of the order makes of bounds; its cutting knobs stay, the others may be turned.
THROUGH: Final[Mapping[str, Callable[[Bounds, Turned], Bounds]]] = MappingProxyType(
    {
        "penalties": _penalties,
        "dry": _dry,
        "no_repeat_ngram": _no_repeat_ngram,
        "top_n_sigma": lambda bounds, knobs: transfer.top_n_sigma(bounds, knobs.value("top_n_sigma")),
        "top_k": lambda bounds, knobs: transfer.top_k(bounds, knobs.whole("top_k")),
        "tfs_z": lambda bounds, knobs: transfer.tfs_z(bounds, knobs.value("tfs_z"), knobs.keep),
        "typ_p": lambda bounds, knobs: transfer.typ_p(bounds, knobs.value("typical_p"), knobs.keep),
        "epsilon_cutoff": lambda bounds, knobs: ours.epsilon_cutoff(bounds, knobs.value("epsilon_cutoff"), knobs.keep),
        "eta_cutoff": lambda bounds, knobs: ours.eta_cutoff(bounds, knobs.value("eta_cutoff"), knobs.keep),
        "top_p": lambda bounds, knobs: transfer.top_p(bounds, knobs.value("top_p"), knobs.keep),
        "min_p": lambda bounds, knobs: transfer.min_p(bounds, knobs.value("min_p"), knobs.keep),
        "top_a": lambda bounds, knobs: ours.top_a(bounds, knobs.value("top_a"), knobs.keep),
        "top_h": lambda bounds, knobs: ours.top_h(bounds, knobs.value("top_h")),
        "xtc": _xtc,
        "smoothing": lambda bounds, knobs: ours.smoothing(
            bounds, knobs.ends("smoothing_factor"), knobs.ends("smoothing_curve")
        ),
        "temperature": _temperature,
    }
)
