"""What is shown of a conversation: text as text, and an account after each reply."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.reply_facts import facts

import tsumami.app
from tsumami.app.tabs.chat import view
from tsumami.app.words.texts import LANGUAGES, Language, Texts
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.prompts import Exchange

EN, JA = Texts("en"), Texts("ja")


@given(st.text())
def test_what_was_said_and_sent_is_handed_on_as_it_is(text: str) -> None:
    conversation = Conversation((Exchange(text, text, facts(prompt=text, receipt={"prompt": text})),))
    (shown,) = view.talk(EN, conversation)
    assert (shown["user"], shown["reply"]) == (text, text)
    codes = [part["text"] for part in view.account(EN, conversation.exchanges[0].facts) if part["kind"] == "code"]
    assert codes[0] == text
    assert json.loads(codes[-1]) == {"prompt": text}


def test_the_context_line_holds_no_words_but_ours() -> None:
    class Ahead:
        prompt = tsumami.runs.Prompt("<script>", tuple(range(10)))
        dropped = 3

    for texts in (EN, JA):
        line = view.context_line(texts, Ahead(), 100)  # type: ignore[arg-type]  # as Outlook
        assert "<script>" not in line
        assert "10" in line


@pytest.mark.parametrize("texts", [EN, JA])
def test_a_finished_reply_has_its_account_and_an_unfinished_one_says_so(texts: Texts) -> None:
    conversation = Conversation((Exchange("a", "b", facts()), Exchange("c", "d"), Exchange("e")))
    told = [(bool(one["account"]), one["half"], one["growing"]) for one in view.talk(texts, conversation)]
    assert told == [(True, False, False), (False, True, False), (False, False, False)]
    half = Conversation(conversation.exchanges[:2])
    assert not view.talk(texts, half, growing=True)[-1]["half"], "it is still being written"
    assert [one["growing"] for one in view.talk(texts, half, growing=True)] == [False, True]


def test_a_readers_own_words_are_marked_and_claim_nothing() -> None:
    own = Conversation().ask("a").answered("b", facts()).rewritten(0, "mine")
    gone_on = own.answered("mine and more", facts())
    growing = view.talk(EN, own.answered("mine and"), growing=True)
    rows = [view.talk(EN, one)[0] for one in (own, gone_on)] + growing
    assert [(row["own"], bool(row["account"]), row["half"]) for row in rows] == [
        ("all", False, False), ("begun", True, False), ("begun", False, False)
    ]  # fmt: skip
    assert view.talk(EN, own.answered("mine and"))[0]["half"], "what came to it was not seen to its end"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_account_says_whether_the_text_is_complete_and_gives_one_token_no_speed(language: Language) -> None:
    told = {"complete": True, "since": 7, "then": "blank", "ja": "空白だけ", "en": "only white space"}

    def shown(one: ReplyFacts) -> str:
        return "\n".join(part["text"] for part in view.account(Texts(language), one))

    assert str(told[language]) in shown(facts(receipt={"engine": {}, "completeness": told}, generated=1))
    assert str(told[language]) not in shown(facts())
    assert "12" in view.account(Texts(language), facts(), own=12)[0]["text"], "a reader's own words are no result"
    title = view.account_title(Texts("en"), facts(generated=1))
    assert "1 token ·" in title
    assert "– tokens/s" in title
