"""Replies: they grow, go on, and end with their place in the engine free."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.formatted import Formatted
from tests.support.scripted_server import ScriptedServer, broken_off

from tsumami.app.work.conversation import Conversation
from tsumami.app.work.replying import Growing, Sending, reply
from tsumami.app.work.tasks import Tasks
from tsumami.errors import PromptTooLongError, RemoteError, SettingsError
from tsumami.model import RemoteModel, load
from tsumami.prompts import Exchange
from tsumami.runs import STOP_REASONS
from tsumami.settings import Settings
from tsumami.testing import saying


def asking(
    model: Any, conversation: Conversation, tasks: Tasks[Any], made: Settings | None = None, *, session: str = "s"
) -> Iterator[Growing]:
    """A session's next reply."""
    with tasks.ask(session) as asked:
        yield from reply(model, conversation, made or Settings(), Sending(), asked=asked)


def talk(model: Any, conversation: Conversation, tasks: Tasks[Any] | None = None) -> list[Growing]:
    return list(asking(model, conversation, tasks or Tasks()))


def talk_with(model: Any, conversation: Conversation, made: Settings) -> Conversation:
    return list(asking(model, conversation, Tasks(), made))[-1].conversation


def test_a_reply_grows_and_ends_with_its_facts() -> None:
    updates = talk(Formatted(saying("はい、そうです。")), Conversation().ask("本当ですか"))
    assert [update.done for update in updates] == [False] * (len(updates) - 1) + [True]
    last = updates[-1].conversation.exchanges[-1]
    assert (last.user, last.reply) == ("本当ですか", "はい、そうです。")
    assert last.facts is not None
    assert last.facts.stop_reason in STOP_REASONS
    assert "".join(update.new_text for update in updates) == "はい、そうです。"
    assert all(update.conversation.exchanges[-1].facts is None for update in updates[:-1])


def test_going_on_keeps_what_was_written() -> None:
    begun = Conversation((Exchange("count", "one"),))
    updates = talk(Formatted(saying(", two")), begun)
    assert updates[-1].conversation.exchanges[-1].reply == "one, two"
    assert "".join(update.new_text for update in updates) == ", two"


@pytest.mark.parametrize("stored", [False, True], ids=["at hand", "from the browser"])
@pytest.mark.parametrize("seed", range(4))
def test_going_on_equals_never_having_stopped(seed: int, stored: bool) -> None:
    model, made = Formatted.dicey(), Settings(temperature=2, seed=seed, repeat_penalty=1.2)
    whole = talk_with(model, Conversation().ask("q"), made.replace(max_tokens=21))
    grown = Conversation().ask("q")
    for _ in range(7):  # by threes, so that it stops within characters
        grown = talk_with(model, grown, made.replace(max_tokens=3))
        assert "\ufffd" not in grown.exchanges[-1].reply
        grown = Conversation.from_json(json.loads(json.dumps(grown.to_json()))) if stored else grown
    (last,), (other,) = grown.exchanges, whole.exchanges
    assert (last.reply, last.tokens) == (other.reply, other.tokens)
    assert last.facts is not None
    assert last.facts.generated == 21


def test_a_random_reply_goes_on_with_its_own_rolls() -> None:
    model, made = Formatted.dicey(), Settings(temperature=2, max_tokens=4)
    first = talk_with(model, Conversation().ask("q"), made)
    more = talk_with(model, first, made)
    seeds = {one.exchanges[-1].facts.seed for one in (first, more) if one.exchanges[-1].facts}
    assert len(seeds) == 1


def test_a_reply_of_which_only_the_text_is_known_goes_on_with_its_tokens_read_again() -> None:
    model, made = Formatted.dicey(), Settings(temperature=2, seed=1, max_tokens=3)
    first = talk_with(model, Conversation().ask("q"), made)
    bare = Conversation((Exchange("q", first.exchanges[-1].reply),))
    assert talk_with(model, bare, made).exchanges[-1].reply.startswith(first.exchanges[-1].reply)


@pytest.mark.parametrize(
    ("knobs", "text"),
    [({"stop": ("n",)}, "one, two"), ({"logit_bias": {ord("o"): -float("inf")}}, "one, tw")],
    ids=["a stop text is in it", "a knob forbids it"],
)
def test_whatever_the_knobs_are_now_nothing_of_the_reply_is_lost(knobs: dict[str, Any], text: str) -> None:
    begun = Conversation((Exchange("count", "one"),))
    updates = list(asking(Formatted(saying(", two")), begun, Tasks(), Settings(temperature=0, max_tokens=5, **knobs)))
    assert all(update.conversation.exchanges[-1].reply.startswith("one") for update in updates)
    assert updates[-1].conversation.exchanges[-1].reply.startswith(text)


def test_a_prompt_that_is_too_long_fails_before_anything_is_said() -> None:
    model, sessions = Formatted(saying("x"), n_ctx=16), Tasks[Any]()
    with pytest.raises(PromptTooLongError):
        talk(model, Conversation().ask("y" * 50), sessions)
    assert (sessions.active, model.engine.open) == (0, 0)


def test_stop_keeps_what_was_written_and_frees_the_place() -> None:
    model, sessions = Formatted(saying("ab" * 5000), n_ctx=20_000), Tasks[Any]()
    growing = asking(model, Conversation().ask("q"), sessions, Settings(max_tokens=0))
    next(growing)
    assert sessions.stop("s")
    assert not sessions.stop("another")
    last = list(growing)[-1]
    assert last.done
    assert last.conversation.exchanges[-1].facts is not None
    assert (sessions.active, model.engine.open) == (0, 0)


def test_a_reader_that_goes_away_frees_the_place() -> None:
    model, sessions = Formatted(saying("ab" * 5000), n_ctx=20_000), Tasks[Any]()
    growing = asking(model, Conversation().ask("q"), sessions, Settings(max_tokens=0))
    next(growing)
    growing.close()
    until = time.monotonic() + 5
    while model.engine.open and time.monotonic() < until:
        time.sleep(0.01)
    assert (sessions.active, model.engine.open) == (0, 0)


def test_a_second_reply_of_a_session_ends_the_first_and_no_other() -> None:
    model, sessions = Formatted(saying("ab" * 5000), n_ctx=20_000), Tasks[Any]()

    def begin(session: str) -> Any:
        made = asking(model, Conversation().ask("q"), sessions, Settings(max_tokens=0), session=session)
        next(made)
        return made

    first, other = begin("s"), begin("t")
    second = begin("s")
    assert list(first)[-1].done
    assert sessions.active == 2
    for growing in (second, other):
        growing.close()
    assert sessions.active == 0


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[ScriptedServer, RemoteModel]]:
    """A model whose server is to choose by itself."""
    with ScriptedServer(saying("はい、そうです。")) as server, load(server.name, exact=False) as model:
        assert isinstance(model, RemoteModel)
        yield server, model


def test_a_reply_that_a_server_chooses_grows_in_one_call_and_then_has_its_facts(
    elsewhere: tuple[ScriptedServer, RemoteModel],
) -> None:
    server, model = elsewhere
    server.asked.clear()
    updates = talk(model, Conversation().ask("本当ですか"))
    assert next(body["stream"] for path, body in server.asked if path == "/completion")
    assert sum(body.get("stream", False) for _, body in server.asked) == 1
    assert "".join(update.new_text for update in updates) == "はい、そうです。"
    assert [update.done for update in updates] == [False] * (len(updates) - 1) + [True]
    last = updates[-1].conversation.exchanges[-1]
    assert (last.user, last.reply) == ("本当ですか", "はい、そうです。")
    assert last.tokens is not None
    assert bytes(last.tokens).decode() == last.reply
    assert last.facts is not None
    assert last.facts.stop_reason == "eog"
    assert last.facts.generation_per_second > 0


def test_such_a_reply_goes_on_where_it_stopped(elsewhere: tuple[ScriptedServer, RemoteModel]) -> None:
    first = talk_with(elsewhere[1], Conversation().ask("本当ですか"), Settings(max_tokens=9))
    assert first.exchanges[-1].reply == "はい、"
    assert talk_with(elsewhere[1], first, Settings(max_tokens=6)).exchanges[-1].reply == "はい、そう"


def test_such_a_reply_that_was_stopped_is_kept_as_it_is(elsewhere: tuple[ScriptedServer, RemoteModel]) -> None:
    server, model = elsewhere
    server.tricks.append(broken_off(1))
    updates: list[Growing] = []
    with pytest.raises(RemoteError, match="ended its stream"):
        updates.extend(asking(model, Conversation().ask("本当ですか"), Tasks()))
    assert (updates[-1].done, updates[-1].conversation.exchanges[-1].reply) == (True, "は")
    tasks: Tasks[Any] = Tasks()
    server.tricks.append(broken_off(9))
    replies = asking(model, Conversation().ask("本当ですか"), tasks)
    first = next(replies)
    tasks.stop("s")
    last = [first, *replies][-1]
    assert last.done
    assert last.conversation.exchanges[-1].reply.startswith("は")


def test_a_knob_that_such_a_model_lacks_is_refused_before_anything_is_asked(
    elsewhere: tuple[ScriptedServer, RemoteModel],
) -> None:
    with pytest.raises(SettingsError, match="vocabulary of a model that is here"):
        talk_with(elsewhere[1], Conversation().ask("x"), Settings(grammar='root ::= "a"'))


def test_where_the_server_lacks_a_knob_that_is_turned_our_chain_chooses(
    elsewhere: tuple[ScriptedServer, RemoteModel],
) -> None:
    server, model = elsewhere
    server.asked.clear()
    made = Settings(max_tokens=9, banned_texts=("x",))
    assert talk_with(model, Conversation().ask("本当ですか"), made).exchanges[-1].reply == "はい、"
    assert not any(body.get("stream") for _, body in server.asked)


def test_a_reply_of_which_only_the_text_is_known_is_gone_on_with_by_the_server_too(
    elsewhere: tuple[ScriptedServer, RemoteModel],
) -> None:
    begun = Conversation((Exchange("本当ですか", "はい"),))
    gone_on = talk_with(elsewhere[1], begun, Settings(max_tokens=3)).exchanges[-1]
    assert (gone_on.reply, gone_on.tokens) == ("はい、", tuple("はい、".encode()))
