"""Going on equals never having stopped: the same tokens, numbers and rolls, wherever a run stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.support.dicey import dicey
from tests.support.strategies import settings_strategy

import tsumami
from tsumami.errors import PromptTooLongError
from tsumami.prompts import Message
from tsumami.runs import Prompt, Run
from tsumami.runs.going_on import go_on
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

PROMPT = Prompt("x", (120,))
KNOBS: dict[str, dict[str, Any]] = {
    "sampled": {"temperature": 1.3, "min_p": 0},
    "penalties": {"repeat_penalty": 1.4, "dry_multiplier": 0.8, "dry_sequence_breakers": ()},
    "mirostat": {"mirostat_mode": 2},
    "stop": {"stop": ("abcab", "光で"), "temperature": 2},
}


def continued(run: Run, model: ScriptedModel, **knobs: Any) -> Run:
    with go_on(model, run, **knobs) as stream:
        return stream.run


@pytest.mark.parametrize("knobs", KNOBS.values(), ids=KNOBS)
def test_it_equals_never_having_stopped(knobs: dict[str, Any]) -> None:
    model = dicey()
    for seed in range(3):
        whole = model.run(PROMPT, seed=seed, max_tokens=24, **knobs)
        for cut in range(1, len(whole.steps), 5):
            some = model.run(PROMPT, seed=seed, max_tokens=cut, **knobs)
            more = continued(some, model, max_tokens=24 - cut)
            assert more.tokens == whole.tokens
            assert [step.u for step in more.steps] == [step.u for step in whole.steps]
            assert (more.text, more.stop_reason) == (whole.text, whole.stop_reason)
            assert more.steps == whole.steps
            assert "\ufffd" not in some.message.content
            assert more.timings.generated == len(whole.steps) - len(some.message.tokens or ())


@given(
    settings=settings_strategy(max_tokens=16, dry_sequence_breakers=(), logit_bias={}),
    seed=st.integers(0, 2**31),
    cuts=st.lists(st.integers(1, 15), min_size=1, max_size=3, unique=True).map(sorted),
)
@examples(max_examples=40)
def test_whatever_the_settings_it_may_stop_as_often_as_it_likes(settings: Settings, seed: int, cuts: list[int]) -> None:
    model, made = dicey(), settings.replace(seed=seed)
    whole = model.run(PROMPT, made)
    found = model.run(PROMPT, made.replace(max_tokens=cuts[0]))
    for until in [*cuts[1:], 16]:
        if found.stop_reason != "length":
            break
        found = continued(found, model, max_tokens=until - len(found.message.tokens or ()))
    assert found.tokens == whole.tokens
    assert (found.text, found.stop_reason) == (whole.text, whole.stop_reason)
    assert [step.u for step in found.steps] == [step.u for step in whole.steps]


def test_a_random_seed_goes_on_with_its_rolls() -> None:
    model = dicey()
    some = model.run(PROMPT, max_tokens=4, temperature=2)
    more = continued(some, model)
    assert more.receipt.seed == some.receipt.seed
    assert len(more.steps) == 8
    again = Run.from_json(more.to_json())
    assert again == more
    assert again.receipt.begun == some.tokens


def test_a_real_model_goes_on_bit_for_bit(model: tsumami.Model) -> None:
    whole = model.run("Once upon a time", seed=3, max_tokens=20)
    some = model.run("Once upon a time", seed=3, max_tokens=8)
    more = model.go_on(some, max_tokens=12)
    assert more.steps == whole.steps
    assert model.verify(more).same
    assert more.timings.reused > 0


def test_a_full_context_has_no_room_to_go_on() -> None:
    model = dicey(n_ctx=8)
    full = model.run(PROMPT, max_tokens=0, seed=1)
    assert full.stop_reason == "context"
    with pytest.raises(PromptTooLongError):
        continued(full, model)


@pytest.mark.parametrize(
    ("said", "knobs", "message"),
    [
        (b"ab", {}, Message("assistant", "ab", (97, 98))),
        (b"abcd", {"stop": ("cd",)}, Message("assistant", "ab", (97, 98))),
        (b"abc", {"stop": ("bc",), "max_tokens": 2}, Message("assistant", "ab", (97, 98))),
        ("a光".encode()[:3], {"max_tokens": 3}, Message("assistant", "a", (97, *"光".encode()[:2]))),
        (b"a\xff", {"max_tokens": 2}, Message("assistant", "a\ufffd", (97, 255))),
        ([97, ByteTokenizer.begin], {"stop": ("<|begin|>",)}, Message("assistant", "a", (97,))),
    ],
    ids=["the end", "a stop string", "half a stop string", "half a character", "no character", "a stop token"],
)
def test_a_run_is_the_message_that_goes_back(said: Any, knobs: dict[str, Any], message: Message) -> None:
    assert ScriptedModel(saying(said)).run(PROMPT, **knobs).message == message


def test_what_was_said_before_is_read_as_a_prompt_is() -> None:
    model = dicey()
    begun = model.run(PROMPT, seed=1, max_tokens=100).tokens
    before = model.engine.fed
    model.run(replace(PROMPT, begun=begun), seed=1, max_tokens=101)
    assert model.engine.fed - before < 10
