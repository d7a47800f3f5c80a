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
conversations = st.lists(exchanges, max_size=5).map(lambda made: Conversation(tuple(made)))
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
    if len(conversation):
        index = data.draw(st.integers(0, len(conversation) - 1))
        edited = conversation.edited(index, text)
        assert edited.exchanges == (*conversation.exchanges[:index], Exchange(text))
    assert conversation.to_json() == before


def test_messages_alternate_and_only_an_open_question_ends_with_the_user() -> None:
    conversation = Conversation((Exchange("a", "b"), Exchange("c", ""), Exchange("d", "e")))
    roles = [message.role for message in conversation.messages("s")]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert conversation.ask("f").messages()[-1].content == "f"
