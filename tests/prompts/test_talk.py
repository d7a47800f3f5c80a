"""A conversation is a value: what is done to it makes another one, and whoever keeps something of replies keeps it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tsumami.prompts import Exchange, Message, Talk

said = st.text(st.characters(codec="utf-8"))
talks = st.lists(st.builds(Exchange[int], said, said, st.none() | st.integers()), max_size=5).map(
    lambda made: Talk[int](tuple(made))
)


@given(talks, said, said, st.integers(), st.data())
def test_every_operation_makes_another_conversation_and_leaves_the_old_one(
    talk: Talk[int], text: str, reply: str, facts: int, data: st.DataObject
) -> None:
    before = talk.exchanges
    asked = talk.ask(text)
    answered = asked.answered(reply, facts)
    assert answered.exchanges == (*before, Exchange(text, reply, facts))
    assert answered.reopened() == asked
    assert answered.without_last() == talk
    index = data.draw(st.integers(0, len(answered) - 1))
    assert answered.edited(index, "?").exchanges == (*answered.exchanges[:index], Exchange("?"))
    assert talk.exchanges == before


def test_nothing_said_stays_nothing_said() -> None:
    assert Talk[int]().reopened() == Talk[int]().without_last() == Talk[int]()
    assert Talk[int]().messages() == ()


@given(talks)
def test_only_an_open_question_ends_with_the_user_and_a_begun_reply_with_the_assistant(talk: Talk[int]) -> None:
    messages = talk.ask("and?").messages()
    assert [message.role for message in messages] == ["user", "assistant"] * len(talk) + ["user"]
    begun = talk.ask("and?").answered("Well").messages()
    assert begun == (*messages, Message("assistant", "Well"))


def test_an_empty_system_prompt_is_one() -> None:
    """The llama2 format has one of its own, which `--system ''` takes away."""
    asked = Talk[int]().ask("Hi")
    assert asked.messages("") == (Message("system", ""), Message("user", "Hi"))
    assert asked.messages() == (Message("user", "Hi"),)
