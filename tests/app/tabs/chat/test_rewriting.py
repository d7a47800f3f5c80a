"""Own words, branches and deletions: nothing is lost by them, and there is a way back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from tests.support.reply_facts import facts

from tsumami.app.tabs.chat.parts import Shown
from tsumami.app.tabs.chat.rewriting import Rewriting
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.notebook import Notebook, on_page, opened
from tsumami.app.work.tasks import Tasks

EN = Texts("en")


def reader(window: str = "a", address: str = "127.0.0.1") -> Any:
    request = SimpleNamespace(client=SimpleNamespace(host=address), headers={"host": "localhost"})
    return SimpleNamespace(session_hash=window, username=None, request=request)


@pytest.fixture
def rewriting(keeping: Keeping) -> Rewriting:
    return Rewriting(EN, keeping, Tasks())


def spoken(*texts: str) -> Conversation:
    made = Conversation()
    for text in texts:
        made = made.ask(text).answered(text.upper(), facts())
    return made


def do(rewriting: Rewriting, stored: Any, what: str, exchange: int = 0, visit: Any = None, **more: Any) -> Shown:
    event: Any = SimpleNamespace(_data={"do": what, "exchange": exchange, **more})
    return rewriting.on_change(event, visit or reader(), stored)


def conversation(rewriting: Rewriting, shown: Shown) -> Conversation:
    return opened(rewriting.history, reader(), shown.store)


def said(rewriting: Rewriting, shown: Shown) -> list[str]:
    return [one.user + one.reply for one in conversation(rewriting, shown).exchanges]


def test_own_words_are_marked_and_carry_no_account(rewriting: Rewriting) -> None:
    shown = do(rewriting, spoken("a", "b").to_json(), "rewrite", 0, value="mine")
    assert said(rewriting, shown) == ["amine"]
    (row,) = shown.chat
    assert (row["own"], row["account"], row["half"], row["variant"]["of"], row["variant"]["why"]) == (
        "all", "", False, 2, False
    )  # fmt: skip
    assert do(rewriting, shown.store, "rewrite", 0, value="mine") == Shown(), "nothing was changed"


def test_an_empty_reply_is_none(rewriting: Rewriting, capsys: pytest.CaptureFixture[str]) -> None:
    assert do(rewriting, spoken("a").to_json(), "rewrite", 0, value=" \n") == Shown()
    assert "empty" in capsys.readouterr().out


@pytest.mark.parametrize("number", [-1, 2, 99])
def test_a_page_that_is_behind_does_no_harm(rewriting: Rewriting, number: int) -> None:
    for what in ("rewrite", "branch", "delete"):
        assert do(rewriting, spoken("a", "b").to_json(), what, number, value="x", asked=False) == Shown()


def test_what_was_taken_out_comes_back_one_after_the_other(rewriting: Rewriting) -> None:
    whole = spoken("a", "b", "c").to_json()
    once = do(rewriting, whole, "delete", 1)
    twice = do(rewriting, once.store, "delete", 0)
    assert (said(rewriting, once), said(rewriting, twice)) == (["aA", "cC"], ["cC"])
    assert once.chat["gone"] != twice.chat["gone"]
    back = do(rewriting, twice.store, "bring_back")
    assert said(rewriting, back) == ["aA", "cC"]
    assert back.chat["gone"], "there is more to bring back"
    assert said(rewriting, do(rewriting, back.store, "bring_back")) == ["aA", "bB", "cC"]


def test_what_was_taken_out_of_a_conversation_that_went_on_stays_out(
    rewriting: Rewriting, capsys: pytest.CaptureFixture[str]
) -> None:
    less = do(rewriting, spoken("a", "b").to_json(), "delete", 1)
    gone_on = conversation(rewriting, less).ask("c")
    for visit in (reader(), reader("another window")):
        assert do(rewriting, on_page(gone_on), "bring_back", visit=visit) == Shown()
        assert "gone on" in capsys.readouterr().out


def test_a_branch_is_a_conversation_of_its_own_in_the_list(
    rewriting: Rewriting, keeping: Keeping, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = Notebook.of(keeping, reader())
    whole = notes.saved(spoken("a", "b", "c"))
    shown = do(rewriting, whole.to_json(), "branch", 1, asked=False)
    assert "new conversation" in capsys.readouterr().out
    made = conversation(rewriting, shown)
    assert said(rewriting, shown) == ["aA", "bB"]
    assert made.place is not None
    assert made.place != whole.place
    assert {one.name for one in notes.all()} == {"a", "a (branch)"}
    assert notes.named(str(whole.place and whole.place.key)).exchanges == whole.exchanges, "that stays as it was"


def test_a_branch_before_a_message_has_the_message_in_the_box(
    rewriting: Rewriting, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = do(rewriting, spoken("a", "b").to_json(), "branch", 1, asked=True)
    assert "new conversation" in capsys.readouterr().out
    assert (said(rewriting, shown), shown.message) == (["aA"], "b")


def test_where_nothing_is_kept_there_is_no_branch(rewriting: Rewriting, capsys: pytest.CaptureFixture[str]) -> None:
    shown = do(rewriting, spoken("a").to_json(), "branch", 0, reader(address="192.0.2.7"), asked=False)
    assert "not kept" in capsys.readouterr().out
    assert shown == Shown()
    assert shown.store == gr.skip()
