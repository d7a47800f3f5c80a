"""Replying: from a conversation to its next reply, as it grows.

Guarantee: whatever happens while a reply is written (stop, a lost connection, an error), what was said stays in the
conversation, and the place in the engine is given back.
No Gradio here, so that the page, its API and the tests share one path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsumami.app.work.conversation import Conversation, ReplyFacts, outlook
from tsumami.app.work.tasks import Asked
from tsumami.model import Model
from tsumami.runs import Stream
from tsumami.runs.going_on import longer
from tsumami.runs.making import Pace
from tsumami.settings import Settings

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
    """A reply on its way: the conversation so far, the new text since the last one, and whether it is done."""

    conversation: Conversation
    new_text: str
    done: bool


def reply(
    model: Model, conversation: Conversation, settings: Settings, sending: Sending, *, asked: Asked[Stream]
) -> Iterator[Growing]:
    """Write the reply to the last message, or go on with the last reply if there is one.

    Yields at most every 50 ms, and a last time when it is done, with the facts; nothing if it was stopped before it
    could begin, and nothing more once it is dropped.

    Raises:
        TsumamiError: before the first yield, if it cannot begin (the prompt is too long, say).
    """
    prompt = outlook(
        model,
        conversation,
        template=sending.template,
        system=sending.system,
        memory=sending.memory,
        parse_special=sending.parse_special,
        stop=settings.stop,
    ).prompt
    if prompt.begun:
        settings = longer(model, prompt, _with_seed_of(conversation, settings))
    if asked.stopped:
        return
    with model.stream(prompt, settings) as stream:
        asked.begin(stream)
        for growing in _grow(stream, conversation, prompt.begun):
            if asked.dropped:
                return
            yield growing


def _with_seed_of(conversation: Conversation, settings: Settings) -> Settings:
    """The settings with the rolls that the last reply had, unless others were asked for."""
    facts = conversation.exchanges[-1].facts
    return settings if facts is None or settings.seed >= 0 else settings.replace(seed=facts.seed)


def _grow(stream: Stream, conversation: Conversation, led: tuple[int, ...]) -> Iterator[Growing]:
    """`led`: the tokens with which the stream begins because they were there before."""
    begun = conversation.exchanges[-1].reply
    known = bool(led) or not begun  # else an earlier part went into the prompt, and its ids are not at hand
    begun = begun.rstrip("\ufffd") if led else begun  # an earlier version kept half a character like this
    text, ids, told, pace = "" if led else begun, list[int](), len(begun), Pace(_LEAST_SECONDS)
    for step in stream:
        text += step.text
        ids.append(step.id)
        shown = len(ids) > len(led) and not text.endswith("\ufffd")  # which may be half a character at the end
        if shown and len(text) > told and pace.due():
            yield Growing(conversation.answered(text, tokens=tuple(ids) if known else None), text[told:], done=False)
            told = len(text)
            pace.looked()
    run = stream.run
    made = run.message
    said, tokens = (made.content, made.tokens) if led else (begun + made.content, made.tokens if known else None)
    if not said.startswith(begun):  # a constraint forbids what there is already: it stays all the same
        said, tokens = begun, led
    yield Growing(conversation.answered(said, ReplyFacts.of(run), tokens), said[told:], done=True)
