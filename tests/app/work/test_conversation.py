"""Conversations: what the browser keeps of them comes back, and an edit makes a new one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.reply_facts import facts

from tsumami.app.tabs.chat import view
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.prompts import Exchange

EN, JA = Texts("en"), Texts("ja")
patient = settings(deadline=None)  # for examples on a machine that is busy with other tests


exchanges = st.builds(
    Exchange, st.text(), st.text(), st.sampled_from([None, facts(), facts(prompt="```\n````", seed=9)])
)
ways = st.lists(st.lists(exchanges, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple)
branched = st.builds(dataclasses.replace, exchanges, before=ways, after=ways)
conversations = st.lists(exchanges | branched, max_size=4).map(lambda made: Conversation(tuple(made)))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@patient
@given(conversations)
def test_a_conversation_comes_back_from_json(conversation: Conversation) -> None:
    assert Conversation.from_json(json.loads(json.dumps(conversation.to_json()))) == conversation


@patient
@given(json_values)
def test_garbage_in_the_storage_is_an_empty_conversation(garbage: Any) -> None:
    assert Conversation.from_json(garbage) == Conversation()
    wrapped = {"version": 1, "exchanges": garbage}
    assert Conversation.from_json(wrapped) == Conversation()


@patient
@given(st.sampled_from([field.name for field in dataclasses.fields(ReplyFacts)]), json_values)
def test_broken_facts_in_the_storage_never_break_the_page(name: str, garbage: Any) -> None:
    stored = Conversation((Exchange("a", "b", facts()),)).to_json()
    stored["exchanges"][0]["facts"][name] = garbage
    for texts in (EN, JA):
        assert view.talk(texts, Conversation.from_json(stored)) is not None
    stored["exchanges"][0]["facts"].pop(name)
    optional = name == "kept"  # an earlier version has not said it
    assert (Conversation.from_json(stored) == Conversation()) is not optional


@patient
@given(conversations, st.text(), st.data())
def test_edits_make_new_conversations(conversation: Conversation, text: str, data: st.DataObject) -> None:
    before = conversation.to_json()
    asked = conversation.ask(text)
    assert asked.exchanges == (*conversation.exchanges, Exchange(text))
    assert asked.without_last() == conversation
    assert asked.answered("yes").reopened() == asked
    own = asked.answered("yes").rewritten(len(conversation), "no")
    assert Conversation.from_json(json.loads(json.dumps(own.to_json()))) == own
    if len(conversation):
        index = data.draw(st.integers(0, len(conversation) - 1))
        edited = conversation.beside(index, text)
        assert edited.exchanges[:-1] == conversation.exchanges[:index]
        assert edited.exchanges[-1].user == text
        assert conversation.branched(index).exchanges == conversation.exchanges[: index + 1]
    assert conversation.to_json() == before


def test_messages_alternate_and_only_an_open_question_ends_with_the_user() -> None:
    conversation = Conversation((Exchange("a", "b"), Exchange("c", ""), Exchange("d", "e")))
    roles = [message.role for message in conversation.messages("s")]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert conversation.ask("f").messages()[-1].content == "f"


# --- several replies to one message


def test_a_reply_stays_beside_the_next_one_and_comes_back_with_what_followed_it() -> None:
    first = Conversation().ask("Q").answered("one", facts(seed=1)).ask("and?").answered("so")
    back = first.without_last()
    second = back.beside().answered("two", facts(seed=2))
    third = second.beside().answered("three", facts(seed=3))
    assert [one.reply for one in third.exchanges[0].replies] == ["one", "two", "three"]
    assert third.exchanges[0].reply == "three"
    turned = third.turned(0, -1)
    assert (turned.exchanges[0].reply, [one.reply for one in turned.exchanges[0].replies]) == (
        "two",
        ["one", "two", "three"],
    )
    assert turned.turned(0, 1) == third
    gone_on = turned.ask("why?").answered("because")
    assert [one.user for one in gone_on.turned(0, -1).exchanges] == ["Q"], "what followed the other goes with it"
    assert gone_on.turned(0, -1).turned(0, 1) == gone_on
    assert third.turned(0, 1) == third, "there is none after the last one"
    assert [message.content for message in turned.messages()] == ["Q", "two"], "a prompt holds the one that is shown"


def test_the_same_reply_from_the_same_settings_stands_there_once() -> None:
    one = facts(seed=1)
    conversation = Conversation().ask("Q").answered("yes", one)
    assert conversation.beside().answered("yes", one).settled() == conversation
    for other in (facts(seed=2), facts(seed=1, settings={"top_k": 3}), facts(seed=1, stop_reason="cancelled")):
        twice = conversation.beside().answered("yes", other)
        assert twice.settled() == twice
