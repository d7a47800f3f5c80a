"""Contrastive search equals its formula, computed slowly and plainly from bare feeds."""

from __future__ import annotations

import numpy as np
import pytest

import tsumami
from tsumami.engine import Sequence
from tsumami.errors import EngineError, SettingsError
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

N_TOKENS = 12
PROMPTS = [
    ("DeepMind Company is", {"penalty_alpha": 0.6, "top_k": 4}),
    ("Once upon a time there was a lamp that", {"penalty_alpha": 0.3, "top_k": 6}),
    ("発光ダイオードは", {"penalty_alpha": 0.8, "top_k": 2}),
    ("The sky above the city looked calm, but", {"penalty_alpha": 0.6, "top_k": 8}),
    ("The lamp, the lamp, the lamp and", {"penalty_alpha": 0.5, "top_k": 5, "repeat_penalty": 1.2}),
]


def unit(states: np.ndarray) -> np.ndarray:
    return states.astype(np.float64) / np.linalg.norm(states.astype(np.float64), axis=-1, keepdims=True)


def reference(
    model: tsumami.Model, prompt: str, alpha: float, k: int, repeat_penalty: float
) -> list[dict[int, tuple[float, float, float]]]:
    """Per step: candidate -> (confidence, penalty, score), by the formula of Su et al. 2022, one token at a time."""
    tokens = model.tokenize(prompt)
    first = model.engine.feed(Sequence(), tokens, rows="all", hidden=True)
    context, row = unit(first.hidden), first.last
    steps = []
    for _ in range(N_TOKENS):
        logits = row.astype(np.float64)
        for seen in set(tokens[-64:]):
            logits[seen] = logits[seen] / repeat_penalty if logits[seen] > 0 else logits[seen] * repeat_penalty
        probs = np.exp(logits - logits.max())
        probs /= probs.sum()
        terms, after = {}, {}
        for candidate in np.argsort(-probs, kind="stable")[:k].tolist():
            rows = model.engine.feed(Sequence(), [*tokens, candidate], hidden=True)
            state = unit(rows.hidden)
            penalty = max(float(state[0] @ earlier) for earlier in context)
            terms[candidate] = (probs[candidate], penalty, (1 - alpha) * probs[candidate] - alpha * penalty)
            after[candidate] = (state, rows.last)
        best = max(terms, key=lambda candidate: terms[candidate][2])
        steps.append(terms)
        tokens = [*tokens, best]
        context, row = np.concatenate([context, after[best][0]]), after[best][1]
    return steps


@pytest.mark.parametrize(("prompt", "knobs"), PROMPTS, ids=[prompt for prompt, _ in PROMPTS])
def test_it_equals_the_formula(model: tsumami.Model, prompt: str, knobs: dict[str, float]) -> None:
    made = Settings.from_mapping({"repeat_penalty": 1.0, "max_tokens": N_TOKENS, "seed": 0, **knobs})
    run = model.run(prompt, made, ledger=True)
    assert run.stop_reason == "length"
    expected = reference(model, prompt, made.penalty_alpha, made.top_k, made.repeat_penalty)
    for step, ledger, terms in zip(run.steps, run.ledgers, expected, strict=True):
        got = {term.id: (term.confidence, term.penalty, term.score) for term in ledger.contrast}
        assert got.keys() == terms.keys()
        for candidate, values in got.items():
            assert values == pytest.approx(terms[candidate], abs=1e-5)
        assert step.id == max(terms, key=lambda candidate: terms[candidate][2])
        assert (step.p_final, step.n_candidates) == (1.0, 1)


def test_a_long_prompt_is_fed_in_pieces_with_every_hidden_state(model: tsumami.Model) -> None:
    prompt = "The lamp was lit and the lamp was out. " * 12
    assert len(model.tokenize(prompt)) > 64
    knobs = {"penalty_alpha": 0.6, "top_k": 3, "repeat_penalty": 1.0}
    run = model.run(prompt, max_tokens=2, ledger=True, **knobs)
    first = model.engine.feed(Sequence(), model.tokenize(prompt), rows="all", hidden=True)
    for term in run.ledger(0).contrast:
        rows = model.engine.feed(Sequence(), [*model.tokenize(prompt), term.id], hidden=True)
        assert term.penalty == pytest.approx(float((unit(first.hidden) @ unit(rows.hidden)[0]).max()), abs=1e-5)


def test_nothing_is_rolled_so_the_seed_does_not_matter(model: tsumami.Model) -> None:
    one, two = (model.run("A lamp", penalty_alpha=0.6, top_k=4, max_tokens=8, seed=seed) for seed in (1, 2))
    assert one.tokens == two.tokens


@pytest.mark.parametrize("prompt", [prompt for prompt, _ in PROMPTS])
def test_alpha_0_equals_greedy(model: tsumami.Model, prompt: str) -> None:
    greedy = model.run(prompt, temperature=0, max_tokens=N_TOKENS)
    off = model.run(prompt, temperature=0, max_tokens=N_TOKENS, penalty_alpha=0, top_k=4)
    almost_off = model.run(prompt, max_tokens=N_TOKENS, penalty_alpha=1e-12, top_k=4)  # the search itself, at its limit
    assert greedy.tokens == off.tokens == almost_off.tokens


def test_alpha_0_is_not_contrastive() -> None:
    assert Settings(penalty_alpha=0, top_k=4).mode == "sample"
    run = ScriptedModel(saying("ab")).run("x", penalty_alpha=0, top_k=4, ledger=True)
    assert run.ledger(0).contrast == ()


def test_top_k_1_leaves_nothing_to_compare_and_is_refused() -> None:
    with pytest.raises(SettingsError, match="top_k must be 2 or more, not 1"):
        Settings(penalty_alpha=0.6, top_k=1)


def test_alpha_1_looks_at_the_penalty_alone() -> None:
    # b is likelier, but its state is the context's own; a's is at a right angle to it
    def script(tokens: tuple[int, ...]) -> np.ndarray:
        row = np.zeros(258, np.float32)
        row[[97, 98]] = 10, 12
        return row

    states = {97: [0.0, 1.0], 98: [1.0, 0.0], 120: [2.0, 0.0]}
    model = ScriptedModel(script, hidden=lambda tokens: states[tokens[-1]])
    run = model.run("x", penalty_alpha=1.0, top_k=2, max_tokens=1, repeat_penalty=1.0, ledger=True)
    assert run.text == "a"
    assert [(term.id, term.penalty) for term in run.ledger(0).contrast] == [(98, 1.0), (97, 0.0)]


def test_a_state_of_zeros_has_no_direction_and_no_penalty() -> None:
    model = ScriptedModel(saying("ab"), hidden=lambda tokens: [0.0, 0.0])
    run = model.run("x", penalty_alpha=0.5, top_k=3, max_tokens=2, ledger=True)
    assert run.text == "ab"
    assert {term.penalty for term in run.ledger(0).contrast} == {0.0}


def test_forbidden_candidates_are_not_tried() -> None:
    model = ScriptedModel(saying("ab"), hidden=lambda tokens: [1.0, 0.0])
    banned = {token: float("-inf") for token in range(258) if token not in (97, 99)}
    run = model.run("x", penalty_alpha=0.5, top_k=4, max_tokens=1, logit_bias=banned, ledger=True)
    assert {term.id for term in run.ledger(0).contrast} == {97, 99}


def test_a_model_without_hidden_states_says_so_and_what_to_do() -> None:
    model = ScriptedModel(saying("ab"))
    with pytest.raises(EngineError, match=r"hidden states.*set penalty_alpha to 0"):
        model.run("x", penalty_alpha=0.5, top_k=3)


def test_a_cancelled_search_leaves_no_fork_behind(model: tsumami.Model) -> None:
    with model.stream("A lamp", penalty_alpha=0.6, top_k=8, max_tokens=0) as stream:
        next(iter(stream))
    assert stream.run.stop_reason == "cancelled"
    usage = model.engine.usage()
    assert (usage.programs, usage.live_sequences) == (0, 0)
