"""Where a reply ends: by the model, a stop string, max_tokens, or the context, with the same text as a run's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tsumami
from tsumami.runs.ending import Ending, Taken
from tsumami.runs.prompt import Prompt
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer, ScriptedModel, saying

PROMPT = Prompt("x", (120,))


def fed(data: bytes, *more: int, **knobs: Any) -> list[Taken]:
    ending = Ending(ScriptedModel(saying("x", ByteTokenizer())), PROMPT, Settings(**knobs))
    return [ending.take(token) for token in (*data, *more)]


@pytest.mark.parametrize(
    ("tokens", "knobs", "text", "reason", "stop"),
    [
        ((b"ab", ByteTokenizer.end), {}, "ab", "eog", None),
        ((b"ab",), {"max_tokens": 2}, "ab", "length", None),
        ((b"abcd",), {"stop": ("cd",)}, "ab", "stop", "cd"),
        ((b"abcd",), {"stop": ("cd",), "max_tokens": 4}, "ab", "stop", "cd"),
        ((b"abc",), {"stop": ("cd",), "max_tokens": 3}, "abc", "length", None),
        (("光".encode(),), {"max_tokens": 3}, "光", "length", None),
        ((b"ab", ByteTokenizer.begin), {"max_tokens": 3}, "ab", "length", None),
        ((b"ab", ByteTokenizer.begin), {"stop": ("<|begin|>",)}, "ab", "stop", "<|begin|>"),
        ((b"ab", ByteTokenizer.begin, 99), {"stop": ("b<|begin|>c",)}, "a", "stop", "b<|begin|>c"),
        ((b"ab", ByteTokenizer.begin, 99, 99), {"stop": ("<|begin|>d",), "max_tokens": 5}, "abcc", "length", None),
        ((b"ab<|begin|>",), {"stop": ("<|begin|>",)}, "ab", "stop", "<|begin|>"),
        ((b"ab", ByteTokenizer.begin, 99), {"stop": ("begin",), "max_tokens": 4}, "abc", "length", None),
        ((b"ab", ByteTokenizer.end), {"stop": ("<|end|>",)}, "ab", "eog", None),
    ],
)
def test_a_reply_ends_for_its_first_reason(
    tokens: tuple[Any, ...], knobs: dict[str, Any], text: str, reason: str, stop: str | None
) -> None:
    taken = fed(*tokens, **knobs)
    assert "".join(one.text for one in taken) == text
    assert [one.reason for one in taken] == [None] * (len(taken) - 1) + [reason]
    assert taken[-1].stop_string == stop


def test_without_a_limit_the_context_ends_it() -> None:
    model = ScriptedModel(saying("x", ByteTokenizer()))
    ending = Ending(model, PROMPT, Settings(max_tokens=0))
    reasons = [ending.take(97).reason for _ in range(model.n_ctx - 1)]
    assert reasons == [None] * (model.n_ctx - 2) + ["context"]


def test_what_the_prompt_ends_with_is_no_text_and_ends_nothing() -> None:
    model = ScriptedModel(saying("x", ByteTokenizer()))
    ending = Ending(model, Prompt("xは:", (120,), healing="は:".encode()), Settings(stop=(":",)))
    assert [ending.take(token).text for token in "は:光".encode()] == ["", "", "", "", "", "", "光"]
    assert ending.take(ord(":")).reason == "stop"


def test_what_was_held_back_comes_out_at_the_end() -> None:
    ending = Ending(ScriptedModel(saying("x", ByteTokenizer())), PROMPT, Settings(stop=("stop",)))
    assert [ending.take(token).text for token in b"ast"] == ["a", "", ""]
    assert ending.rest() == "st"
    assert ending.rest() == ""


@given(
    number=st.integers(0, 99),
    before=st.text("ab 光", max_size=4),
    more=st.lists(st.text("xyz<|", min_size=1), max_size=2),
)
def test_any_special_token_that_a_stop_string_names_ends_the_reply(
    number: int, before: str, more: list[str], model: tsumami.Model
) -> None:
    vocab = model.vocab
    marks = [token for token in range(vocab.n_tokens) if vocab.is_control(token) and not vocab.is_eog(token)]
    token = marks[number % len(marks)]
    said = vocab.tokenize(before.encode(), add_special=False, parse_special=False)
    named = vocab.piece(token).decode()
    ending = Ending(model, PROMPT, Settings(stop=(*more, named)))
    taken = [ending.take(one) for one in (*said, token)]
    assert [one.reason for one in taken] == [None] * len(said) + ["stop"]
    assert taken[-1].stop_string == named
    assert "".join(one.text for one in taken) == before
