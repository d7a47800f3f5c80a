"""A chain carried over to other settings is the chain that these settings would have in the same place."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy

from tsumami.errors import SettingsError
from tsumami.sampling import Chain
from tsumami.sampling.building import Origin
from tsumami.settings import Settings

N = 60
PROMPT = (1, 2, 3, 1, 2, 3, 1, 2)
REPLY = (3, 1, 2, 3, 9, 1)
FREE = {"logit_bias": (), "grammar": None, "json_schema": None}
TOKENS_ONLY = {**FREE, "mirostat_mode": 0, "adaptive_target": -1, "xtc_probability": 0.0}


def row(index: int) -> np.ndarray:
    return np.random.default_rng(index).gumbel(0, 2, N).astype(np.float32)


def fresh(made: Settings, seed: int = 3) -> Chain:
    chain = Chain.from_settings(made, seed=seed, n_vocab=N)
    chain.accept_prompt(PROMPT)
    return chain


def walked(made: Settings, seed: int = 3) -> Chain:
    """A chain that has chosen (whatever it was, REPLY is what was taken)."""
    chain = fresh(made, seed)
    for index, token in enumerate(REPLY):
        chain.choose(row(index))
        chain.accept(token)
    return chain


def future(chain: Chain) -> list[tuple[int, float | None, bytes]]:
    """What a chain does with the next rows."""
    found = []
    chain = chain.clone()
    for index in range(10, 14):
        choice = chain.choose(row(index))
        found.append((choice.pick.token, choice.pick.u, choice.candidates.data.tobytes()))
        chain.accept(choice.pick.token)
    return found


@settings(max_examples=200, deadline=None)
@given(settings_strategy(**TOKENS_ONLY), settings_strategy(**TOKENS_ONLY))
def test_a_variant_is_the_chain_built_from_nothing(first: Settings, second: Settings) -> None:
    expected = fresh(second)
    expected.follow(REPLY)
    assert future(walked(first).variant(second)) == future(expected)


@settings(max_examples=100, deadline=None)
@given(settings_strategy(**FREE))
def test_a_variant_with_the_same_settings_goes_on_as_the_chain_itself(made: Settings) -> None:
    chain = walked(made)
    assert future(chain.variant(made)) == future(chain)
    assert chain.reply == list(REPLY)


@settings(max_examples=100, deadline=None)
@given(settings_strategy(**FREE), settings_strategy(**FREE))
def test_what_is_carried_from_the_chain_that_has_it_is_that_chain(first: Settings, second: Settings) -> None:
    mine, other = walked(first), walked(second, seed=8)
    made = Chain.carried(other.origin, other, mine)
    assert future(made) == future(other)


@settings(max_examples=60, deadline=None)
@given(settings_strategy(**TOKENS_ONLY))
def test_following_leaves_the_state_that_choosing_leaves(made: Settings) -> None:
    followed = fresh(made)
    assert not followed.remembers_rows
    followed.follow(REPLY)
    assert future(followed) == future(walked(made))


def test_another_xtc_throws_the_same_coin() -> None:
    base = Settings(xtc_probability=0.5, xtc_threshold=0.01, top_k=0, min_p=0.0, top_p=1.0)
    chain, coins = walked(base), []
    for threshold in (0.01, 0.02):
        made = chain.variant(base.replace(xtc_threshold=threshold))
        fired = []
        for index in range(20, 60):
            before = chain.variant(base.replace(xtc_probability=0.0)).process(row(index))
            fired.append(len(made.process(row(index))) < len(before))
        coins.append(fired)
    assert coins[0] == coins[1]
    assert 0 < sum(coins[0]) < 40


def test_a_prompt_can_be_changed_and_the_reply_stays() -> None:
    made = Settings(presence_penalty=5.0, temperature=0)
    chain = fresh(made)
    chain.follow(REPLY)
    moved = Chain.carried(dataclasses.replace(chain.origin, prompt=(7, 7)), chain)
    expected = Chain.from_settings(made, seed=3, n_vocab=N)
    expected.accept_prompt((7, 7))
    expected.follow(REPLY)
    assert future(moved) == future(expected)


@given(st.sampled_from([1, 2]))
def test_mirostat_cannot_begin_in_the_middle(mode: int) -> None:
    chain = walked(Settings())
    with pytest.raises(SettingsError, match="mirostat can be gone on with only"):
        chain.variant(Settings(mirostat_mode=mode))
    assert Chain.carried(Origin(Settings(mirostat_mode=mode), 3, N), fresh(Settings())).remembers_rows


def test_the_prompt_is_not_shown_where_penalize_prompt_is_off() -> None:
    made = Settings(presence_penalty=5.0, temperature=0, penalize_prompt=False)
    seen, unseen = fresh(made), Chain.from_settings(made, seed=3, n_vocab=N)
    assert future(seen) == future(unseen)
    shown = seen.variant(made.replace(penalize_prompt=True))
    assert future(shown) == future(fresh(made.replace(penalize_prompt=True)))
