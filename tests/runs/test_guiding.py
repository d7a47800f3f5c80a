"""Guidance: two sequences, combined as the formula says; a scale of 1 changes nothing, and all can be explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.intervals import assert_holds
from tests.support.maps import assert_whole
from tests.support.strategies import settings_strategy
from tests.support.worlds import FIXED, N_VOCAB, PROMPT, noise

import tsumami
from tsumami.engine import Feed, Program, Sequence
from tsumami.errors import PromptTooLongError, SettingsError
from tsumami.explain import audit, divergence, why_not
from tsumami.explain.tokens import look, next_token
from tsumami.explore.design import Design
from tsumami.explore.grids import plan_grid
from tsumami.explore.grids.gridding import Gridding
from tsumami.explore.intervals import intervals
from tsumami.explore.maps import Mapping
from tsumami.runs import Prompt, Run, verify
from tsumami.runs.going_on import go_on
from tsumami.runs.restore import restore
from tsumami.sampling import Candidates, Chain, DeadEndError
from tsumami.sampling.guidance import GuidedRow, guided
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel


def far(tokens: tuple[int, ...]) -> np.ndarray:
    """Noise that also depends on how the prompt begins."""
    return noise((tokens[0], *tokens[-2:]))


def told_apart() -> ScriptedModel:
    return ScriptedModel(far)


WORLD = told_apart()
START = tuple(PROMPT.encode())
NEGATIVE = "cba"
GUIDED = Settings(guidance_scale=1.8, negative_prompt=NEGATIVE, seed=3, max_tokens=12)


def opened(negative: str) -> tuple[int, ...]:
    """A negative prompt as a model gets it: with what it wants in front of every text."""
    return (WORLD.tokenizer.begin, *negative.encode())


def combined(row: np.ndarray, other: np.ndarray, scale: float) -> np.ndarray:
    """The formula, from the probabilities themselves."""
    p, n = (np.exp(one.astype(np.float64) - one.max()) for one in (row, other))
    p, n = np.log(p / p.sum()), np.log(n / n.sum())
    return n + scale * (p - n)


def by_hand(made: Settings, prompt: tuple[int, ...], negative: tuple[int, ...]) -> list[int]:
    """The tokens that a chain without guidance chooses from rows that were combined before."""
    chain = Chain.from_settings(
        made.replace(guidance_scale=1), seed=made.seed, n_vocab=N_VOCAB, texts=WORLD.tokenizer, n_ctx=512
    )
    chain.accept_prompt(prompt)
    tokens: list[int] = []
    while len(tokens) < made.max_tokens and WORLD.tokenizer.end not in tokens:
        row = guided(far((*prompt, *tokens)), far((*negative, *tokens)), made.guidance_scale)
        try:
            tokens.append(chain.choose(row).pick.token)
        except DeadEndError:
            break
        chain.accept(tokens[-1])
    return tokens


@given(st.integers(0, 99), st.floats(0, 20, width=32))
def test_it_is_the_formula_rounded_once(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    row, other = (rng.normal(0, 4, 50).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(guided(row, other, scale), combined(row, other, scale), rtol=1e-6, atol=1e-5)


def test_what_one_side_gives_no_chance_stays_as_the_prompt_has_it() -> None:
    row, other = np.float32([0, 1, -np.inf, 2]), np.float32([0, -np.inf, 1, -np.inf])
    found = guided(row, other, 3.0)
    assert found[2] == -np.inf
    assert np.isfinite(found[[0, 1, 3]]).all()


@settings(max_examples=20, deadline=None)
@given(
    settings_strategy(**FIXED, banned_texts=(), guidance_scale=1),
    st.floats(0, 5, width=32).filter(lambda scale: scale != 1),
    st.sampled_from([None, "cba", "abcabc", "zzz"]),
    st.integers(0, 99),
)
def test_a_run_is_what_combining_by_hand_gives(made: Settings, scale: float, negative: str | None, seed: int) -> None:
    made = made.replace(guidance_scale=scale, negative_prompt=negative, seed=seed)
    run = WORLD.run(PROMPT, made)
    assert list(run.tokens) == by_hand(made, START, opened(negative) if negative else START[-1:])
    looked = WORLD.run(PROMPT, made, ledger=True)
    assert looked.steps == run.steps
    assert verify(WORLD, run).same
    assert restore(WORLD, run.receipt, run.tokens).steps == run.steps
    assert Run.from_json(run.to_json()) == run
    if run.steps and made.mode != "contrastive":
        names = [record.name for record in looked.ledgers[0].records]
        assert names[:2] == ["model", "guidance"]
    for kept, again in zip(looked.ledgers, replace(run, ledgers=()).replay(), strict=True):
        for one, other in zip(kept.records, again.records, strict=True):
            np.testing.assert_array_equal(one.logits, other.logits)


@settings(max_examples=10, deadline=None)
@given(settings_strategy(**FIXED, guidance_scale=1), st.integers(0, 9))
def test_a_scale_of_one_changes_no_bit_and_feeds_nothing(made: Settings, seed: int) -> None:
    plain, other = told_apart(), told_apart()
    one = plain.run(PROMPT, made.replace(seed=seed, negative_prompt=None))
    two = other.run(PROMPT, made.replace(seed=seed, negative_prompt=NEGATIVE))
    assert one.steps == two.steps
    assert plain.engine.fed == other.engine.fed
    assert all(stage.name != "guidance" for stage in other.replayer.chain(two).stages)


def lone(tokens: tuple[int, ...], start: int) -> Program[np.ndarray]:
    """The rows after tokens start, start + 1, …: one sequence by itself."""
    with Sequence() as sequence:
        yield [Feed(sequence, tokens[:start], rows="none")]
        (rows,) = yield [Feed(sequence, tokens[start:], rows="all")]
    return rows.logits


PROMPTS = ["Once upon a time", "1, 2, 3,", "The LED, a poem:\n", "発光ダイオード", "Dear diary,"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_on_a_model_it_equals_two_lone_passes_combined(model: tsumami.Model, prompt: str) -> None:
    made = Settings(guidance_scale=1.6, negative_prompt="A boring list:", seed=5, max_tokens=32, ignore_eos=True)
    run = model.run(prompt, made)
    negative = tuple(model.tokenize("A boring list:"))
    sides = [(one, len(one)) for one in (run.receipt.prompt_tokens, negative)]
    rows, others = (model.engine.run(lone((*one, *run.tokens[:-1]), n - 1)) for one, n in sides)
    chain = Chain.from_settings(
        made.replace(guidance_scale=1), seed=5, n_vocab=model.engine.n_vocab, vocab=model.vocab, n_ctx=model.n_ctx
    )
    chain.accept_prompt(run.receipt.prompt_tokens)
    assert len(run.tokens) == 32
    for row, other, step in zip(rows, others, run.steps, strict=True):
        choice = chain.choose(guided(row, other, 1.6))
        assert choice.pick.token == step.id
        assert float(choice.candidates.data["p"][choice.pick.index]) == step.p_final
        chain.accept(step.id)


# --- explained like the others


def test_the_rows_of_a_run_have_both() -> None:
    run = WORLD.run(PROMPT, GUIDED)
    for index, row in enumerate(WORLD.replayer.rows(run)):
        assert isinstance(row, GuidedRow)
        np.testing.assert_array_equal(np.asarray(row), far((*START, *run.tokens[:index])))
        np.testing.assert_array_equal(row.other, far((*opened(NEGATIVE), *run.tokens[:index])))
        assert run.steps[index].p_raw == pytest.approx(Candidates.from_logits(row).probs()[run.tokens[index]])


def test_an_audit_counts_where_it_decided() -> None:
    run = WORLD.run(PROMPT, GUIDED.replace(max_tokens=30))
    (found,) = [one for one in audit(run).knobs if one.knob == "guidance_scale"]
    plain = run.settings.replace(guidance_scale=1)
    decided = 0
    for index, token in enumerate(run.tokens):
        chain = Chain.from_settings(plain, seed=3, n_vocab=N_VOCAB, texts=WORLD.tokenizer)
        chain.accept_prompt(START)
        chain.follow(run.tokens[:index])
        decided += chain.choose(far((*START, *run.tokens[:index]))).pick.token != token
    assert found.changed == len(run.steps)
    assert found.decided == decided > 0
    assert "negative_prompt" not in {one.knob for one in audit(run).knobs}


def test_why_not_says_that_guidance_lowered_it() -> None:
    run = WORLD.run(PROMPT, GUIDED.replace(top_k=0, top_p=1, min_p=0, repeat_penalty=1, temperature=1))
    plain = WORLD.run(PROMPT, run.settings.replace(guidance_scale=1))
    index = next(i for i, (a, b) in enumerate(zip(run.tokens, plain.tokens, strict=False)) if a != b)
    found = why_not(run, index, plain.tokens[index])
    assert found.taken is not None
    assert found.taken.stage == "guidance"
    assert found.taken.without is not None
    assert found.taken.without.chosen
    assert "guidance" in found.ja
    assert "guidance_scale" in found.en


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"guidance_scale": 1}, {"guidance_scale"}),
        ({"guidance_scale": 4}, {"guidance_scale"}),
        ({"negative_prompt": "zzz"}, {"negative_prompt"}),
        ({"temperature": 2}, {"temperature"}),
    ],
)
def test_runs_part_for_a_cause_that_was_checked(other: dict[str, object], names: set[str]) -> None:
    for seed in range(4):
        a, b = (WORLD.run(PROMPT, GUIDED.replace(seed=seed, **one)) for one in ({}, other))
        for one, two in ((a, b), (b, a)):
            found = divergence(one, two)
            if found.kind == "parted":
                assert {change.name for change in found.changes} == names
                assert found.back is not None
                assert found.back.token == one.tokens[found.step or 0]


def test_the_next_token_is_the_first_of_the_run() -> None:
    begun = Prompt(PROMPT, START, begun=tuple(b"xy"))
    for at in (Prompt(PROMPT, START), begun):
        run = WORLD.run(at, GUIDED)
        found = next_token(WORLD, look(WORLD, at), GUIDED)
        assert found.ledger.token == run.tokens[len(at.begun)]


def test_intervals_of_the_other_knobs_hold() -> None:
    run = WORLD.run(PROMPT, GUIDED.replace(max_tokens=6))
    for name in ("temperature", "top_p", "repeat_penalty", "top_k", "smoothing_factor"):
        assert_holds(WORLD, run, intervals(WORLD, run, [name])[name])


@pytest.mark.parametrize(
    ("knob", "low", "high", "others"),
    [
        ("temperature", 0.05, 3.0, {}),
        ("top_k", 1, 40, {"samplers": "llama.cpp"}),
        ("repeat_penalty", 0.9, 1.5, {}),
        ("top_a", 0.0, 1.0, {}),
        ("mirostat_tau", 0.5, 8.0, {"mirostat_mode": 2}),
        ("temperature", 0.3, 1.5, {"negative_prompt": None, "ignore_eos": True, "stop": ("a",)}),
    ],
)
def test_maps_of_the_other_knobs_are_runs_at_both_sides_of_every_boundary(
    knob: str, low: float, high: float, others: dict[str, Any]
) -> None:
    base = GUIDED.replace(max_tokens=5, guidance_scale=0.6, temperature=2.0, min_p=0.0, top_p=1.0, **others)
    mapping = Mapping(WORLD, Prompt(PROMPT, START), knob, low, high, base)
    mapping.map(max_tokens=2, leaves=4)
    found = mapping.map(max_tokens=5, leaves=30)
    assert_whole(found)
    assert len(found.pieces) > 1
    for piece in found.pieces:
        for value in (piece.low, piece.last):
            run = WORLD.run(PROMPT, base.replace(**{knob: value}))
            assert run.tokens[: len(piece.tokens)] == piece.tokens
            assert not piece.finished or run.text == piece.text
    unguided = Mapping(WORLD, Prompt(PROMPT, START), knob, low, high, base.replace(guidance_scale=1))
    assert [one.tokens for one in unguided.map(max_tokens=5, leaves=30).pieces] != [
        one.tokens for one in found.pieces
    ], "the second prompt counts"


def test_a_guided_map_ends_where_the_longer_prompt_leaves_no_room() -> None:
    base = GUIDED.replace(negative_prompt="x" * (WORLD.n_ctx - 4), ignore_eos=True, max_tokens=9)
    found = Mapping(WORLD, Prompt(PROMPT, START), "temperature", 0.5, 1.5, base).map(max_tokens=9, leaves=8)
    for piece in found.pieces:
        run = WORLD.run(PROMPT, base.replace(temperature=piece.low))
        assert (piece.tokens, piece.stop_reason) == (run.tokens, run.stop_reason)


def test_the_scale_itself_cannot_be_mapped_and_says_why() -> None:
    with pytest.raises(SettingsError, match="guidance_scale cannot be mapped: it moves every logit"):
        intervals(WORLD, WORLD.run(PROMPT, GUIDED), ["guidance_scale"])


def test_a_cell_is_the_run_by_itself() -> None:
    start = Prompt(PROMPT, START)
    plan = plan_grid([start], Design(GUIDED, vary={"guidance_scale": [1, 2.5]}))
    for cell in Gridding(WORLD, plan).grid.cells:
        assert cell.tokens == WORLD.run(start, plan.settings_at(cell.point)).tokens


# --- with others


def test_going_on_equals_never_having_stopped() -> None:
    whole = WORLD.run(PROMPT, GUIDED.replace(ignore_eos=True))
    part = WORLD.run(PROMPT, GUIDED.replace(ignore_eos=True, max_tokens=5))
    assert go_on(WORLD, part, max_tokens=7).run.tokens == whole.tokens


def test_banned_texts_take_both_sequences_back() -> None:
    free = WORLD.run(PROMPT, GUIDED)
    banned = bytes(token for token in free.tokens[2:4] if token < 128).decode() or "a"
    run = WORLD.run(PROMPT, GUIDED.replace(banned_texts=[banned]))
    assert banned.casefold() not in run.text.casefold()
    assert verify(WORLD, run).same
    for index, row in enumerate(WORLD.replayer.rows(run)):
        np.testing.assert_array_equal(row.other, far((*opened(NEGATIVE), *run.tokens[:index])))


def test_the_longer_of_both_prompts_leaves_the_room() -> None:
    small = ScriptedModel(far, n_ctx=16)
    run = small.run("ab", GUIDED.replace(negative_prompt="x" * 11, max_tokens=0, ignore_eos=True))
    assert (len(run.steps), run.stop_reason) == (4, "context")
    with pytest.raises(PromptTooLongError, match="negative prompt has 16 tokens"):
        small.run("ab", GUIDED.replace(negative_prompt="x" * 15))
