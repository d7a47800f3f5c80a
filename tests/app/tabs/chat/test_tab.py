"""The chat's handlers that look into a reply: its tokens, and another one in the place of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tsumami.app.parts import knob_panel
from tsumami.app.tabs.chat import view
from tsumami.app.tabs.chat.parts import Shown
from tsumami.app.tabs.chat.tab import ChatTab
from tsumami.app.words.texts import Texts
from tsumami.app.work.common import Common
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.explain.tokens import open_receipt
from tsumami.settings import Settings

HERE = ModelChoice("smollm2", EngineOptions(threads=1))
READER: Any = SimpleNamespace(session_hash="a", username=None, request=None)
WARM = Settings(max_tokens=6, seed=3, temperature=1.2)


@pytest.fixture(scope="module")
def tab() -> Iterator[ChatTab]:
    shelf = Shelf(HERE)
    yield ChatTab(Texts("en"), Common(shelf), 2048)
    shelf.close()


def how(settings: Settings = WARM) -> list[Any]:
    panel = knob_panel.contents(settings)
    return [HERE, "auto", "", -1, True, panel, False, "auto", 1.0]


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


def ended(shown: Iterator[Any]) -> Conversation:
    stored = [one.store for one in shown if isinstance(one.store, dict) and "exchanges" in one.store]
    return Conversation.from_json(stored[-1])


@pytest.fixture(scope="module")
def talk(tab: ChatTab) -> Conversation:
    return ended(tab.on_send(READER, "Name a colour.", Conversation().to_json(), *how()))


def test_a_reply_is_shown_as_its_tokens_with_what_could_have_stood_there(tab: ChatTab, talk: Conversation) -> None:
    (exchange,) = talk.exchanges
    shown = tab.on_look(event(exchange=0, tokens=True), READER, HERE, talk.to_json())["tokens"]
    assert shown["exchange"] == 0
    assert "".join(one["text"] for one in shown["tokens"]) == exchange.reply
    assert all(one["others"] and one["final"].endswith("%") for one in shown["tokens"])
    assert not any(one["own"] or one["chosen"] for one in shown["tokens"])


def test_another_token_makes_a_reply_beside_it_which_begins_as_it_did(tab: ChatTab, talk: Conversation) -> None:
    (first,) = talk.exchanges
    row = tab.on_look(event(exchange=0, tokens=True), READER, HERE, talk.to_json())["tokens"]["tokens"][2]
    other = row["others"][0]["id"]
    hot = how(Settings(max_tokens=2, seed=9, temperature=0))  # its own settings hold, whatever the panel says
    made = ended(tab.on_edit(event(exchange=0, at=2, token=other), READER, talk.to_json(), *hot))
    (last,) = made.exchanges
    assert last.facts is not None
    assert first.facts is not None
    tokens, before = last.facts.receipt["reply_tokens"], first.facts.receipt["reply_tokens"]
    assert tokens[:3] == [*before[:2], other]
    assert (last.facts.seed, last.facts.settings) == (first.facts.seed, first.facts.settings)
    assert (last.chosen, len(last.before)) == (3, 1)
    assert made.turned(0, -1).exchanges[0].reply == first.reply
    with tab.shelf.lend(HERE) as model:
        again = open_receipt(model, last.facts.receipt)
        assert again.sound is None, "its receipt says which tokens were given, and it comes out again"
        assert [one["chosen"] for one in view.tokens(last, again.run)][:4] == [False, False, True, False]


def test_a_message_in_the_middle_branches_and_nothing_is_lost(tab: ChatTab, talk: Conversation) -> None:
    longer = ended(tab.on_send(READER, "And an animal?", talk.to_json(), *how()))
    made = ended(tab.on_edit(event(exchange=0, value="Name a fruit."), READER, longer.to_json(), *how()))
    assert [one.user for one in made.exchanges] == ["Name a fruit."]
    assert [one.reply for one in made.turned(0, -1).exchanges] == [one.reply for one in longer.exchanges]


def test_own_words_have_no_tokens_of_a_model(tab: ChatTab, talk: Conversation) -> None:
    own = talk.rewritten(0, "Blue, or rather")
    with pytest.warns(UserWarning, match="receipt"):
        assert tab.on_look(event(exchange=0, tokens=True), READER, HERE, own.to_json())["tokens"]["tokens"] is None
    longer = ended(tab.on_go_on(READER, own.to_json(), *how()))
    shown = tab.on_look(event(exchange=0, tokens=True), READER, HERE, longer.to_json())["tokens"]["tokens"]
    assert shown[0]["own"]
    assert not shown[-1]["own"]
    assert "".join(one["text"] for one in shown if one["own"]) == "Blue, or rather"


def test_a_page_that_is_behind_does_no_harm(tab: ChatTab, talk: Conversation) -> None:
    assert list(tab.on_edit(event(exchange=9, value="x"), READER, talk.to_json(), *how())) == [Shown()]
    with pytest.warns(UserWarning, match="candidate"):
        *_, shown = tab.on_edit(event(exchange=0, at=99, token=5), READER, talk.to_json(), *how())
    assert shown.chat == view.talk(Texts("en"), talk)
