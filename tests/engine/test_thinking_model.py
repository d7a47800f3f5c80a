"""A real model with a template like Qwen3's: told whether to think, ended by the budget, and repeated bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import thinking_model

import tsumami
from tsumami.engine import loading
from tsumami.engine.exactness import EXACT_VERDICT
from tsumami.sampling.thinking import ThinkingMarks


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tsumami.Model]:
    path = thinking_model.write(tmp_path_factory.mktemp("thinker") / "thinker.gguf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "try_first", lambda *_, **__: None)
        patch.setattr(loading, "remembered_check", lambda *_, **__: EXACT_VERDICT)
        with tsumami.load(path, n_ctx=512, threads=1) as model:
            yield model


def test_the_marks_are_those_of_its_template(thinker: tsumami.Model) -> None:
    assert thinker.thinking == ThinkingMarks("<think>", "</think>", tuple(thinker.tokenize("</think>")))


@pytest.mark.parametrize(
    ("knobs", "end"),
    [
        ({}, "<think>\n"),
        ({"thinking": "on"}, "<think>\n"),
        ({"thinking": "off"}, "<think>\n\n</think>\n\n"),
        ({"chat_template_kwargs": {"effort": "low"}}, "<think>\n(low)"),
        ({"thinking": "on", "chat_template_kwargs": {"enable_thinking": False}}, "</think>\n\n"),
    ],
)
def test_the_template_is_told(thinker: tsumami.Model, knobs: dict[str, object], end: str) -> None:
    settings = tsumami.Settings.from_mapping(knobs)
    assert thinker.prompt("Hi", settings).text.endswith(end)
    assert thinker.chat("Hi", max_tokens=1, **knobs).receipt.prompt.endswith(end)


def test_the_budget_ends_it_and_all_comes_again(thinker: tsumami.Model, tmp_path: Path) -> None:
    end = tuple(thinker.tokenize("</think>"))
    run = thinker.chat("Hi", seed=0, max_tokens=20, thinking_budget=3, ignore_eos=True)
    put = [step.id for step in run.steps if step.set_by == "thinking_budget"]
    assert tuple(put) == end
    assert run.thought is not None
    assert run.thought.ended
    assert run.text.startswith(run.thinking)
    assert thinker.verify(run).same
    ledgers = [run.ledger(index) for index in range(len(run.steps))]
    assert [one.token for one in ledgers] == list(run.tokens)
    run.save(tmp_path / "run.json")
    assert tsumami.Run.load(tmp_path / "run.json") == run
    first = thinker.chat("Hi", seed=0, max_tokens=6, thinking_budget=3, ignore_eos=True)
    assert thinker.go_on(first, max_tokens=14).tokens == run.tokens


def test_without_a_budget_not_a_bit_is_another(thinker: tsumami.Model) -> None:
    answers = thinker.chat("Hi", seed=0, max_tokens=8, thinking="off")
    limited = thinker.chat("Hi", seed=0, max_tokens=8, thinking="off", thinking_budget=0)
    assert answers.steps == limited.steps
    assert answers.thought is None


def test_what_was_thought_is_not_sent_back(thinker: tsumami.Model) -> None:
    run = thinker.chat("Hi", seed=0, max_tokens=20, thinking_budget=2, ignore_eos=True)
    asked = [{"role": "user", "content": "Hi"}, run.message, {"role": "user", "content": "And?"}]
    prompt = thinker.prompt(asked)
    assert "</think>" not in prompt.text
    assert run.thinking not in prompt.text
