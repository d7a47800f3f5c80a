"""The stage that heals: as long as text of the prompt's end is to come, only what goes on with it can be chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami import Model
from tsumami.sampling import Candidates
from tsumami.sampling.healing import HealStage, fitting, n_taken_back
from tsumami.testing import ByteTokenizer

WORDS = ("://", ":/", "http", " the", " then", "<|e", "も".encode()[:2], "もの")
TEXTS = ByteTokenizer(WORDS)


def word(text: str | bytes) -> int:
    return 258 + WORDS.index(text)


def by_definition(text: bytes) -> set[int]:
    pieces = {token: TEXTS.piece(token) for token in range(TEXTS.n_tokens) if not TEXTS.is_control(token)}
    return {token for token, piece in pieces.items() if piece.startswith(text) or text.startswith(piece)}


@given(st.sampled_from(WORDS) | st.binary(min_size=1, max_size=4) | st.text(":/htepn <|もの", min_size=1, max_size=4))
def test_what_fits_is_what_goes_on_with_the_text(given_text: str | bytes) -> None:
    text = given_text if isinstance(given_text, bytes) else given_text.encode()
    found = fitting(TEXTS, text).tolist()
    assert len(found) == len(set(found))
    assert set(found) == by_definition(text)


def test_the_stage_ends_when_the_text_is_complete() -> None:
    stage = HealStage(TEXTS, b":/")
    for token, rest in ((ord(":"), b"/"), (word("://"), b""), (word(":/"), b"")):
        one = stage.clone()
        left = Candidates.from_row(np.zeros(TEXTS.n_tokens, np.float32))
        one.apply(left)
        assert set(left.ids.tolist()) == by_definition(b":/")
        one.accept(token)
        assert one.idle == (None if rest else "healed")
        if rest:
            one.apply(left := Candidates.from_row(np.zeros(TEXTS.n_tokens, np.float32)))
            assert set(left.ids.tolist()) == by_definition(rest)
    assert stage.idle is None


def test_where_nothing_fits_everything_is_forbidden() -> None:
    candidates = Candidates.from_row(np.zeros(3, np.float32))
    HealStage(TEXTS, b":").apply(candidates)
    assert (candidates.data["logit"] == -np.inf).all()


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("http:", 1),  # :/ and :// begin with it
        ("x:/", 1),  # one token, and :// begins with it
        ("x the", 1),  # " then"
        ("x then", 0),  # nothing is longer
        ("x th", 3),
        ("htt", 0),  # the first stays
        ("xhtt", 3),
        ("a", 0),
        ("", 0),
        ("<|begin|>:", 1),
        ("x:<|begin|>", 0),  # a mark is no text
        ("x<", 1),
        ("xも", 2),  # the two tokens of one letter, with which もの begins
    ],
)
def test_how_much_is_taken_back(prompt: str, count: int) -> None:
    assert n_taken_back(TEXTS, TEXTS.tokenize(prompt.encode(), parse_special=True)) == count


def test_a_real_vocabulary(model: Model) -> None:
    tokens = model.tokenize("See http:")
    assert n_taken_back(model.tokenizer, tokens) == 1
    assert model.tokenize("://")[0] in fitting(model.tokenizer, b":").tolist()
    assert not any(model.tokenizer.is_control(token) for token in fitting(model.tokenizer, b"<").tolist())
