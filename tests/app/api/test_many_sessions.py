"""Eight sessions at once on one model: nobody gets another text than alone, and nobody waits long for the first token.

The sessions talk through the function that both the page and its API use (tests/app/test_api.py sends eight clients
over HTTP), each with its own history, knobs, format and seed; one is stopped in the middle and one goes away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import tsumami
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.replying import Growing, Sending, reply
from tsumami.app.work.tasks import Tasks
from tsumami.presets import PRESETS
from tsumami.prompts import Exchange
from tsumami.settings import Settings

CROWD = 8
#: The promise: the first tokens of all come within three times of what one takes alone.
MOST_TIMES = 3.0


@dataclass(frozen=True)
class Session:
    """What one person says, and how."""

    name: str
    settings: Settings
    sending: Sending
    history: tuple[Exchange, ...] = ()

    def talk(self, model: tsumami.Model, sessions: Tasks[Any]) -> tuple[list[str], list[float]]:
        """Two questions; returns the replies, and for each the seconds to its first text."""
        conversation, replies, waits = Conversation(self.history), [], []
        for question in (f"Tell me about the {self.name}.", "Why?"):
            begun, first = time.monotonic(), 0.0
            for growing in self.ask(model, conversation.ask(question), sessions):
                first = first or time.monotonic() - begun
                said = growing.conversation
            conversation = said
            replies.append(conversation.exchanges[-1].reply)
            waits.append(first)
        return replies, waits

    def ask(self, model: tsumami.Model, conversation: Conversation, sessions: Tasks[Any]) -> Iterator[Growing]:
        """The reply to the conversation's last message."""
        with sessions.ask(self.name) as asked:
            yield from reply(model, conversation, self.settings, self.sending, asked=asked)


@pytest.fixture(scope="module")
def model(little: tsumami.Model) -> tsumami.Model:
    """What is promised here holds on any model."""
    return little


PEOPLE = [
    Session(
        name,
        PRESETS[preset].apply(Settings(seed=seed, max_tokens=12)),
        Sending(template, system, memory),
        (Exchange("Hello.", "Hello! How can I help?"),) * (seed % 3),
    )
    for seed, (name, preset, template, system, memory) in enumerate(
        [
            ("moon", "defaults", None, "", None),
            ("sea", "greedy", None, "", None),
            ("wind", "creative", "llama2", "You are a poet.", None),
            ("cat", "mirostat", None, "", 1),
            ("dog", "precise", "llama2", "", 0),
            ("rain", "balanced", None, "Be brief.", 0),
            ("hill", "neutral", None, "", None),
            ("bread", "contrastive", None, "", None),
        ]
    )
]


def at_once(*calls: Callable[[], object]) -> None:
    """Run all at the same time; an error of any is raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        gate.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001  (a thread's error would be lost)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_eight_sessions_at_once_get_what_each_gets_alone(model: tsumami.Model) -> None:
    alone = {person.name: person.talk(model, Tasks[Any]())[0] for person in PEOPLE}
    sessions, together = Tasks[Any](), {}

    def talk(person: Session) -> None:
        together[person.name] = person.talk(model, sessions)[0]

    at_once(*(lambda person=person: talk(person) for person in PEOPLE))
    assert together == alone
    assert all(all(replies) for replies in alone.values()), "who says nothing compares nothing"
    assert sessions.active == 0


def test_a_session_that_stops_or_goes_away_disturbs_nobody(model: tsumami.Model) -> None:
    quiet = PEOPLE[:3]
    alone = {person.name: person.talk(model, Tasks[Any]())[0] for person in quiet}
    sessions, together = Tasks[Any](), {}
    endless = Session(
        "endless", Settings(seed=1, max_tokens=0, logit_bias={0: float("-inf"), 2: float("-inf")}), Sending()
    )

    def talk(person: Session) -> None:
        together[person.name] = person.talk(model, sessions)[0]

    def stopped() -> None:
        growings = endless.ask(model, Conversation().ask("Count."), sessions)
        for _ in range(3):
            next(growings)
        assert sessions.stop("endless")
        assert list(growings)[-1].done

    def gone() -> None:
        away = Session("gone", endless.settings, Sending()).ask(model, Conversation().ask("Count on."), sessions)
        for _ in range(3):
            next(away)
        away.close()

    at_once(*(lambda person=person: talk(person) for person in quiet), stopped, gone)
    assert together == alone
    assert sessions.active == 0


def test_first_tokens_take_at_most_three_times_the_work_of_one(
    model: tsumami.Model, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A class opens the page at a lesson's beginning: all have the same system prompt, which the engine has not seen
    yet, and each asks something else. The last of the first tokens comes when all eight prompts are computed, so what
    counts is how many tokens that is: what they have in common is computed once. Seconds are recorded, not judged: they
    are another process's as much as ours.
    """
    settings = Settings(seed=1, max_tokens=2)
    sessions = Tasks[Any]()

    def first(session: str, lesson: str, question: str) -> tuple[int, float]:
        sending = Sending(system=f"Lesson {lesson}. " + "You are a helpful poet of the sea and the hills. " * 6)
        begun = time.monotonic()
        growing = Session(session, settings, sending).ask(model, Conversation().ask(question), sessions)
        next(growing)
        waited = time.monotonic() - begun
        facts = [*growing][-1].conversation.exchanges[-1].facts
        assert facts is not None
        return facts.prompt_tokens - facts.reused, waited

    def crowd(lesson: str) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        at_once(*(lambda n=n: found.append(first(f"s{n}", lesson, f"Say {n} in words.")) for n in range(CROWD)))
        assert len(found) == CROWD
        return found

    alone, waited = first("s", "alone", "Say 8 in words.")
    together = crowd("together")
    assert alone > 60
    assert sum(computed for computed, _ in together) <= MOST_TIMES * alone, together
    record_testsuite_property(
        "first token of eight at once / of one alone", round(max(wait for _, wait in together) / waited, 2)
    )
