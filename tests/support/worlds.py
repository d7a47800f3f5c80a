"""Small models whose every distribution is known or repeatable, for many runs in little time."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.support.strategies import knob_values, settings_strategy

from tsumami.knobs import KNOBS
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel

N_VOCAB = 258
PROMPT = "abcabc"
#: Knobs that end a run, or that need a real vocabulary.
FIXED: dict[str, Any] = {
    "max_tokens": 8,
    "stop": (),
    "grammar": None,
    "json_schema": None,
    "regex": None,
    "logit_bias": (),
}


def noise(tokens: tuple[int, ...]) -> np.ndarray:
    """Logits that depend on the last three tokens and look like a model's: a few large ones, a long tail."""
    digest = hashlib.sha256(bytes(token % 256 for token in tokens[-3:])).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    return rng.gumbel(0, 2.5, N_VOCAB).astype(np.float32)


def world(name: str = "noise") -> ScriptedModel:
    """A model of noise."""
    return ScriptedModel(noise, name=name)


def fixed_world(shares: dict[str, float], name: str = "fixed") -> ScriptedModel:
    """A model that always gives these characters these probabilities, whatever came before."""
    row = np.full(N_VOCAB, -np.inf, np.float32)
    for character, share in shares.items():
        row[ord(character)] = np.log(share)
    return ScriptedModel(lambda _: row, name=name)


def seeded(**fixed: Any) -> st.SearchStrategy[Settings]:
    """Random settings with a seed that is said."""
    return st.builds(
        lambda drawn, seed: drawn.replace(seed=seed),
        settings_strategy(**{**FIXED, **fixed}),
        st.integers(0, 5),
    )


@st.composite
def pairs(draw: st.DrawFn, **fixed: Any) -> tuple[Settings, Settings]:
    """Two settings: independent, or alike but for one knob or two, so that runs part late, too."""
    first = draw(seeded(**fixed))
    changes = draw(st.integers(0, 2))
    if changes == 0:
        return first, draw(seeded(**fixed))
    movable = [name for name in KNOBS if name not in {*FIXED, *fixed, "seed", "penalty_alpha"}]
    names = draw(st.lists(st.sampled_from(movable), min_size=changes, max_size=changes, unique=True))
    return first, first.replace(**{name: draw(knob_values(name)) for name in names})
