"""Verify says "same" only when every bit is, and otherwise where and under which circumstances it differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.modes import MODES

import tsumami
from tsumami.errors import PromptTooLongError
from tsumami.runs import Run, Step, verify
from tsumami.testing import Script, ScriptedModel, saying


def with_step(run: Run, index: int, **changes: Any) -> Run:
    steps = list(run.steps)
    steps[index] = dataclasses.replace(steps[index], **changes)
    return dataclasses.replace(run, steps=tuple(steps))


def with_receipt(run: Run, part: str, **changes: Any) -> Run:
    card = dataclasses.replace(getattr(run.receipt, part), **changes)
    return dataclasses.replace(run, receipt=dataclasses.replace(run.receipt, **{part: card}))


@pytest.mark.parametrize("knobs", MODES.values(), ids=MODES)
def test_the_same_model_gives_the_same(model: tsumami.Model, knobs: dict[str, Any]) -> None:
    run = model.run("発光ダイオードを", tsumami.Settings.from_mapping({"max_tokens": 8, **knobs}))
    made = model.verify(Run.from_json(run.to_json()))
    assert (made.same, made.same_tokens, made.same_numbers) == (True, True, True)
    assert (made.first_difference, made.circumstances) == (None, ())


@pytest.mark.parametrize(
    ("change", "same_tokens"),
    [
        (lambda step: {"id": step.id + 1}, False),
        (lambda step: {"p_raw": float(np.nextafter(step.p_raw, 1))}, True),
        (lambda step: {"p_final": float(np.nextafter(step.p_final, 0))}, True),
        (lambda step: {"entropy": float(np.nextafter(step.entropy, 9))}, True),
        (lambda step: {"u": 0.5}, True),
        (lambda step: {"rank": step.rank + 1}, True),
        (lambda step: {"alternatives": step.alternatives[1:]}, True),
        (lambda step: {"text": "other"}, True),
    ],
    ids=["id", "p_raw", "p_final", "entropy", "u", "rank", "alternatives", "text"],
)
def test_one_edited_bit_is_found(
    model: tsumami.Model, change: Callable[[Step], dict[str, Any]], same_tokens: bool
) -> None:
    run = model.run("The lamp", max_tokens=6, seed=7)
    made = model.verify(with_step(run, 3, **change(run.steps[3])))
    assert (made.same, made.same_tokens, made.same_numbers, made.first_difference) == (False, same_tokens, False, 3)


@pytest.mark.parametrize(
    ("part", "changes", "word"),
    [
        ("model", {"fingerprint": "0" * 64}, "other weights: 000000000000…"),
        ("engine", {"library": "b1"}, "another llama.cpp: b1"),
        ("engine", {"binding": "0.1"}, "another llama-cpp-python: 0.1"),
        ("engine", {"features": ("AVX",)}, "other CPU features in the build: AVX"),
        ("engine", {"processor": "i386"}, "another processor: i386"),
        ("engine", {"mode": "fast"}, "exact against fast mode: fast → exact"),
        ("engine", {"repacked": True}, "another layout of the weights: --repack → --no-repack"),
        ("engine", {"exact": False, "why_en": "for fun"}, "the original run is not exact: for fun"),
        ("engine", {"n_ctx": 9999}, "a smaller context: 9999 → 512"),
    ],
)
def test_what_the_receipts_disagree_on_is_named(part: str, changes: dict[str, Any], word: str) -> None:
    model = ScriptedModel(saying("ab"))
    made = verify(model, with_receipt(model.run("x"), part, **changes))
    assert made.same
    assert [en for _, en in made.circumstances if en.startswith(word)], made.circumstances
    assert all(ja and ja != en for ja, en in made.circumstances)


def test_another_tsumami_is_named() -> None:
    model = ScriptedModel(saying("ab"))
    run = model.run("x")
    older = dataclasses.replace(run, receipt=dataclasses.replace(run.receipt, tsumami="0.0.1"))
    assert verify(model, older).circumstances[0][1].startswith("another tsumami: 0.0.1")


def test_another_model_differs_and_is_named() -> None:
    run = ScriptedModel(saying("abc")).run("x", temperature=0)
    made = verify(ScriptedModel(saying("abd"), name="another"), run)
    assert (made.same_tokens, made.first_difference) == (False, 2)
    assert made.circumstances[0][1].startswith("other weights")


def test_a_smaller_context_that_cuts_the_run_is_named() -> None:
    run = ScriptedModel(saying("a" * 30)).run("x", max_tokens=30, temperature=0, repeat_penalty=1.0)
    made = verify(ScriptedModel(saying("a" * 30), n_ctx=16), run)
    assert (made.same_tokens, made.first_difference) == (False, 15)
    assert made.circumstances == (("文脈が元の実行より短い: 512 → 16", "a smaller context: 512 → 16"),)


def test_a_prompt_that_no_longer_fits_says_so() -> None:
    run = ScriptedModel(saying("ab")).run("x" * 20)
    with pytest.raises(PromptTooLongError, match="20 tokens; 15 fit"):
        verify(ScriptedModel(saying("ab"), n_ctx=16), run)


def dead_after(length: int) -> Script:
    def script(tokens: tuple[int, ...]) -> np.ndarray:
        row = np.asarray(saying("abcdef")(tokens))
        return np.full_like(row, -np.inf) if len(tokens) > length else row

    return script


@pytest.mark.parametrize(
    ("script", "knobs", "reason"),
    [
        (saying("はい"), {}, "eog"),
        (saying("はい、はい"), {"stop": ["、は"]}, "stop"),
        (saying("はい"), {"max_tokens": 4}, "length"),
        (saying("は" * 999), {"max_tokens": 0, "repeat_penalty": 1}, "context"),
        (dead_after(3), {"stop": ["bcd"]}, "dead_end"),
        (dead_after(0), {}, "dead_end"),
    ],
    ids=["eog", "stop", "length", "context", "dead_end", "dead_end at once"],
)
def test_whatever_ended_a_run_it_is_the_same(script: Script, knobs: dict[str, Any], reason: str) -> None:
    model = ScriptedModel(script)
    run = model.run("x", temperature=0, **knobs)
    assert run.stop_reason == reason
    made = verify(model, run)
    assert (made.same, made.first_difference) == (True, None)


@pytest.mark.parametrize("wanted", [0, 1, 3])
def test_a_cancelled_run_is_the_same_as_far_as_it_got(wanted: int) -> None:
    model = ScriptedModel(saying("abcdef"))
    whole = model.run("x", temperature=0)
    cancelled = dataclasses.replace(whole, steps=whole.steps[:wanted], stop_reason="cancelled")
    assert verify(model, cancelled).same
