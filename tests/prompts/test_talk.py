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
    edited = answered.beside(index, "?")
    assert [one.alone for one in edited.exchanges] == [*answered.exchanges[:index], Exchange("?")]
    assert answered.until(index).exchanges == answered.exchanges[: index + 1]
    assert talk.exchanges == before


def spoken(*texts: str) -> Talk[int]:
    """Each message with its reply, which is the same in capitals."""
    made = Talk[int]()
    for text in texts:
        made = made.ask(text).answered(text.upper())
    return made


def shown(talk: Talk[int]) -> list[str]:
    return [one.user + one.reply for one in talk.exchanges]


def test_a_message_that_is_put_differently_stands_beside_what_it_was_and_nothing_is_lost() -> None:
    talk = spoken("a", "b", "c")
    other = talk.beside(1, "x").answered("X").ask("y").answered("Y")
    assert shown(other) == ["aA", "xX", "yY"]
    assert other.turned(1, -1) == talk.beside(1, "x").answered("X").ask("y").answered("Y").turned(1, -1)
    assert shown(other.turned(1, -1)) == shown(talk)
    assert other.turned(1, -1).turned(1, 1) == other
    third = other.beside(1, "z")
    assert [one.user for one in third.exchanges[1].replies] == ["b", "x", "z"]
    assert third.beside(1, "w").exchanges[1].before == third.exchanges[1].before, "nobody has answered z"


def test_a_reply_that_is_rewritten_is_a_readers_own_text_beside_what_it_was() -> None:
    talk = spoken("a", "b", "c")
    own = talk.rewritten(1, "mine")
    assert shown(own) == ["aA", "bmine"]
    last = own.exchanges[-1]
    assert (last.own, last.facts, last.tokens, last.thought) == (4, None, None, (0, 0))
    assert shown(own.turned(1, -1)) == shown(talk)
    assert own.ask("d").messages()[3] == Message("assistant", "mine")
    assert own.answered("mine and more", 3).exchanges[-1].own == 4, "what came to it is not"
    assert own.beside().answered("B").exchanges[-1].own == 0


def test_an_exchange_is_taken_out_of_the_middle_and_the_other_ways_from_there_stay() -> None:
    talk = spoken("a", "b", "c", "d")
    assert shown(talk.without(1)) == ["aA", "cC", "dD"]
    assert shown(talk.without(3)) == ["aA", "bB", "cC"]
    assert talk.without(1).exchanges == (talk.exchanges[0], *talk.exchanges[2:])
    branched = talk.beside(1, "x").answered("X").ask("y").answered("Y").beside().answered("YY")
    less = branched.without(1)
    assert shown(less) == ["aA", "yYY"]
    assert [one.user + one.reply for one in less.exchanges[1].replies] == ["bB", "yY", "yYY"]
    assert shown(less.turned(1, -2)) == ["aA", "bB", "cC", "dD"]
    last = spoken("a").beside().answered("AA")
    assert shown(last.without(0)) == ["aA"], "of several the one before it is shown"
    assert shown(last.turned(0, -1).without(0)) == ["aAA"]
    assert spoken("a").without(0) == Talk[int]()


def test_answering_again_keeps_the_other_ways() -> None:
    asked = spoken("a").beside()
    assert asked.beside() == asked.reopened() == asked


def test_nothing_said_stays_nothing_said() -> None:
    assert Talk[int]().reopened() == Talk[int]().without_last() == Talk[int]().beside() == Talk[int]()
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
