"""Replying: from a conversation to its next reply, as it grows.

Guarantee: whatever happens while a reply is written (stop, a lost connection, an error), what was said stays in the
conversation, and the place in the engine is given back.
No Gradio here, so that the page, its API and the tests share one path.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tsumami.app.work.conversation import Conversation, Outlook, ReplyFacts, outlook
from tsumami.app.work.keeping import Keeper, ReplyRecord
from tsumami.app.work.tasks import Asked
from tsumami.app.work.thoughts import Thoughts
from tsumami.explain.tokens import Fork
from tsumami.history import ChatTurn, History, SaidBefore, told
from tsumami.model import Model, ThereReply
from tsumami.prompts import Exchange
from tsumami.runs import Prompt, Stream
from tsumami.runs.going_on import longer
from tsumami.runs.making import Pace
from tsumami.runs.possible import check_possible
from tsumami.settings import Settings

_TAIL = 64  # tokens of a prompt
_LEAST_SECONDS = 0.05  # between two updates of a page: faster than the eye, slower than the tokens


@dataclass(frozen=True, slots=True)
class Sending:
    """How a conversation is turned into a prompt: the format's name (None: the model's own), the system prompt, and the
    memory in exchanges (None: the format's default, below 0: everything), and whether the names of special tokens in
    messages are read as these (None: only in raw).
    """

    template: str | None = None
    system: str = ""
    memory: int | None = None
    parse_special: bool | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """A reply on its way: the conversation so far, the new text since the last one, whether it is done, and what of the
    text is to be spoken (None: all of it): what it thinks is not.
    """

    conversation: Conversation
    new_text: str
    done: bool
    spoken: str | None = None


def ahead(model: Model, conversation: Conversation, sending: Sending, settings: Settings | None = None) -> Outlook:
    """The prompt of a conversation that is sent like this."""
    return outlook(
        model,
        conversation,
        template=sending.template,
        system=sending.system,
        memory=sending.memory,
        parse_special=sending.parse_special,
        settings=settings,
    )


@dataclass(frozen=True, slots=True)
class _ChosenThere:
    """A reply that a server elsewhere has chosen, and the conversation with it."""

    conversation: Conversation
    reply: ThereReply


def reply(
    model: Model,
    conversation: Conversation,
    settings: Settings,
    sending: Sending,
    *,
    asked: Asked[Stream],
    keeper: Keeper | None = None,
    fork: Fork | None = None,
) -> Iterator[Growing]:
    """Write the reply to the last message, or go on with the last reply if there is one; `keeper` keeps it. fork: what
    the reply to the last message parts from, whatever the settings are.

    Yields at most every 50 ms, and a last time when it is done, with the facts; nothing if it was stopped before it
    could begin, and nothing more once it is dropped.

    Raises:
        TsumamiError: before the first yield, if it cannot begin (the prompt is too long, say).
        RemoteError: after the last one, if a server that chose by itself broke off.
    """
    keeper = keeper or Keeper()
    if fork is not None:
        prompt, settings = fork.prompt, fork.settings
    else:
        prompt = ahead(model, conversation, sending, settings).prompt
        if prompt.begun:
            settings = longer(model, prompt, _with_seed_of(conversation, settings))
    if asked.stopped:
        return
    turn = _turn(conversation, sending, prompt.begun, keeper)
    there, kept = None, conversation.kept
    if fork is None and model.chooses_there and _can_choose(model, conversation, prompt, settings):
        there = yield from _chosen_there(model, conversation, prompt, settings, asked)
        if there is None:
            return
        conversation, (prompt, settings) = there.conversation, there.reply.as_prompt()
    with model.stream(prompt, settings) as stream, keeper.reply(stream, turn, kept) as record:
        asked.begin(stream)
        thoughts = Thoughts(model.thinking, [model.tokenizer.piece(token) for token in prompt.tokens[-_TAIL:]])
        for growing in _grow(stream, conversation, prompt.begun, thoughts, record):
            if asked.dropped:
                return
            yield growing if there is None else _as_fast(growing, there.reply)
    if there is not None and there.reply.error is not None:
        raise there.reply.error


def _can_choose(model: Any, conversation: Conversation, prompt: Prompt, settings: Settings) -> bool:
    """Whether a server elsewhere can choose this reply: it has all knobs that are turned, and what there is of the
    reply are tokens. If not, our chain chooses from its rows.
    """
    as_text = conversation.exchanges[-1].reply and not prompt.begun
    return not (as_text or prompt.healing or model.lost_there(settings))


def _chosen_there(
    model: Any, conversation: Conversation, prompt: Prompt, settings: Settings, asked: Asked[Any]
) -> Generator[Growing, None, _ChosenThere | None]:
    """Let a server elsewhere choose the reply by itself, and show it as it comes; returns what a run is to be made of.
    None: nothing is to be computed, because it was stopped or no token is known.
    """
    check_possible(model, settings)
    begun = text = conversation.exchanges[-1].reply.rstrip("\ufffd")
    told, pace, silent = len(text), Pace(_LEAST_SECONDS), None if model.thinking is None else ""
    with model.there(prompt, settings) as stream:
        asked.begin(stream)
        for new in stream:
            text += new
            if asked.dropped:
                return None
            if pace.due():
                yield Growing(conversation.answered(text), text[told:], done=False, spoken=silent)
                told = len(text)
                pace.looked()
        reply = stream.reply
    tokens = prompt.begun + reply.tokens
    grown = conversation.answered(begun + reply.text, None, tokens if len(reply.tokens) == reply.count else None)
    computed = bool(reply.tokens) and not asked.stopped
    yield Growing(grown, text[told:], done=not computed, spoken=silent)
    return _ChosenThere(grown, reply) if computed else None


def _as_fast(growing: Growing, reply: ThereReply) -> Growing:
    """The same, with the speed that the reply had: its run was computed afterwards."""
    last = growing.conversation.exchanges[-1]
    if last.facts is None:
        return growing
    facts = replace(last.facts, generation_per_second=reply.tokens_per_second)
    return replace(growing, conversation=growing.conversation.answered(last.reply, facts, last.tokens, last.thought))


def _with_seed_of(conversation: Conversation, settings: Settings) -> Settings:
    """The settings with the rolls that the last reply had, unless others were asked for."""
    facts = conversation.exchanges[-1].facts
    return settings if facts is None or settings.seed >= 0 else settings.replace(seed=facts.seed)


def _turn(conversation: Conversation, sending: Sending, led: tuple[int, ...], keeper: Keeper) -> ChatTurn:
    """What is answered, for whoever goes on from it later."""
    last = conversation.exchanges[-1]
    again = last.facts is not None and last.facts.kept != ""
    before = keeper.safely(lambda store: _before(store, conversation, again))
    begun = "" if led else last.reply
    return ChatTurn(last.user, sending.system or None, sending.memory, begun, again, last.own, last.chosen, before)


def _before(store: History, conversation: Conversation, again: bool) -> tuple[SaidBefore, ...] | None:
    """What was said before the last message; None where it is what the reply before says."""
    line = told(store, conversation.kept if conversation.kept and store.has(conversation.kept) else None)
    said = tuple(_said_before(one) for one in conversation.exchanges[:-1])
    return None if said == (line[:-1] if again else line) else said


def _said_before(one: Exchange[ReplyFacts]) -> SaidBefore:
    kept = "" if one.facts is None else one.facts.kept
    return SaidBefore(kept) if kept else SaidBefore("", one.user, one.reply, one.own)


def _grow(
    stream: Stream, conversation: Conversation, led: tuple[int, ...], thoughts: Thoughts, record: ReplyRecord
) -> Iterator[Growing]:
    """`led`: the tokens with which the stream begins because they were there before."""
    begun = conversation.exchanges[-1].reply
    known = bool(led) or not begun  # else an earlier part went into the prompt, and its ids are not at hand
    begun = begun.rstrip("\ufffd") if led else begun  # an earlier version kept half a character like this
    text, ids, told, pace = "" if led else begun, list[int](), len(begun), Pace(_LEAST_SECONDS)
    before, heard = len(text), len(begun)
    for step in stream:
        text += step.text
        ids.append(step.id)
        thoughts.take(step)
        record.take(step)
        shown = len(ids) > len(led) and not text.endswith("\ufffd")  # which may be half a character at the end
        if shown and len(text) > told and pace.due():
            heard, spoken = _heard(text, heard, before, thoughts)
            grown = conversation.answered(text, None, tuple(ids) if known else None, _thought(thoughts, before))
            yield Growing(grown, text[told:], done=False, spoken=spoken)
            told = len(text)
            pace.looked()
    run = stream.run
    made = run.reply
    said, tokens = (made.content, made.tokens) if led else (begun + made.content, made.tokens if known else None)
    if not said.startswith(begun):  # a constraint forbids what there is already: it stays all the same
        said, tokens = begun, led
    characters, count = _thought(thoughts, before)
    thought = min(characters, len(said)), count
    _, spoken = _heard(said, heard, before, thoughts, last=True)
    facts = ReplyFacts.of(run, record.end(run))
    yield Growing(conversation.answered(said, facts, tokens, thought), said[told:], done=True, spoken=spoken)


def _thought(thoughts: Thoughts, before: int) -> tuple[int, int]:
    """How much of the reply is thinking; what went into the prompt is before it."""
    return (before + thoughts.characters, thoughts.tokens) if thoughts.tokens else (0, 0)


def _heard(text: str, heard: int, before: int, thoughts: Thoughts, *, last: bool = False) -> tuple[int, str]:
    """How far the text has been spoken, and what is to be spoken now: of a reply that may still think, nothing."""
    if not thoughts.answers and not (last and not thoughts.tokens):
        return heard, ""
    start = max(heard, before + thoughts.characters if thoughts.tokens else heard)
    return max(len(text), heard), text[start:]
