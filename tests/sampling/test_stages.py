"""Stages that are dear to build are built once."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from tsumami import native
from tsumami.models import resolve
from tsumami.sampling import Candidates, Chain
from tsumami.settings import Settings

BREAKERS = tuple(f"name {number}:" for number in range(20))


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
