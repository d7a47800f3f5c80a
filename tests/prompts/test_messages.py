"""Messages are checked once, where they come in; the memory forgets whole exchanges, oldest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.errors import EmptyPromptError, PromptError
from tsumami.prompts import Memory, Message, messages_from

SYSTEM = Message("system", "S")
CHAT = tuple(
    Message(role, f"{role[0]}{number}") for number in (1, 2, 3) for role in ("user", "assistant")
)  # u1 a1 u2 a2 u3 a3
NEW = Message("user", "new")


def contents(messages: tuple[Message, ...]) -> str:
    return " ".join(message.content for message in messages)


def test_a_string_is_one_user_message() -> None:
    assert messages_from("やあ") == (Message("user", "やあ"),)


def test_dicts_and_messages_mix_and_keep_their_order() -> None:
    given_messages = [{"role": "system", "content": "S"}, Message("user", "u"), {"content": "a", "role": "assistant"}]
    assert messages_from(given_messages) == (Message("system", "S"), Message("user", "u"), Message("assistant", "a"))


def test_one_dict_or_one_message_needs_no_list() -> None:
    assert messages_from({"role": "user", "content": "u"}) == messages_from(Message("user", "u"))


def test_a_message_survives_its_dict() -> None:
    assert messages_from([message.as_dict() for message in CHAT]) == CHAT


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([{"role": "bot", "content": "x"}], r"message 1: role 'bot' is unknown; use one of system, user, assistant"),
        ([{"role": ["user"], "content": "x"}], r"message 1: role \['user'\] is unknown"),
        ([{"role": "user", "content": "x"}, {"role": "user"}], r"message 2 has no 'content'"),
        ([{}], r"message 1 has no 'content' and no 'role'"),
        ([{"role": "user", "content": None}], r"content of a user message is NoneType; give it as one string"),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}]}], r"is list; give it as one string"),
        ([{"role": "user", "content": "x", "tool_calls": []}], r"message 1 has tool_calls; only 'role' and 'content'"),
        ([{"role": "user", "content": "ab\udc80"}], r"character 2 is the lone surrogate U\+DC80"),
        (["hello"], r"message 1 is str; give a dict"),
        (7, r"messages are int; give a string or a list"),
    ],
)
def test_a_message_that_does_not_fit_is_named(bad: object, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        messages_from(bad)  # type: ignore[arg-type]  # wrong types are what is tested


def test_no_message_at_all_is_an_empty_prompt() -> None:
    with pytest.raises(EmptyPromptError, match="there is no message"):
        messages_from([])


@pytest.mark.parametrize(
    ("exchanges", "kept", "dropped"),
    [
        (None, "S u1 a1 u2 a2 u3 a3 new", 0),
        (0, "S new", 6),
        (1, "S u3 a3 new", 4),
        (2, "S u2 a2 u3 a3 new", 2),
        (3, "S u1 a1 u2 a2 u3 a3 new", 0),
        (99, "S u1 a1 u2 a2 u3 a3 new", 0),
    ],
)
def test_memory_keeps_system_prompt_last_exchanges_and_new_message(
    exchanges: int | None, kept: str, dropped: int
) -> None:
    remembered = Memory(exchanges).keep((SYSTEM, *CHAT, NEW))
    assert (contents(remembered.messages), remembered.dropped) == (kept, dropped)


def test_a_reply_to_continue_belongs_to_the_new_message() -> None:
    assert contents(Memory(1).keep((SYSTEM, *CHAT)).messages) == "S u2 a2 u3 a3"
    assert contents(Memory(0).keep(CHAT).messages) == "u3 a3"


def test_a_message_that_was_never_answered_stays_with_the_one_after_it() -> None:
    assert contents(Memory(0).keep((*CHAT, Message("user", "unanswered"), NEW)).messages) == "unanswered new"


def test_a_greeting_is_no_exchange() -> None:
    greeting = Message("assistant", "hi")
    assert contents(Memory(1).keep((greeting, *CHAT[:2], NEW)).messages) == "hi u1 a1 new"
    assert contents(Memory(0).keep((greeting, *CHAT[:2], NEW)).messages) == "new"


def test_only_system_messages_are_all_kept() -> None:
    assert Memory(0).keep((SYSTEM, SYSTEM)).messages == (SYSTEM, SYSTEM)


@pytest.mark.parametrize("exchanges", [-1, 1.5, True, "2"])
def test_a_memory_that_cannot_work_is_refused(exchanges: object) -> None:
    with pytest.raises(PromptError, match="use a whole number from 0, or None"):
        Memory(exchanges)  # type: ignore[arg-type]  # wrong types are what is tested


@given(
    st.lists(st.sampled_from(("system", "user", "assistant")), min_size=1, max_size=12),
    st.integers(min_value=0, max_value=6),
)
def test_memory_drops_one_block_after_the_system_prompt_and_counts_it(roles: list[str], exchanges: int) -> None:
    messages = messages_from([{"role": role, "content": str(at)} for at, role in enumerate(roles)])
    remembered = Memory(exchanges).keep(messages)
    head = next((at for at, role in enumerate(roles) if role != "system"), len(roles))
    assert remembered.messages == messages[:head] + messages[head + remembered.dropped :]
    assert remembered.messages[-1] == messages[-1]
