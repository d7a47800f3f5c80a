"""Talks: a conversation as it was, from the replies that are kept of it.

Guarantee: what is given is what whoever talked would have seen: an edit or a reply that was made again is another
branch, and of a reply that was gone on with there is the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tsumami.errors import HistoryError
from tsumami.history.entries import ChatTurn, Entry, SaidBefore
from tsumami.prompts import Exchange, Talk
from tsumami.runs import Run

if TYPE_CHECKING:
    from tsumami.history.store import History

__all__ = ["RememberedReply", "remembered", "talk", "told"]


@dataclass(frozen=True, slots=True)
class RememberedReply:
    """A reply as it lies in the history; `turn` is None where an older tsumami kept it."""

    entry: Entry
    run: Run
    turn: ChatTurn | None


def talk(store: History, key: str) -> Talk[RememberedReply]:
    """The conversation that an entry is the last reply of.

    Raises:
        HistoryError: there is no such entry, or it is no reply of a chat.
    """
    made: Talk[RememberedReply] = Talk()
    for entry in store.line(key):
        found = _found(store, entry)
        if entry.kind != "chat" and found.turn is None:
            raise HistoryError(f"{entry.key} is no reply of a chat, so there is none to go on with").in_japanese(
                f"{entry.key} はチャットの返事ではないので、続きを話せません"
            )
        if found.turn is not None and found.turn.before is not None:
            made = _as_said(store, found.turn.before)
        made = _answered(made, found)
    return made


def remembered(store: History, key: str) -> Exchange[RememberedReply]:
    """A reply by itself, with the message that it answers.

    Raises:
        HistoryError: there is no such entry, or it is no run.
    """
    return _answered(Talk(), _found(store, store.entry(key))).exchanges[-1]


def told(store: History, key: str | None) -> tuple[SaidBefore, ...]:
    """The conversation that `talk` gives, without what was said in replies that are kept. None: nothing was said.

    Raises:
        HistoryError: there is no such entry.
    """
    said: tuple[SaidBefore, ...] = ()
    for one, turn in () if key is None else store.turns(key):
        if turn.before is not None:
            said = turn.before
        elif turn.again:
            said = said[:-1]
        said = (*said, SaidBefore(one))
    return said


def _as_said(store: History, before: tuple[SaidBefore, ...]) -> Talk[RememberedReply]:
    """What was said before a reply, without what was forgotten since."""
    made: Talk[RememberedReply] = Talk()
    for one in before:
        if not one.kept:
            made = Talk((*made.exchanges, Exchange(one.user, one.reply, own=one.own)))
        elif store.has(one.kept):
            made = Talk((*made.exchanges, remembered(store, one.kept)))
    return made


def _found(store: History, entry: Entry) -> RememberedReply:
    return RememberedReply(entry, store.get(entry.key), store.turn(entry.key))


def _answered(made: Talk[RememberedReply], found: RememberedReply) -> Talk[RememberedReply]:
    """The conversation with one reply more."""
    run, turn = found.run, found.turn or ChatTurn(found.entry.asked)
    said, begun = run.reply, turn.begun
    thought = (0, 0) if run.thought is None else _thought(run, run.thought.steps, begun)
    again = turn.again and turn.before is None
    asked = made.without_last().ask(turn.user) if again else made.ask(turn.user)
    answered = asked.answered(begun + said.content, found, None if begun else said.tokens, thought)
    last = replace(answered.exchanges[-1], own=turn.own, chosen=turn.chosen)
    return replace(answered, exchanges=(*answered.exchanges[:-1], last))


def _thought(run: Run, tokens: int, begun: str) -> tuple[int, int]:
    """How many characters and tokens of a reply are thinking."""
    characters = sum(len(step.text) for step in run.steps[:tokens])
    return len(begun) + min(characters, len(run.reply.content)), tokens
