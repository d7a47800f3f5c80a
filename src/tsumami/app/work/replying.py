"""Replying: from a conversation to its next reply, as it grows.

Guarantee: whatever happens while a reply is written (stop, a lost connection, an error), what was said stays in the
conversation, and the place in the engine is given back. One reply at a time per session: a new one ends the old one.
No Gradio here, so that the page, its API and the tests share one path.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tsumami.app.work.conversation import Conversation, ReplyFacts, outlook
from tsumami.model import Model
from tsumami.runs import Stream
from tsumami.runs.making import Pace
from tsumami.settings import Settings

_LEAST_SECONDS = 0.05  # between two updates of a page: faster than the eye, slower than the tokens
_PATIENCE_SECONDS = 2.0  # for a dropped reply to end; it ends at its next token


@dataclass(frozen=True, slots=True)
class Sending:
    """How a conversation is turned into a prompt: the format's name (None: the model's own), the system prompt, and the
    memory in exchanges (None: the format's default, below 0: everything).
    """

    template: str | None = None
    system: str = ""
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """A reply on its way: the conversation so far, the new text since the last one, and whether it is done."""

    conversation: Conversation
    new_text: str
    done: bool


class UnderWay(Protocol):
    """What can be stopped: a stream, or the lanes of a comparison."""

    def cancel(self) -> None:
        """Stop as soon as the present batch is done."""


class Sessions:
    """Which stream belongs to which session, so that it can be stopped from another event."""

    def __init__(self) -> None:
        self._streams: dict[str, UnderWay] = {}
        self._dropped: set[UnderWay] = set()
        self._lock = threading.Condition()

    def begin(self, session: str, stream: UnderWay) -> None:
        """Note the stream of a session; an older one is cancelled."""
        with self._lock:
            old, self._streams[session] = self._streams.get(session), stream
        if old is not None:
            old.cancel()

    def stop(self, session: str) -> bool:
        """Cancel the session's stream; False if there is none."""
        with self._lock:
            stream = self._streams.get(session)
        if stream is not None:
            stream.cancel()
        return stream is not None

    def drop(self, session: str) -> None:
        """Cancel the session's stream and wait until its reply, which says nothing more, is over: what is shown next
        cannot be painted over by it.
        """
        with self._lock:
            stream = self._streams.get(session)
            if stream is None:
                return
            self._dropped.add(stream)
            stream.cancel()
            self._lock.wait_for(lambda: self._streams.get(session) is not stream, _PATIENCE_SECONDS)

    def dropped(self, stream: UnderWay) -> bool:
        """Whether nobody wants to see this stream any more."""
        with self._lock:
            return stream in self._dropped

    def end(self, session: str, stream: UnderWay) -> None:
        """Forget a stream that is over."""
        with self._lock:
            self._dropped.discard(stream)
            if self._streams.get(session) is stream:
                del self._streams[session]
            self._lock.notify_all()

    @property
    def active(self) -> int:
        """How many streams are running."""
        with self._lock:
            return len(self._streams)


def reply(
    model: Model, conversation: Conversation, settings: Settings, sending: Sending, *, sessions: Sessions, session: str
) -> Iterator[Growing]:
    """Write the reply to the last message, or go on with the last reply if there is one.

    Yields at most every 50 ms, and a last time when it is done, with the facts.

    Raises:
        TsumamiError: before the first yield, if it cannot begin (the prompt is too long, say).
    """
    begun = conversation.exchanges[-1].reply
    prompt = outlook(
        model, conversation, template=sending.template, system=sending.system, memory=sending.memory
    ).prompt
    with model.stream(prompt, settings) as stream:
        sessions.begin(session, stream)
        try:
            for growing in _grow(stream, conversation, begun):
                if sessions.dropped(stream):
                    return
                yield growing
        finally:
            sessions.end(session, stream)


def _grow(stream: Stream, conversation: Conversation, begun: str) -> Iterator[Growing]:
    text, new, pace = begun, "", Pace(_LEAST_SECONDS)
    for step in stream:
        text += step.text
        new += step.text
        if new and pace.due():
            yield Growing(conversation.answered(text), new, done=False)
            new = ""
            pace.looked()
    run = stream.run
    whole = begun + run.text
    rest = new + whole[len(text) :]
    yield Growing(conversation.answered(whole, ReplyFacts.of(run)), rest, done=True)
