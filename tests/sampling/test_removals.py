"""Tokens that are taken out: repeats, and what ends a reply."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.sampling import Candidates, Chain, DeadEndError
from tsumami.sampling.removals import completing
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer

TEXTS = ByteTokenizer()
END = TEXTS.end
PLAIN = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0}


def rows_of(text: Iterable[int], size: int) -> set[tuple[int, ...]]:
    seen = list(text)
    return {tuple(seen[i : i + size]) for i in range(len(seen) - size + 1)}


@given(st.lists(st.integers(0, 3), max_size=14), st.integers(1, 6))
def test_a_token_completes_a_repeat_if_the_rows_say_so(seen: list[int], size: int) -> None:
    expected = {
        token for token in range(5) if size <= len(seen) and not rows_of([*seen, token], size) - rows_of(seen, size)
    }
    assert set(completing(seen, size)) == expected
    assert set(completing(seen, size + 1)) <= set(completing(seen, size))


def chain_of(**knobs: object) -> Chain:
    return Chain.from_settings(Settings.from_mapping({**PLAIN, **knobs}), seed=0, n_vocab=TEXTS.n_tokens, texts=TEXTS)


def sure_of(token: int) -> np.ndarray:
    row = np.zeros(TEXTS.n_tokens, np.float32)
    row[token] = 50
    return row


@pytest.mark.parametrize("mode", [{}, {"temperature": 0}, {"mirostat_mode": 2}, {"top_k": 5}])
@pytest.mark.parametrize(("knobs", "held"), [({"min_tokens": 3}, 3), ({"ignore_eos": True}, 9), ({"min_tokens": 0}, 0)])
def test_end_tokens_are_held_back_as_long_as_they_should_be(
    mode: dict[str, object], knobs: dict[str, object], held: int
) -> None:
    chain = chain_of(**mode, **knobs)
    chain.accept_prompt([1, 2, 3, 4])  # a prompt is no part of the reply
    for step in range(8):
        token = chain.choose(sure_of(END)).pick.token
        assert (token == END) == (step >= held)
        chain.accept(token)


def test_a_chain_carried_over_holds_them_back_from_where_the_reply_is() -> None:
    chain = chain_of()
    for token in (5, 6):
        chain.accept(token)
    made = chain.variant(chain.origin.settings.replace(min_tokens=3))
    assert made.choose(sure_of(END)).pick.token != END
    made.accept(7)
    assert made.choose(sure_of(END)).pick.token == END


def test_where_nothing_but_an_end_is_left_it_is_a_dead_end() -> None:
    only_the_end = {token: float("-inf") for token in range(TEXTS.n_tokens) if token != END}
    with pytest.raises(DeadEndError):
        chain_of(ignore_eos=True, logit_bias=only_the_end).choose(sure_of(END))


def test_where_nobody_knows_what_ends_a_reply_nothing_is_held_back() -> None:
    chain = Chain.from_settings(Settings(ignore_eos=True), seed=0, n_vocab=9)
    assert len(chain.process(np.zeros(9, np.float32))) > 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_clone_goes_on_with_a_text_of_its_own(size: int) -> None:
    chain = chain_of(no_repeat_ngram_size=size)
    chain.accept_prompt([1, 2, 1, 2])
    clone = chain.clone()
    clone.accept(7)
    left = [one.process(np.zeros(TEXTS.n_tokens, np.float32)).ids.tolist() for one in (chain, clone)]
    assert left[0] == [t for t in range(TEXTS.n_tokens) if t not in completing([1, 2, 1, 2], size)]
    assert left[1] == [t for t in range(TEXTS.n_tokens) if t not in completing([1, 2, 1, 2, 7], size)]


def test_what_is_removed_is_not_there_for_the_stages_behind() -> None:
    """So that typical-p never meets a probability of 0."""
    chain = chain_of(no_repeat_ngram_size=1, typical_p=0.99)
    chain.accept_prompt([0, 1])
    candidates = Candidates.from_logits(np.zeros(4))
    chain.apply(candidates)
    assert candidates.ids.tolist() == [2, 3]
