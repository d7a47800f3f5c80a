"""Where a reply thinks is known from its tokens, and the budget ends it there with the end mark alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsumami.sampling import Chain, LedgerWriter
from tsumami.sampling.thinking import ThinkingMarks, ThinkingPlace, marks_of, thought
from tsumami.settings import Settings
from tsumami.testing import ByteTokenizer

START, END = "<think>", "</think>"
WORDS = ByteTokenizer((START, END))
MARKS = ThinkingMarks(START, END, (WORDS.tokenize(END.encode())[0],))
BYTES = ByteTokenizer()
SPELT = ThinkingMarks(START, END, tuple(BYTES.tokenize(END.encode())))


def place_of(prompt: str, reply: str, marks: ThinkingMarks = SPELT) -> ThinkingPlace:
    place = ThinkingPlace.after_prompt(marks, [bytes([one]) for one in prompt.encode()])
    for one in reply.encode():
        place = place.after(bytes([one]))
    return place


@pytest.mark.parametrize(
    ("prompt", "reply", "part"),
    [
        ("Hi", "", "before"),
        ("Hi", "\n<thi", "before"),
        ("Hi", "<think>", "inside"),
        ("Hi", "\n <think>\nhm", "inside"),
        ("Hi", "<think>hm</think>", "after"),
        ("Hi", "Hello", "after"),
        ("Hi", "Hello <think>", "after"),
        ("Hi", "<thing>", "after"),
        ("<think>\n", "", "inside"),
        ("<think>\n", "hm</thin", "inside"),
        ("<think>\n", "hm</think>\n\nYes", "after"),
        ("<think>\n\n</think>\n\n", "", "after"),
        ("<think>\n\n</think>\n\n", "<think>", "after"),
        ("<think> is a mark. What is it?", "", "before"),
    ],
)
def test_where_a_reply_has_come_to(prompt: str, reply: str, part: str) -> None:
    assert place_of(prompt, reply).part == part


def test_the_marks_are_those_of_the_template_or_of_the_vocabulary() -> None:
    assert marks_of(WORDS, None) == MARKS
    assert marks_of(BYTES, None) is None
    assert marks_of(BYTES, "{% if x %}<think>{% endif %}</think>") == SPELT
    assert marks_of(BYTES, "[THINK][/THINK]") == ThinkingMarks("[THINK]", "[/THINK]", tuple(b"[/THINK]"))
    assert marks_of(BYTES, "no marks") is None


@pytest.mark.parametrize(
    ("prompt", "reply", "found"),
    [
        ("Hi", "<think>a</think>b", (16, True)),
        ("Hi", "<think>a", (8, False)),
        ("Hi", "a", (0, False)),
        ("<think>", "a", (1, False)),
        ("<think>", "", (0, False)),
        ("Hi", "<thi", (0, False)),
    ],
)
def test_how_much_of_a_reply_is_thinking(prompt: str, reply: str, found: tuple[int, bool]) -> None:
    pieces = [[bytes([one]) for one in text.encode()] for text in (prompt, reply)]
    assert thought(SPELT, *pieces) == found


def chain_of(budget: int, marks: ThinkingMarks | None = SPELT, prompt: str = "<think>", **knobs: Any) -> Chain:
    tokenizer = WORDS if marks is MARKS else BYTES
    made = Settings.from_mapping({"thinking_budget": budget, **knobs})
    chain = Chain.from_settings(made, seed=3, n_vocab=tokenizer.n_tokens, texts=tokenizer, thinking=marks)
    chain.accept_prompt(tokenizer.tokenize(prompt.encode()))
    return chain


def row(seed: int, size: int = 258) -> Any:
    return np.random.default_rng(seed).normal(0, 3, size).astype(np.float32)


def taken(chain: Chain, count: int) -> list[tuple[int, str | None]]:
    found = []
    for step in range(count):
        choice = chain.choose(row(step, chain.origin.n_vocab))
        found.append((choice.pick.token, choice.set_by))
        chain.accept(choice.pick.token)
    return found


@pytest.mark.parametrize("budget", [0, 1, 5])
@pytest.mark.parametrize("knobs", [{}, {"temperature": 0}, {"mirostat_mode": 2}, {"adaptive_target": 0.3}])
def test_when_the_budget_is_spent_the_end_mark_is_put(budget: int, knobs: dict[str, Any]) -> None:
    logit_bias = dict.fromkeys(range(128, 258), -np.inf)  # bytes that begin no character alone, and marks
    found = taken(chain_of(budget, logit_bias=logit_bias, **knobs), budget + len(END) + 3)
    assert bytes(token for token, _ in found[budget : budget + len(END)]) == END.encode()
    assert [by for _, by in found] == [None] * budget + ["thinking_budget"] * len(END) + [None] * 3


def test_it_waits_until_a_character_is_complete() -> None:
    chain = chain_of(1)
    stage = chain.stages[0]
    for byte in "あ".encode():
        assert stage.next_token is None  # type: ignore[attr-defined]  # it is the budget's
        chain.accept(byte)
    assert stage.next_token == ord("<")  # type: ignore[attr-defined]


def test_a_mark_that_is_one_token_is_put_as_that_token() -> None:
    found = taken(chain_of(0, MARKS), 2)
    assert found[0] == (MARKS.end_tokens[0], "thinking_budget")
    assert found[1][1] is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["", "<think>", "Hi <think>\n"]),
    st.text("ab<think>/ あ", max_size=30),
    st.integers(-1, 6),
    st.integers(0, 20),
)
def test_a_fork_knows_where_it_is_and_so_does_a_chain_that_follows(
    prompt: str, reply: str, budget: int, at: int
) -> None:
    tokens = BYTES.tokenize(reply.encode())
    chain, followed = chain_of(budget, prompt=prompt), chain_of(budget, prompt=prompt)
    chain.accept_prompt(())
    chain.accept_prompt(BYTES.tokenize(prompt.encode()))
    for token in tokens[:at]:
        chain.accept(token)
    fork = chain.clone()
    for token in tokens[at:]:
        chain.accept(token)
        fork.accept(token)
    followed.follow(tokens)
    anew = chain_of(-1 if budget >= 0 else 3, prompt=prompt)
    anew.follow(tokens)
    assert chain.set_by == fork.set_by == followed.set_by == anew.variant(chain.origin.settings).set_by
    fork._chooser, chain._chooser = followed._chooser.clone(), followed._chooser.clone()
    one, two, three = (each.choose(row(1)).pick for each in (chain, fork, followed))
    assert one == two == three


def test_the_ledger_says_what_the_budget_took_out_and_why_it_rests() -> None:
    writer = LedgerWriter()
    choice = chain_of(0).choose(row(1), writer.watch)
    ledger = writer.close(0, choice.pick)
    assert ledger.stages[0].name == "thinking_budget"
    assert ledger.removed()[0].count == 257
    chain_of(0, None).choose(row(1), writer.watch)
    assert writer.close(0, choice.pick).stages[0].idle == "no_thinking"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(0, 9))
def test_without_thinking_a_budget_changes_no_bit(seed: int, budget: int) -> None:
    ours, plain = chain_of(budget, None, "Hi"), chain_of(-1, None, "Hi")
    for step in range(4):
        one, two = ours.choose(row(seed + step)), plain.choose(row(seed + step))
        assert one.pick == two.pick
        assert one.candidates.data.tobytes() == two.candidates.data.tobytes()
        ours.accept(one.pick.token)
        plain.accept(two.pick.token)
