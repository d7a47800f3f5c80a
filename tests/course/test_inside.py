"""The shapes are the loaded model's, and that attention is causal is tried, not claimed."""

from __future__ import annotations

import pytest

import tsumami
from tsumami.course import parts, sees, try_causality
from tsumami.errors import EmptyPromptError, PromptTooLongError

PROMPT = "The sky above the city looked calm, but"


def test_the_stations_have_the_models_shapes(smollm2: tsumami.Model) -> None:
    n = len(smollm2.tokenize(PROMPT))
    shapes = {part.name: (part.shape, part.times) for part in parts(smollm2, PROMPT)}
    assert shapes["embeddings"] == ((n, 576), 1)  # SmolLM2-135M: 30 blocks of 9 heads on 576 numbers a token
    assert shapes["attention"] == ((9, n, n), 30)
    assert shapes["logits"] == ((49152,), 1)
    assert list(shapes) == ["ids", "embeddings", "attention", "hidden", "last", "logits", "probabilities"]


def test_a_position_sees_itself_and_what_stands_before(model: tsumami.Model) -> None:
    table = sees(model, PROMPT)
    n = len(model.tokenize(PROMPT))
    assert len(table) == n * n
    assert table["seen"].tolist() == (table["column"] <= table["row"]).tolist()
    assert "".join(table[table["row"] == 0]["column_piece"]) == PROMPT


def test_text_behind_a_position_does_not_move_one_bit(model: tsumami.Model) -> None:
    trial = try_causality(model, PROMPT, " then, at midnight, every lamp went out")
    assert trial.largest_change == 0.0
    assert trial.n_logits == trial.n_positions * model.shape.n_vocab


def test_an_empty_text_has_no_position(model: tsumami.Model) -> None:
    with pytest.raises(EmptyPromptError):
        try_causality(model, "", "more")


def test_of_a_long_text_the_first_24_positions_are_looked_at(model: tsumami.Model) -> None:
    text = "The lamp was lit. " * 100
    assert len(sees(model, text)) == 24 * 24
    assert try_causality(model, text, " and out").n_positions == 24
    assert parts(model, text)[0].shape == (len(model.tokenize(text)),)


def test_a_text_beyond_the_context_is_refused(model: tsumami.Model) -> None:
    with pytest.raises(PromptTooLongError, match=str(model.n_ctx)):
        parts(model, "lamp " * (model.n_ctx + 1))
