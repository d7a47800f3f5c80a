"""Putting a reply into one's own words, branching off, and taking an exchange out of the middle.

Guarantee: nothing is lost by it. What a reader wrote stands beside what the model wrote and is marked as theirs; a
branch is a conversation of its own in the list, and the one that it comes from stays there; what was taken out can be
brought back, one after the other, until the conversation goes on or the page is left.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import gradio as gr

from tsumami.app.parts.events import QUICK
from tsumami.app.parts.gradio_seams import data_of
from tsumami.app.parts.telling import say
from tsumami.app.tabs.chat.parts import ChatParts, Shown
from tsumami.app.tabs.chat.showing import Showing
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.kept import Kept
from tsumami.app.work.notebook import Notebook, on_page, opened
from tsumami.app.work.tasks import Tasks, session_of
from tsumami.runs import Stream

_MOST_BACK: Final = 10  # exchanges that can be brought back


class Deletion(NamedTuple):
    """A conversation before and after something was taken out of it."""

    before: Conversation
    after: Conversation


@dataclass(slots=True)
class Rewriting:
    """The work behind the log's buttons that change what was said without the model. replies: what is under way."""

    texts: Texts
    history: Keeping
    replies: Tasks[Stream]
    _deletions: Kept[tuple[Deletion, ...]] = field(default_factory=Kept)

    def wire(self, parts: ChatParts) -> Any:
        """Connect the log; gives the event."""
        return parts.chat.input(self.on_change, [parts.desk.store], parts.outputs, **QUICK)

    def leave(self, session: str) -> None:
        """The page was closed."""
        self._deletions.forget(session)

    def on_change(self, event: gr.EventData, request: gr.Request, stored: Any) -> Shown:
        """Do what a button of a message says."""
        self.replies.drop(session_of(request))
        data, conversation = data_of(event), opened(self.history, request, stored)
        if data["do"] == "bring_back":
            return self._brought_back(conversation, request)
        number = int(data["exchange"])
        if not 0 <= number < len(conversation):  # the page was faster than its server
            return Shown()
        match data["do"]:
            case "rewrite":
                return self._rewritten(conversation, number, str(data["value"]), request)
            case "branch":
                return self._branched(conversation, number, request, asked=bool(data["asked"]))
            case "delete":
                return self._deleted(conversation, number, request)
        return Shown()

    def _rewritten(self, conversation: Conversation, number: int, text: str, request: gr.Request) -> Shown:
        said = conversation.exchanges[number]
        if not text.strip():
            say(self.texts("log.rewrite_empty"))
            return Shown()
        if text == said.answer:
            return Shown()
        return self._show(conversation.rewritten(number, text), request)

    def _branched(self, conversation: Conversation, number: int, request: gr.Request, *, asked: bool) -> Shown:
        """`asked`: branch before the message, which goes into the box."""
        if not self.history.keeps(request):
            say(self.texts("talks.no_branch"))
            return Shown()
        notes = Notebook.of(self.history, request)
        name = notes.name_of(conversation) or conversation.exchanges[0].user
        message = conversation.exchanges[number].user if asked else None
        made = notes.saved(conversation.branched(number - 1 if asked else number))
        if made.place is not None:
            notes.name(made.place.key, self.texts("talks.branch_of", name=name))
        say(self.texts("talks.branched"))
        chat = Showing(self.texts).turned_to(made)
        return Shown(chat, on_page(made), gr.skip() if message is None else message)

    def _deleted(self, conversation: Conversation, number: int, request: gr.Request) -> Shown:
        less = conversation.without(number)
        return self._show(less, request, gone=self.taken_out(conversation, less, request))

    def _brought_back(self, conversation: Conversation, request: gr.Request) -> Shown:
        back = self._back(conversation, request)
        if not back:
            say(self.texts("log.cannot_bring_back"))
            return Shown()
        *earlier, last = back
        self._deletions.put(session_of(request), tuple(earlier))
        again = Conversation(last.before.exchanges, conversation.place)
        return self._show(again, request, gone=uuid.uuid4().hex if earlier else "")

    def taken_out(self, before: Conversation, after: Conversation, request: gr.Request) -> str:
        """Note that something was taken out; gives a name for it."""
        back = (*self._back(before, request), Deletion(before, after))
        self._deletions.put(session_of(request), back[-_MOST_BACK:])
        return uuid.uuid4().hex

    def _back(self, conversation: Conversation, request: gr.Request) -> tuple[Deletion, ...]:
        """What led to a conversation by taking out; nothing, if it has gone on since."""
        back = self._deletions.get(session_of(request)) or ()
        return back if back and back[-1].after.exchanges == conversation.exchanges else ()

    def _show(self, conversation: Conversation, request: gr.Request, *, gone: str = "") -> Shown:
        return Showing(self.texts).of(conversation, keep=Notebook.of(self.history, request), gone=gone)
