"""Texts that name tokens: a bias by text, and tokens that no penalty and no DRY counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.errors import SettingsError
from tsumami.model import Model
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.token_texts import biased_tokens, end_tokens, meant
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer

TEXTS = ByteTokenizer(words=["ab", "ab", "は"])
TWO_ABS = (258, 259)
N = TEXTS.n_tokens
PLAIN = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "top_k": 0}


def chain_of(**knobs: Any) -> Chain:
    return Chain.from_settings(Settings.from_mapping({**PLAIN, **knobs}), seed=0, n_vocab=N, texts=TEXTS)


def logits_of(chain: Chain) -> np.ndarray:
    """By id; -inf for what was removed."""
    candidates = Candidates.from_logits(np.zeros(N))
    chain.apply(candidates)
    made = np.full(N, -np.inf)
    made[candidates.ids] = candidates.logits
    return made


def test_what_ends_a_reply_is_what_the_vocabulary_says() -> None:
    assert end_tokens(TEXTS) == (TEXTS.end,)


@pytest.mark.parametrize(
    ("entries", "tokens"),
    [
        (["a"], {97}),
        (["ab"], set(TWO_ABS)),  # every token that is exactly it
        (["<[3]>", "<[258]>"], {3, 258}),
        (["<|end|>"], {256}),
        (["xyx"], {120, 121}),  # none is: those that it is spelt with
        (["は", "ひ"], {260, *"ひ".encode()}),
        ([], set()),
    ],
)
def test_a_text_means_every_token_that_is_exactly_it(entries: list[str], tokens: set[int]) -> None:
    assert meant(TEXTS, "penalize_except", entries) == tokens


@pytest.mark.parametrize(
    ("biases", "added"),
    [
        ([("a", 2.0)], {97: 2.0}),
        ([("ab", 2.0)], dict.fromkeys(TWO_ABS, 2.0)),
        ([("a", 2.0), ("<[97]>", 1.0)], {97: 3.0}),
        ([("xy", 2.0)], {120: 2.0}),
        ([("xy", 2.0), ("x", -1.0)], {120: -1.0, 121: 2.0}),  # x is reached otherwise, so y stands for xy
        ([("xy", 2.0), ("x", -1.0), ("y", 0.5)], {120: -1.0, 121: 0.5}),
        ([("xy", 2.0), ("xz", 3.0)], {120: 2.0, 122: 3.0}),
        ([("a", float("-inf")), ("<[97]>", 5.0)], {97: float("-inf")}),
    ],
)
def test_a_bias_by_text_reaches_the_tokens_that_it_should(
    biases: list[tuple[str, float]], added: dict[int, float]
) -> None:
    assert biased_tokens(TEXTS, biases) == added
    moved = logits_of(chain_of(text_bias=biases))
    assert {token: moved[token] for token in np.flatnonzero(moved).tolist()} == added


def test_a_bias_by_id_and_one_by_text_add_up() -> None:
    moved = logits_of(chain_of(text_bias={"a": 1.5, "b": 1.0}, logit_bias={97: 2.0, 99: 3.0}))
    assert (moved[97], moved[98], moved[99]) == (3.5, 1.0, 3.0)


@pytest.mark.parametrize("knob", ["text_bias", "penalize_except"])
def test_an_id_beyond_the_vocabulary_is_refused(knob: str) -> None:
    value: Any = {"<[9999]>": 1.0} if knob == "text_bias" else [9999]
    with pytest.raises(SettingsError, match=f"{knob} names token 9999"):
        chain_of(repeat_penalty=1.2, **{knob: value})


def test_without_a_vocabulary_texts_are_left_out() -> None:
    made = Settings(text_bias={"a": 3.0}, penalize_except=["a"], presence_penalty=1.0)
    chain = Chain.from_settings(made, seed=0, n_vocab=9)
    chain.accept_prompt([1])
    assert len(chain.process(np.zeros(9, np.float32))) > 0


PENALTIES: dict[str, dict[str, Any]] = {
    "repeat": {"repeat_penalty": 2.0},
    "frequency": {"frequency_penalty": 0.5, "presence_penalty": 0.25},
    "dry": {"dry_multiplier": 1.0, "dry_allowed_length": 1},
}


@pytest.mark.parametrize("name", PENALTIES)
@given(st.lists(st.integers(0, 3), max_size=30), st.sets(st.integers(0, 3), max_size=2), st.integers(1, 12))
def test_what_is_not_counted_might_as_well_not_stand_in_the_text(
    name: str, text: list[int], exempt: set[int], window: int
) -> None:
    knobs = {**PENALTIES[name], "repeat_last_n": window, "dry_penalty_last_n": window}
    mine, other = chain_of(penalize_except=sorted(exempt), **knobs), chain_of(**knobs)
    half = len(text) // 2
    for chain, seen in ((mine, (text[:half], text[half:])), (other, _without(exempt, text, half))):
        chain.accept_prompt(seen[0])
        for token in seen[1]:
            chain.accept(token)
    row = np.random.default_rng(0).normal(0, 3, N).astype(np.float32)
    one, two = Candidates.from_row(row), Candidates.from_row(row)
    mine.apply(one)
    other.apply(two)
    assert one.data.tobytes() == two.data.tobytes()
    assert all(row[token] == one.data["logit"][token] for token in exempt)
    again = other.variant(mine.origin.settings)
    assert not exempt or again.origin.settings.penalize_except


def _without(exempt: set[int], text: list[int], half: int) -> tuple[list[int], list[int]]:
    return [t for t in text[:half] if t not in exempt], [t for t in text[half:] if t not in exempt]


def test_the_real_vocabulary_knows_its_line_break_and_its_end(model: Model) -> None:
    tokens = meant(model.vocab, "penalize_except", ["\n", "<|im_end|>"])
    assert {model.vocab.piece(token) for token in tokens} == {b"\n", b"<|im_end|>"}
    assert set(end_tokens(model.vocab)) >= {model.vocab.eos}
    made = biased_tokens(model.vocab, [(" town", 4.0), ("colourlessly", 1.0)])
    assert next(model.vocab.piece(token) for token in made) == b" town"
    assert len(made) == 2
