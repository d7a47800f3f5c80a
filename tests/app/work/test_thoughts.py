"""What a reply thinks is shown by itself, is not spoken, and is not sent back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.app.work.test_replying import Formatted, talk

from tsumami.app.tabs.chat import view
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.thoughts import without_marks
from tsumami.testing import saying

TEMPLATE = "<think></think>"


def answers(reply: str, **how: Any) -> Any:
    return talk(Formatted(saying(reply), template=TEMPLATE), Conversation().ask("2+2?"), **how)


@pytest.mark.parametrize(
    ("reply", "thinking", "answer"),
    [
        ("<think>\nHm.\n</think>\n\nIt is 4. Sure.", "Hm.", "It is 4. Sure."),
        ("It is 4. <think>no</think>", "", "It is 4. <think>no</think>"),
        ("<think>Hm. And", "Hm. And", ""),
        ("<th", "", "<th"),
    ],
)
def test_it_is_shown_by_itself_not_spoken_and_not_sent_back(reply: str, thinking: str, answer: str) -> None:
    updates = answers(reply)
    last = updates[-1].conversation
    (shown,) = view.talk(Texts("en"), last)
    assert (shown["thinking"], shown["reply"]) == (thinking, answer)
    assert "".join(update.spoken or "" for update in updates).strip() == answer
    assert "".join(update.new_text for update in updates) == reply
    assert Conversation.from_json(last.to_json()) == last
    _, said, _ = last.ask("And 3+3?").messages()
    assert said.content.strip() == answer
    assert said.tokens is not None
    assert bytes(said.tokens[: len(said.content)]).decode() == said.content
    assert last.messages()[-1].content == reply


def test_while_it_grows_the_answer_never_holds_the_thinking() -> None:
    for update in answers("<think>aaa</think>bbb"):
        (shown,) = view.talk(Texts("en"), update.conversation, growing=not update.done)
        assert "a" not in shown["reply"]
        assert "b" not in shown["thinking"]


def test_a_conversation_of_an_earlier_version_has_thought_nothing() -> None:
    made = answers("<think>Hm.</think>4.")[-1].conversation
    form = made.to_json()
    del form["exchanges"][0]["thought"]
    assert Conversation.from_json(form).exchanges[0].thought == (0, 0)
    form["exchanges"][0]["thought"] = [10**6, 1]
    assert Conversation.from_json(form).exchanges[0].thought == (0, 0)


@pytest.mark.parametrize(
    ("text", "left"),
    [("<think>\na\n</think>", "a"), ("a\n</think>", "a"), ("[THINK]a", "a"), ("a <think> b", "a <think> b"), ("", "")],
)
def test_marks_are_not_shown(text: str, left: str) -> None:
    assert without_marks(text) == left
