"""A Step is the same to the last bit whichever way its token was chosen: quickly, or past every stage's candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rows import KINDS, an_odd_row

from tsumami.runs.decision import Decision
from tsumami.runs.generate import _step
from tsumami.runs.values import Step
from tsumami.sampling import Chain, DeadEndError
from tsumami.settings import Settings

N_VOCAB = 4100
PROMPT = (5, 17, 5, 2999, 1024, 40, 17, 5)
MODES: dict[str, dict[str, Any]] = {
    "usual": {},
    "greedy": {"temperature": 0.0},
    "greedy, removed": {"temperature": 0.0, "no_repeat_ngram_size": 2},
    "mirostat 1": {"mirostat_mode": 1},
    "mirostat 2": {"mirostat_mode": 2, "temperature": 0.6},
    "typical": {"top_k": 0, "typical_p": 0.9},
    "tail-free": {"top_k": 0, "tfs_z": 0.9},
    "adaptive": {"adaptive_target": 0.4},
    "wide": {"top_k": 0, "top_p": 1.0, "min_p": 0.0},
}


def a_step(chain: Chain, row: np.ndarray, *, watched: bool) -> Step:
    choice = chain.choose(row, (lambda *_: None) if watched else None)
    chain.accept(choice.pick.token)
    return _step(Decision(choice, row), b"", "", lambda _: b"")


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    mode=st.sampled_from(list(MODES)),
    penalty=st.sampled_from([1.0, 1.2]),
    bias=st.dictionaries(
        st.integers(0, N_VOCAB - 1), st.floats(-20, 20, width=32) | st.just(float("-inf")), max_size=5
    ),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 999),
)
def test_every_number_of_a_step_is_that_of_the_whole_way(
    mode: str, penalty: float, bias: dict[int, float], kind: str, seed: int
) -> None:
    drawn = Settings.from_mapping({"repeat_penalty": penalty, "logit_bias": bias, **MODES[mode]})
    chains, dice = [], np.random.default_rng(seed)
    for _ in range(2):
        chains.append(Chain.from_settings(drawn, seed=seed, n_vocab=N_VOCAB))
        chains[-1].accept_prompt(PROMPT)
    for _ in range(3):
        row = an_odd_row(kind, N_VOCAB, dice)
        try:
            whole = a_step(chains[0], row, watched=True)
        except DeadEndError:
            with pytest.raises(DeadEndError):
                a_step(chains[1], row, watched=False)
            return
        assert a_step(chains[1], row, watched=False) == whole


def test_a_greedy_choice_needs_only_the_two_largest() -> None:
    """Where the second largest is their equal it needs all, because the first in order counts."""
    chain = Chain.from_settings(Settings.from_mapping({"temperature": 0.0}), seed=0, n_vocab=N_VOCAB)
    row = an_odd_row("usual", N_VOCAB, np.random.default_rng(1))
    choice = chain.choose(row)
    assert len(choice.candidates) == 2
    assert choice.n_candidates == N_VOCAB
    row[77] = row[4000] = 50
    choice = chain.choose(row)
    assert (choice.pick.token, len(choice.candidates)) == (77, N_VOCAB)
