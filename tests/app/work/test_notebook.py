"""A conversation is where its reader left it, whole, from whichever window; and no window takes another's away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.formatted import Formatted

from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.notebook import Notebook, exchanges_on_page, last_message, on_page, opened, place_on_page
from tsumami.app.work.replying import Sending, reply
from tsumami.app.work.tasks import Tasks
from tsumami.history import History
from tsumami.settings import Settings


def reader(window: str = "a", *, user: str | None = None, address: str = "127.0.0.1") -> Any:
    request = SimpleNamespace(client=SimpleNamespace(host=address), headers={"host": "localhost"})
    return SimpleNamespace(session_hash=window, username=user, request=request)


def kept(keeping: Keeping) -> History:
    store = keeping.store(reader())
    assert store is not None
    return store


def act(keeping: Keeping, conversation: Conversation, visit: Any = None, *, seed: int = 1) -> Conversation:
    """What the chat does with a message: the conversation before its reply, and with it, saved as one act."""
    notes = Notebook.of(keeping, visit or reader())
    notes.saved(conversation)
    with Tasks[Any]().ask("s") as asked:
        how = Settings(temperature=2, seed=seed, max_tokens=6)
        *_, last = reply(Formatted.dicey(), conversation, how, Sending(), asked=asked, keeper=notes.keeper)
    return notes.saved(last.conversation)


def again(keeping: Keeping, conversation: Conversation, visit: Any = None) -> Conversation:
    """As it is shown after the page was loaded anew."""
    return opened(keeping, visit or reader("later"), json.loads(json.dumps(conversation.to_link())))


def said(keeping: Keeping, visit: Any = None) -> list[list[str]]:
    notes = Notebook.of(keeping, visit or reader())
    return [[one.user for one in notes.named(talk.key).exchanges] for talk in notes.all()]


def test_a_conversation_comes_back_with_all_replies_to_a_message_and_what_followed_each(keeping: Keeping) -> None:
    talk = act(keeping, act(keeping, Conversation().ask("夕焼け")).ask("and?"))
    talk = act(keeping, talk.beside(), seed=2)
    talk = Notebook.of(keeping, reader()).saved(talk.turned(1, -1))
    assert len(talk.exchanges[1].replies) == 2
    assert again(keeping, talk) == talk
    talk = act(keeping, talk)  # goes on with its reply
    talk = act(keeping, replace(talk, exchanges=talk.exchanges[:1]).beside(), seed=3)
    assert again(keeping, talk) == talk
    keeping.close()
    assert again(keeping, talk) == talk  # from a server that has started anew
    assert again(keeping, talk, reader("c", user="ann")).exchanges == ()
    assert len(said(keeping)) == 1


def test_what_the_history_does_not_have_stays_in_the_browser(keeping: Keeping) -> None:
    far = reader(address="192.0.2.7")
    talk = act(keeping, Conversation().ask("far away"), far)
    assert talk.place is None
    assert talk.to_link() == talk.to_json()
    assert again(keeping, talk, far) == talk
    assert said(keeping) == said(keeping, far) == []


def test_a_history_that_goes_leaves_the_conversation_with_the_browser(keeping: Keeping, tmp_path: Path) -> None:
    talk = act(keeping, Conversation().ask("q"))
    for file in tmp_path.iterdir():
        file.unlink()
    after = act(keeping, talk.ask("more"))
    assert again(keeping, after) == after
    assert [one.user for one in after.exchanges] == ["q", "more"]
    assert keeping.untold(reader()) is not None


def test_a_message_whose_reply_is_not_over_is_there(keeping: Keeping) -> None:
    half = Conversation().ask("long").answered("Once upon")
    shown = Notebook.of(keeping, reader()).saved(half)
    assert again(keeping, shown) == shown
    assert [one.name for one in Notebook.of(keeping, reader()).all()] == ["long"]


def test_conversations_are_listed_by_their_last_act_and_can_be_named(keeping: Keeping) -> None:
    first = act(keeping, Conversation().ask("first"))
    act(keeping, Conversation().ask("second"))
    first = act(keeping, first.ask("more"))
    assert first.place is not None
    notes = Notebook.of(keeping, reader())
    assert [one.name for one in notes.all()] == ["first", "second"]
    notes.name(first.place.key, "<b>旅</b>")
    assert [one.name for one in notes.all()] == ["<b>旅</b>", "second"]
    assert Notebook.of(keeping, reader(user="ann")).all() == []


def test_two_windows_never_take_anything_from_each_other(keeping: Keeping) -> None:
    begun = act(keeping, Conversation().ask("q"), reader("a"))
    other = again(keeping, begun, reader("b"))
    mine = act(keeping, begun.ask("mine"), reader("a"))
    theirs = act(keeping, other.ask("theirs"), reader("b"))
    assert mine.place == replace(begun.place, number=2)
    assert theirs.place is not None
    assert theirs.place.key != begun.place.key
    assert said(keeping) == [["q", "theirs"], ["q", "mine"]]
    # who has seen the other's act goes on in the same one, and then it is the first who parts
    act(keeping, again(keeping, mine, reader("b")).ask("b again"), reader("b"))
    act(keeping, mine.ask("a again"), reader("a"))
    assert said(keeping)[:2] == [["q", "mine", "a again"], ["q", "mine", "b again"]]


def test_a_window_goes_on_before_it_was_told_what_became_of_its_last_act(keeping: Keeping) -> None:
    begun = act(keeping, Conversation().ask("q"))
    act(keeping, begun.ask("more"))
    act(keeping, begun)  # as when a button is pressed while the answer to the one before is under way
    assert said(keeping) == [["q"]]


def test_a_reply_that_ends_late_takes_back_no_later_act(keeping: Keeping) -> None:
    late = Notebook.of(keeping, reader("a"))
    asked = late.saved(Conversation().ask("q"))
    # the page is loaded anew: what still grows is the same act, so nothing parts
    after = again(keeping, asked, reader("b"))
    late.saved(asked.answered("so far"))
    act(keeping, after.ask("next"), reader("b"))
    assert said(keeping) == [["q", "next"]]
    late.saved(asked.answered("so far and on"))
    assert late.parted
    assert said(keeping) == [["q"], ["q", "next"]]
    # its own window has gone on: nothing of it is shown any more
    late = Notebook.of(keeping, reader("c"))
    asked = late.saved(Conversation().ask("taken back"))
    Notebook.of(keeping, reader("c")).saved(asked.without_last())
    late.saved(asked.answered("too late"))
    assert not late.parted
    assert said(keeping) == [["q"], ["q", "next"]]


def test_a_forgotten_reply_is_in_no_conversation_and_a_forgotten_conversation_leaves_nothing(keeping: Keeping) -> None:
    store = kept(keeping)
    talk = act(keeping, act(keeping, act(keeping, Conversation().ask("a")).ask("b")).ask("c"))
    store.forget(str(talk.exchanges[1].facts.kept if talk.exchanges[1].facts else ""))
    assert [one.user for one in again(keeping, talk).exchanges] == ["a", "c"]
    store.prune()
    assert Notebook.of(keeping, reader()).all() == []
    talk = act(keeping, Conversation().ask("secret"))
    act(keeping, talk.ask("edited away"))
    last = act(keeping, talk.ask("kept"))
    assert last.place is not None
    assert Notebook.of(keeping, reader(user="ann")).forget(last.place.key) is None
    gone = Notebook.of(keeping, reader()).forget(last.place.key)
    assert store.find() == []
    assert again(keeping, last) == Conversation()
    # and back
    assert gone is not None
    for _ in range(2):
        Notebook.of(keeping, reader()).bring_back(gone)
    assert again(keeping, last).exchanges == last.exchanges
    assert [entry.asked for entry in store.find()] == ["kept", "edited away", "secret"]
    assert store.verify() == 3


def test_what_another_conversation_or_a_star_needs_is_not_forgotten(keeping: Keeping) -> None:
    store = kept(keeping)
    begun = act(keeping, Conversation().ask("q"))
    mine = act(keeping, begun.ask("mine"), reader("a"))
    theirs = act(keeping, begun.ask("theirs"), reader("b"))
    starred = act(keeping, mine.ask("starred"), reader("a"))
    last = act(keeping, starred.ask("last"), reader("a"))
    store.star(str(starred.kept))
    assert last.place is not None
    Notebook.of(keeping, reader()).forget(last.place.key)
    assert {entry.asked for entry in store.find()} == {"q", "mine", "starred", "theirs"}
    assert again(keeping, theirs) == theirs
    assert Conversation.remembered(store, str(starred.kept)).exchanges == starred.exchanges


@pytest.mark.parametrize("place", [None, 3, [], {"key": 1, "number": 1}, {"key": "a"}, {"key": "a", "number": "b"}])
def test_a_place_that_is_none_is_none(place: Any) -> None:
    assert Conversation.from_json({**Conversation().ask("q").to_json(), "place": place}).place is None


def test_a_page_hands_on_ids_and_gets_back_what_it_showed(keeping: Keeping) -> None:
    talk = act(keeping, act(keeping, Conversation().ask("夕焼け")).ask("and?"))
    talk = act(keeping, talk.beside(), seed=2)
    handed = json.loads(json.dumps(on_page(talk)))
    assert opened(keeping, reader("b"), handed) == talk
    assert len(json.dumps(on_page(talk))) < 120 * 4 < len(json.dumps(talk.to_json()))
    assert (place_on_page(handed), last_message(handed), exchanges_on_page(handed)) == (talk.place, "and?", 2)
    rewritten = Notebook.of(keeping, reader()).saved(talk.rewritten(1, "私の言葉"))
    assert opened(keeping, reader(), on_page(rewritten)) == rewritten


def test_a_page_that_shows_what_another_window_has_changed_goes_on_from_what_it_shows(keeping: Keeping) -> None:
    first = act(keeping, Conversation().ask("One"))
    shown = on_page(first)
    act(keeping, first.ask("Two"), reader("other"))
    assert opened(keeping, reader(), shown) == first


def test_what_was_forgotten_is_no_longer_handed_on(keeping: Keeping) -> None:
    talk = act(keeping, act(keeping, Conversation().ask("One")).ask("Two"))
    facts = talk.exchanges[0].facts
    assert facts is not None
    shown = on_page(talk)
    assert len(opened(keeping, reader(), shown)) == 2
    kept(keeping).forget(facts.kept)
    assert exchanges_on_page(shown) == 2, "so the page has to be drawn anew"
    assert [one.user for one in opened(keeping, reader(), shown).exchanges] == ["Two"]


def test_nobody_gets_what_anothers_ids_say(keeping: Keeping) -> None:
    keeping.wanted = True
    talk = act(keeping, Conversation().ask("mine"), reader(user="ann"))
    shown = on_page(talk)
    assert len(opened(keeping, reader(user="ann"), shown)) == 1
    assert not len(opened(keeping, reader(user="bob"), shown))
    assert not len(opened(Keeping(wanted=False), reader(), shown))


DEEP: Any = None
for _ in range(5000):
    DEEP = [{"kept": None, "before": [DEEP]}]


@pytest.mark.parametrize("outline", [[3], [None], [{}], [{"kept": 3}], [{"user": 3}], [{"before": 3}], DEEP, ["a"]])
def test_no_garbage_of_a_page_is_more_than_an_empty_conversation(keeping: Keeping, outline: Any) -> None:
    talk = act(keeping, Conversation().ask("One"))
    assert not len(opened(keeping, reader(), on_page(talk) | {"outline": outline}))


def test_who_has_no_history_is_handed_all() -> None:
    talk = Conversation().ask("One")
    assert on_page(talk) == talk.to_json()
    assert last_message(on_page(talk)) == "One"
    assert last_message(None) is last_message(on_page(Conversation())) is None
