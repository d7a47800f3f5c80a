"""One token to be chosen again: a small vocabulary, a history with repetitions, and the chain of any settings there."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsumami.boundaries.axis import Axis
from tsumami.boundaries.trial import DEAD_END, Trial
from tsumami.errors import DeadEndError
from tsumami.native import Float32Array
from tsumami.sampling import Chain
from tsumami.settings import Settings

N_VOCAB = 300
HISTORY = (5, 9, 3, 5, 9, 3, 8, 5, 9, 5, 9, 3, 5)


def some_row(seed: int, n_vocab: int = N_VOCAB) -> Float32Array:
    """Noise, in which what was said before is likely."""
    row = np.random.default_rng(seed).normal(0, 3, n_vocab).astype(np.float32)
    row[[5, 9, 3]] += np.float32(4)
    return row


def chain_at(settings: Settings, axis: Axis, place: int, n_vocab: int = N_VOCAB) -> Chain:
    """The whole chain with the value at a place."""
    made = settings.replace(**{axis.knob.name: axis.value(place)})
    chain = Chain.from_settings(made, seed=3, n_vocab=n_vocab)
    chain.accept_prompt(HISTORY)
    return chain


def token_at(settings: Settings, axis: Axis, place: int, row: Float32Array) -> int:
    """The token that it chooses."""
    try:
        return chain_at(settings, axis, place, len(row)).choose(row).pick.token
    except DeadEndError:
        return DEAD_END


def trial_at(settings: Settings, axis: Axis, place: int, row: Float32Array, **more: Any) -> Trial:
    """The trial that is made with the value at a place."""
    return Trial(chain_at(settings, axis, place, len(row)), axis, row, **more)
