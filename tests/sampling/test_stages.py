"""Stages that are dear to build are built once."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami import native
from tsumami.models import resolve
from tsumami.sampling import Candidates, Chain
from tsumami.sampling.stages import PenaltiesStage
from tsumami.settings import Settings

BREAKERS = tuple(f"name {number}:" for number in range(4))


@pytest.fixture
def vocab() -> native.Vocab:
    """A vocabulary of a test's own, which nobody else keeps."""
    return native.NativeModel(resolve("smollm2").path, vocab_only=True).vocab


def chain(vocab: native.Vocab, **knobs: Any) -> Chain:
    made = Settings(dry_multiplier=0.8, dry_sequence_breakers=BREAKERS, **knobs)
    return Chain.from_settings(made, seed=0, n_vocab=vocab.n_tokens, vocab=vocab)


def test_dry_looks_for_its_breakers_once_for_a_vocabulary(vocab: native.Vocab, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[object] = []
    real = native.dry

    def counted(*given: Any) -> native.NativeSampler:
        built.append(given)
        return real(*given)

    monkeypatch.setattr(native, "dry", counted)
    for temperature in np.arange(0, 2, 0.1).tolist():  # the cells of a grid
        chain(vocab, temperature=temperature)
    assert len(built) == 1
    chain(vocab, dry_base=2.0)
    assert len(built) == 2


def test_a_chain_does_not_see_what_another_has_seen(vocab: native.Vocab) -> None:
    repeated = [11, 12, 13, 14] * 4
    seen, fresh = chain(vocab), chain(vocab)
    for token in repeated:
        seen.accept(token)
    logits = np.zeros(vocab.n_tokens, np.float32)
    for made, lowered in ((seen, True), (fresh, False)):
        candidates = Candidates.from_logits(logits)
        next(stage for stage in made.stages if stage.name == "dry").apply(candidates)
        assert bool(candidates.data["logit"].min() < 0) == lowered


def test_what_is_kept_for_a_vocabulary_goes_with_it() -> None:
    vocab: native.Vocab | None = native.NativeModel(resolve("smollm2").path, vocab_only=True).vocab
    assert vocab is not None
    chain(vocab, grammar='root ::= "a"')
    gone = weakref.ref(vocab)
    vocab = None
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("knobs", [{"repeat_penalty": 1.3}, {"dry_multiplier": 1.0, "penalize_prompt": False}])
def test_a_window_beyond_the_context_is_the_whole_context(knobs: dict[str, Any]) -> None:
    windows = {"repeat_last_n": 2**24, "dry_penalty_last_n": 2**24}
    history = [int(token) for token in np.random.default_rng(1).integers(0, 20, 60)]
    found = []
    for n_ctx in (None, len(history)):
        made = Chain.from_settings(Settings(**windows, **knobs), seed=0, n_vocab=20, n_ctx=n_ctx)
        made.accept_prompt(history[:20])
        for token in history[20:]:
            made.accept(token)
        found.append(made.process(np.arange(20, dtype=np.float32)).logits.tobytes())
    assert found[0] == found[1]


@given(
    n_ctx=st.integers(1, 40),
    beyond=st.integers(0, 2**24 - 40),
    history=st.lists(st.integers(0, 9), max_size=40),
    knobs=st.sampled_from([{"repeat_penalty": 1.3}, {"presence_penalty": 1.0}, {"frequency_penalty": 0.5},
                           {"dry_multiplier": 0.8, "dry_sequence_breakers": ()}]),
)  # fmt: skip
def test_no_window_is_larger_than_the_context(
    n_ctx: int, beyond: int, history: list[int], knobs: dict[str, Any]
) -> None:
    """Whatever was said in a context, a window of its size and any larger one see the same, and take the same room."""
    found, rooms = [], []
    for window in (n_ctx, n_ctx + beyond):
        windows = {"repeat_last_n": window, "dry_penalty_last_n": window}
        made = Chain.from_settings(Settings(**windows, **knobs), seed=0, n_vocab=20, n_ctx=n_ctx)
        for token in history[:n_ctx]:
            made.accept(token)
        found.append(made.process(np.arange(20, dtype=np.float32)).logits.tobytes())
        rooms += [one._window.maxlen for one in made.stages if isinstance(one, PenaltiesStage)]
    assert found[0] == found[1]
    assert all(room <= n_ctx for room in rooms)


def test_a_window_takes_no_memory_beyond_the_context() -> None:
    made = Chain.from_settings(Settings(repeat_last_n=2**24, repeat_penalty=1.1), seed=0, n_vocab=20, n_ctx=512)
    penalties = next(stage for stage in made.stages if isinstance(stage, PenaltiesStage))
    assert penalties._window.maxlen == 512


def test_biases_of_a_whole_vocabulary_cost_about_as_much_as_one() -> None:
    n_vocab = 50_000
    row = np.random.default_rng(1).normal(size=n_vocab).astype(np.float32)

    def seconds(biases: dict[int, float]) -> float:
        chain = Chain.from_settings(Settings(logit_bias=biases, temperature=0), seed=0, n_vocab=n_vocab)
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            chain.choose(row)
            times.append(time.perf_counter() - begin)
        return min(times)

    assert seconds(dict.fromkeys(range(n_vocab), 0.5)) < 20 * seconds({1: 0.5})


@pytest.mark.parametrize("top", [11.5, -2.0, -90.0])
def test_a_dynamic_temperature_next_to_0_leaves_the_largest_logit(top: float) -> None:
    """The share of entropy is 1e-20 or so; with an exponent near 2, what is divided by it is beyond 32 bits."""
    row = np.array([top - 47, top, top - 64, top - 48], np.float32)
    for exponent in (1.8, 1.85, 1.9, 1.95, 2.0, 2.5):
        chain = Chain.from_settings(
            Settings(temperature=0.5, dynatemp_range=0.5, dynatemp_exponent=exponent, samplers=("temperature",)),
            seed=3,
            n_vocab=4,
        )
        choice = chain.choose(row)
        assert choice.pick.token == 1
        assert choice.candidates.data["p"][choice.pick.index] == 1
