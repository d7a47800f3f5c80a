"""Law 3: our chain is llama.cpp's chain: same settings, same seed, same text.

The reference is put together here from llama.cpp's own samplers (bare.py) and runs on a context of its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sampling.conftest import PROMPT
from tests.support.bare import NOT_ITS_OWN, Bare, NativeChain, Row, c, chain, makers
from tests.support.strategies import settings_strategy

from tsumami.model import Model
from tsumami.runs import Run
from tsumami.sampling import Chain, DeadEndError
from tsumami.settings import Settings

SEEDS = st.integers(0, 2**32 - 2)
RANDOM = settings_strategy(**NOT_ITS_OWN, seed=0, stop=(), max_tokens=8)
#: A chain that does a lot at every token, in each of the ways to choose.
BUSY: dict[str, dict[str, Any]] = {
    "defaults": {},
    "greedy": {"temperature": 0, "repeat_penalty": 1.3},
    "mirostat 1": {"mirostat_mode": 1, "mirostat_tau": 3.0},
    "mirostat 2": {"mirostat_mode": 2, "mirostat_tau": 3.0, "temperature": 1.2},
    "adaptive": {"adaptive_target": 0.4, "top_k": 0, "top_p": 1.0, "min_p": 0.05},
    "adaptive that forgets": {"adaptive_target": 0.6, "adaptive_decay": 0.0, "min_p": 0.0},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.05, "top_p": 1.0, "min_p": 0.0},
    "dry with breakers": {"dry_multiplier": 1.5, "dry_allowed_length": 1, "dry_sequence_breakers": ("\n", ", ", '"')},
    "dynamic temperature": {"dynatemp_range": 0.7, "dynatemp_exponent": 1.5},
    "top_n_sigma": {"top_n_sigma": 1.2, "samplers": "llama.cpp", "temperature": 1.5},
    "min_keep": {"min_keep": 7, "top_p": 0.1, "min_p": 0.9, "typical_p": 0.2, "temperature": 2.0},
    "typical first": {"samplers": ("typ_p", "temperature", "penalties"), "typical_p": 0.7},
    "bias": {"logit_bias": {28: float("-inf"), 260: 4.0, 30: -3.5}, "presence_penalty": 0.8},
    "only the draw": {"samplers": ()},
    "frequency": {"frequency_penalty": 1.1, "repeat_last_n": 9, "penalize_prompt": False},
}


def seen_by_penalties(drawn: Settings, prompt: list[int]) -> list[int]:
    return prompt if drawn.penalize_prompt else []


def reference(drawn: Settings, seed: int, bare: Bare, prompt: list[int]) -> NativeChain:
    made = chain(drawn, seed, bare)
    for token in seen_by_penalties(drawn, prompt):
        made.accept(token)
    return made


def assert_same_choices(ours: Chain, theirs: NativeChain, rows: list[Row]) -> None:
    """Where only forbidden tokens are left we stop (DeadEndError), and llama.cpp goes on with one of them (None)."""
    for row in rows:
        try:
            token = ours.choose(row).pick.token
        except DeadEndError:
            assert theirs.sample(row) is None
            return
        assert theirs.sample(row) == token
        ours.accept(token)


@pytest.mark.parametrize("name", BUSY)
def test_our_text_is_that_of_llama_cpps_own_loop(name: str, model: Model, bare: Bare, prompt_tokens: list[int]) -> None:
    drawn = Settings.from_mapping({**BUSY[name], "max_tokens": 24})
    ours = model.run(PROMPT, drawn, seed=11)
    theirs = bare.generate(reference(drawn, 11, bare, prompt_tokens), prompt_tokens, 24)
    assert [step.id for step in ours.steps] == theirs


@pytest.mark.slow  # 220 runs of a real model
@settings(
    max_examples=220, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=RANDOM, seed=SEEDS)
def test_every_run_has_the_tokens_of_llama_cpps_chain(
    drawn: Settings, seed: int, model: Model, bare: Bare, prompt_tokens: list[int]
) -> None:
    """Rows of the reference come from one pass over our tokens: its k-th token is then the one that its own loop would
    have made, as long as the k - 1 before it were the same.
    """
    run = model.run(PROMPT, drawn.replace(seed=seed))
    ours: list[int | None] = [step.id for step in run.steps]
    if run.stop_reason == "dead_end":
        ours.append(None)
    theirs = reference(drawn, seed, bare, prompt_tokens)
    fed = [*prompt_tokens, *(step.id for step in run.steps)][: len(prompt_tokens) + len(ours) - 1]
    assert [theirs.sample(row) for row in bare.rows(fed, len(prompt_tokens) - 1)] == ours


@settings(max_examples=120, deadline=None, derandomize=True)
@given(drawn=RANDOM, seed=SEEDS)
def test_on_the_same_rows_both_chains_choose_the_same(
    drawn: Settings, seed: int, model: Model, bare: Bare, prompt_tokens: list[int], rows: list[Row]
) -> None:
    ours = Chain.from_settings(drawn, seed=seed, n_vocab=bare.n_vocab, vocab=model.vocab)
    ours.accept_prompt(seen_by_penalties(drawn, prompt_tokens))
    theirs = reference(drawn, seed, bare, prompt_tokens)
    assert_same_choices(ours, theirs, rows[:6])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=settings_strategy(handy=False, **NOT_ITS_OWN, seed=0, stop=()), seed=SEEDS)
def test_beyond_the_sliders_both_chains_still_choose_the_same(
    drawn: Settings, seed: int, model: Model, bare: Bare, prompt_tokens: list[int], rows: list[Row]
) -> None:
    drawn = drawn.replace(
        repeat_last_n=min(drawn.repeat_last_n, 5000), dry_penalty_last_n=min(64, drawn.dry_penalty_last_n)
    )
    ours = Chain.from_settings(drawn, seed=seed, n_vocab=bare.n_vocab, vocab=model.vocab)
    ours.accept_prompt(seen_by_penalties(drawn, prompt_tokens))
    theirs = reference(drawn, seed, bare, prompt_tokens)
    assert_same_choices(ours, theirs, rows[:3])


@pytest.mark.parametrize("order", ["classic", "llama.cpp"])
def test_temperature_0_is_what_llama_cpps_whole_chain_gives_at_0(
    order: str, model: Model, bare: Bare, rows: list[Row]
) -> None:
    """llama.cpp has no greedy branch: its last stage masks all but the best, and `dist` draws from one."""
    warm = Settings(samplers=order, repeat_penalty=1.4)
    cold = warm.replace(temperature=0)
    ours = Chain.from_settings(cold, seed=0, n_vocab=bare.n_vocab, vocab=model.vocab)
    theirs = NativeChain(_whole_chain_at_0(warm, bare))
    assert_same_choices(ours, theirs, rows)


def _whole_chain_at_0(warm: Settings, bare: Bare) -> list[object]:
    make = makers(warm, 0, bare) | {"temperature": lambda: c.llama_sampler_init_temp_ext(0.0, 0.0, 1.0)}
    return [*(make[name]() for name in warm.chain_order if name in make), c.llama_sampler_init_dist(0)]


LIST = r'root ::= item{2,3} "\n"' "\n" r'item ::= "- " [a-z ]{3,12} "\n"'
ANSWER = 'root ::= "yes" | "no" | "はい"'
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "legs": {"type": "integer"},
            "colours": {"type": "array", "items": {"enum": ["red", "blue"]}, "minItems": 1, "maxItems": 3},
        },
        "required": ["name", "legs", "colours"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "changes", [{}, {"top_k": 0, "temperature": 1.5}, {"xtc_probability": 0.5}, {"temperature": 0}]
)
@pytest.mark.parametrize("grammar", [LIST, ANSWER], ids=["list", "answer"])
def test_under_a_grammar_the_text_is_that_of_llama_cpps_grammar_sampler(
    grammar: str, changes: dict[str, Any], seed: int, model: Model, bare: Bare, prompt_tokens: list[int]
) -> None:
    drawn = Settings.from_mapping({**changes, "grammar": grammar, "max_tokens": 20})
    ours = model.run(PROMPT, drawn, seed=seed)
    made = chain(drawn, seed, bare, grammar)
    _accept_past_the_grammar(made, prompt_tokens)
    assert [step.id for step in ours.steps] == bare.generate(made, prompt_tokens, 20)


def _accept_past_the_grammar(made: NativeChain, prompt: list[int]) -> None:
    """A grammar governs the reply; llama.cpp's servers let only the other samplers see the prompt."""
    for index in range(c.llama_sampler_chain_n(made.pointer)):
        sampler = c.llama_sampler_chain_get(made.pointer, index)
        if c.llama_sampler_name(sampler) in (b"penalties", b"dry"):
            for token in prompt:
                c.llama_sampler_accept(sampler, token)


@pytest.mark.parametrize("seed", range(4))
def test_under_a_json_schema_the_text_fits_the_schema(seed: int, smollm2: Model) -> None:
    ours = smollm2.run(PROMPT, Settings(json_schema=SCHEMA, max_tokens=300), seed=seed)
    assert ours.stop_reason == "eog"
    assert _fits_the_schema(ours)


def _fits_the_schema(run: Run) -> bool:
    found = json.loads(run.text)
    return isinstance(found["legs"], int) and set(found["colours"]) <= {"red", "blue"} and len(found["name"]) <= 12
