"""What is made on the page is kept whatever ends it, as its maker's, and is in nobody's way where it cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.formatted import Formatted

from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeper, Keeping
from tsumami.app.work.replying import Growing, Sending, reply
from tsumami.app.work.tasks import Tasks
from tsumami.errors import EngineError, HistoryError
from tsumami.history import History
from tsumami.settings import Settings
from tsumami.testing import saying

WARM = Settings(temperature=2, seed=1, max_tokens=6)


@dataclass
class Visit:
    """A request: from where, and who has logged in."""

    request: Any
    username: str | None = None
    session_hash: str | None = "s"


def visit(address: str = "127.0.0.1", user: str | None = None, **headers: str) -> Visit:
    request = SimpleNamespace(client=SimpleNamespace(host=address), headers={"host": "localhost", **headers})
    return Visit(request, user)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "h.sqlite") as made:
        yield made


def grown(
    store: History, conversation: Conversation, made: Settings = WARM, model: Any = None, tasks: Any = None
) -> Iterator[Growing]:
    with (tasks or Tasks[Any]()).ask("s") as asked:
        yield from reply(
            model or Formatted.dicey(), conversation, made, Sending(memory=3), asked=asked, keeper=Keeper(store)
        )


def talk(store: History, conversation: Conversation, made: Settings = WARM) -> Conversation:
    return list(grown(store, conversation, made))[-1].conversation


# --- what is kept ---


def test_a_conversation_is_kept_as_a_tree_and_comes_back_as_it_was(store: History) -> None:
    first = talk(store, Conversation().ask("おはよう\nございます"))
    second = talk(store, first.ask("And?"))
    again = talk(store, second.reopened(), WARM.replace(seed=2))
    edited = talk(store, second.beside(0, "Hello"))
    longer = talk(store, second)
    keys = [one.kept for one in (first, second, again, edited, longer)]
    entries = [store.entry(str(key)) for key in keys]
    assert [entry.parent for entry in entries] == [None, keys[0], keys[0], None, keys[1]]
    assert {entry.kind for entry in entries} == {"chat"}
    assert entries[0].asked == "おはよう"
    for conversation in (first, second, again, edited, longer):
        assert Conversation.remembered(store, str(conversation.kept)) == alone(conversation)
    assert [entry.key for entry in store.tree(str(keys[4]))] == [keys[0], keys[1], keys[2], keys[4]]
    turn = store.turn(str(keys[1]))
    assert turn is not None
    assert (turn.user, turn.memory, turn.again) == ("And?", 3, False)


def test_what_a_reader_wrote_or_took_out_is_told_by_the_replies_after_it(store: History) -> None:
    talked = Conversation()
    for word in ("a", "b", "c"):
        talked = talk(store, talked.ask(word))
    own = talk(store, talked.rewritten(1, "my own words").ask("d"))
    assert Conversation.remembered(store, str(own.kept)) == alone(own)
    assert [one.own for one in Conversation.remembered(store, str(own.kept)).exchanges] == [0, 12, 0]
    further = talk(store, own.ask("e"))
    assert Conversation.remembered(store, str(further.kept)) == alone(further)
    assert store.turn(str(further.kept)).before is None, "the reply before says it"  # type: ignore[union-attr]
    less = talk(store, further.without(1).ask("f"))
    assert [one.user for one in Conversation.remembered(store, str(less.kept)).exchanges] == ["a", "d", "e", "f"]
    longer = talk(store, less)
    assert Conversation.remembered(store, str(longer.kept)) == alone(longer)
    forms = list(store.export([store.entry(str(own.kept))]))
    with History(store.path.with_name("other.sqlite")) as other:
        other.take(forms[0] | {"parent": None})
        assert [one.user for one in Conversation.remembered(other, str(own.kept)).exchanges] == ["b", "d"]


def test_a_readers_words_are_gone_on_with_as_text_and_stay_theirs(store: History) -> None:
    first = talk(store, Conversation().ask("q"))
    own = talk(store, first.rewritten(0, "はい、そう"))
    (last,) = own.exchanges
    assert last.reply.startswith("はい、そう")
    assert len(last.reply) > 5
    assert last.own == 5
    assert last.facts is not None
    assert last.facts.receipt["begun"], "the receipt says that these tokens were given"
    assert Conversation.remembered(store, str(own.kept)) == alone(own)


def alone(conversation: Conversation) -> Conversation:
    """Without the other ways, which a line of replies does not tell."""
    return Conversation(tuple(one.alone for one in conversation.exchanges))


def test_a_reply_that_went_into_the_prompt_comes_back_whole(store: History) -> None:
    first = talk(store, Conversation().ask("q"), WARM.replace(max_tokens=8))
    part = first.exchanges[-1].reply[2:4]
    longer = talk(store, first, WARM.replace(stop=(part,)))
    assert Conversation.remembered(store, str(longer.kept)) == longer


def test_what_is_answered_after_its_reply_was_forgotten_is_kept_without_it(store: History) -> None:
    first = talk(store, Conversation().ask("a"))
    store.forget(str(first.kept))
    second = talk(store, first.ask("b"))
    assert store.entry(str(second.kept)).parent is None


def test_a_reply_that_is_stopped_or_left_is_kept_as_far_as_it_came(store: History) -> None:
    tasks = Tasks[Any]()
    for _ in grown(store, Conversation().ask("stopped"), WARM.replace(max_tokens=500), tasks=tasks):
        tasks.stop("s")
    with closing(grown(store, Conversation().ask("left"), WARM.replace(max_tokens=500))) as left:
        next(left)
    found = store.find()
    assert [(entry.asked, entry.stop) for entry in found] == [("left", "cancelled"), ("stopped", "cancelled")]
    assert all(store.get(entry.key).tokens for entry in found)


def test_a_reply_that_fails_stays_as_one_that_did_not_come_to_its_end(store: History) -> None:
    model = Formatted(saying("Once upon a time"))
    begin = model.stream

    def broken(*given: Any) -> Any:
        stream = begin(*given)
        stream._making._ticket.future.cancel()

        def result() -> None:
            raise EngineError("broke")

        stream._making._ticket = SimpleNamespace(result=result)
        return stream

    model.stream = broken  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="broke"):
        list(grown(store, Conversation().ask("q"), Settings(temperature=0), model))
    (entry,) = store.find("is:unfinished")
    assert entry.asked == "q"
    assert store.get(entry.key).text == "Once upon a time"


def test_a_long_reply_is_there_before_it_has_ended(store: History, monkeypatch: pytest.MonkeyPatch) -> None:
    now, replies = time.monotonic(), grown(store, Conversation().ask("q"), WARM.replace(max_tokens=40))
    clock = iter(range(100_000))
    monkeypatch.setattr(time, "monotonic", lambda: now + next(clock))
    next(replies)
    (entry,) = store.find()
    assert not entry.finished
    last = list(replies)[-1]
    assert store.entry(entry.key).finished
    assert last.conversation.kept == entry.key


# --- whose it is ---


@pytest.mark.parametrize(
    ("wanted", "who", "owner"),
    [
        (None, visit(), ""),
        (None, visit(user="ann"), "ann"),
        (None, visit("192.0.2.7"), None),
        (None, visit("192.0.2.7", "ann"), None),
        (None, visit(**{"x-forwarded-for": "192.0.2.7"}), None),
        (None, visit(origin="http://elsewhere.example"), None),
        (None, Visit(None), None),
        (True, visit(), ""),
        (True, visit("192.0.2.7"), None),
        (True, visit("192.0.2.7", "ann"), "ann"),
        (False, visit(), None),
    ],
)
def test_what_is_kept_is_its_makers(tmp_path: Path, wanted: bool | None, who: Visit, owner: str | None) -> None:
    keeping = Keeping(wanted, tmp_path / "h.sqlite")
    store = keeping.store(who)
    assert (None if store is None else store._owner) == owner
    assert (tmp_path / "h.sqlite").exists() == (owner is not None)
    keeping.close()


# --- where it cannot be kept ---


def test_a_history_that_cannot_be_opened_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keeping = Keeping(path=tmp_path / "file" / "h.sqlite")
    for _ in range(2):
        keeper = keeping.keeper(visit())
        with Tasks[Any]().ask("s") as asked:
            made = list(reply(Formatted.dicey(), Conversation().ask("q"), WARM, Sending(), asked=asked, keeper=keeper))
        assert made[-1].done
        assert made[-1].conversation.kept is None
    assert isinstance(keeping.untold(visit()), HistoryError)
    assert keeping.untold(visit()) is None


def test_a_history_that_goes_while_a_reply_is_written_stops_nothing(tmp_path: Path) -> None:
    keeping = Keeping(path=tmp_path / "h.sqlite")
    keeper = keeping.keeper(visit())
    for file in tmp_path.iterdir():
        file.unlink()
    with Tasks[Any]().ask("s") as asked:
        made = list(reply(Formatted.dicey(), Conversation().ask("q"), WARM, Sending(), asked=asked, keeper=keeper))
    assert made[-1].done
    assert "has gone" in str(keeping.untold(visit()))
    keeping.close()
