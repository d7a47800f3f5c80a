"""What is shown of a conversation: text as text, and an account after each reply."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.reply_facts import facts

import tsumami.app
from tsumami.app.tabs.chat import view
from tsumami.app.words.texts import LANGUAGES, Language, Texts
from tsumami.app.work.conversation import Conversation
from tsumami.prompts import Exchange

EN, JA = Texts("en"), Texts("ja")
patient = settings(deadline=None)  # for examples on a machine that is busy with other tests


@patient
@given(st.text() | st.sampled_from(["```", "\n```\n", "````\n```", "~~~", "``` ", "\r```"]))
def test_no_prompt_ends_its_code_block(prompt: str) -> None:
    shown_text = view.account(EN, facts(prompt=prompt, receipt={"prompt": prompt}))
    lines = re.split(r"\r\n|\r|\n", shown_text)
    fences = [line for line in lines if re.match(r"^`{3,}(text|json)$", line)]
    assert len(fences) >= 3
    fence = fences[0].removesuffix("text")
    inside = re.split(r"\r\n|\r|\n", prompt)
    assert not any(re.match(rf"^ {{0,3}}{fence}`*\s*$", line) for line in inside)


@patient
@given(
    st.lists(st.sampled_from(["<b>", "&lt;", "&amp;", "`", "``", "```", "\n", "~~~", " ", "x", "<", "&", "</p>"])).map(
        "".join
    )
)
def test_what_is_shown_as_text_reads_back(said: str) -> None:
    assert view.as_said(view.as_text(said)) == said


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("<b>hi</b> & <3", "&lt;b>hi&lt;/b> & <3"),
        ("&lt; is <", "&amp;lt; is <"),
        ("`<b>` <b>", "`<b>` &lt;b>"),
        ("```\n<b>\n```\n<b>", "```\n<b>\n```\n&lt;b>"),
        ("so:\n```html\n<b>\n", "so:\n```html\n<b>\n"),
        ("<!-- x --><?php", "&lt;!-- x -->&lt;?php"),
    ],
)
def test_tags_are_shown_and_code_is_left_alone(said: str, text: str) -> None:
    assert view.as_text(said) == text


def test_the_context_line_holds_no_words_but_ours() -> None:
    class Ahead:
        prompt = tsumami.runs.Prompt("<script>", tuple(range(10)))
        dropped = 3

    for texts in (EN, JA):
        line = view.context_line(texts, Ahead(), 100)  # type: ignore[arg-type]  # as Outlook
        assert "<script>" not in line
        assert "10" in line


@pytest.mark.parametrize("texts", [EN, JA])
def test_each_reply_is_followed_by_its_account(texts: Texts) -> None:
    conversation = Conversation((Exchange("a", "b", facts()), Exchange("c", "d"), Exchange("e")))
    roles = [(m["role"], "metadata" in m) for m in view.chat_messages(texts, conversation)]
    assert roles == [
        ("user", False),
        ("assistant", False),
        ("assistant", True),
        ("user", False),
        ("assistant", False),
        ("user", False),
    ]
    growing = view.chat_messages(texts, conversation, growing=True)
    assert growing[-1]["role"] == "assistant"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_account_says_whether_the_text_is_complete_and_gives_one_token_no_speed(language: Language) -> None:
    told = {"complete": True, "since": 7, "then": "blank", "ja": "空白だけ", "en": "only white space"}
    shown = view.account(Texts(language), facts(receipt={"engine": {}, "completeness": told}, generated=1))
    assert told[language] in shown
    assert told[language] not in view.account(Texts(language), facts())
    title = view.account_title(Texts("en"), facts(generated=1))
    assert "1 token ·" in title
    assert "– tokens/s" in title
