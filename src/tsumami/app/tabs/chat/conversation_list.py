"""The conversations of the history, to be gone on with, named and forgotten; where nothing is kept it is not there.

Guarantee: the list is asked for when somebody unfolds it, and again after what changes it, as long as it is open. What
was forgotten can be brought back until the page is left or something else is forgotten; it lies in memory only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import gradio as gr

from tsumami.app.parts.events import AT_ONCE, QUICK
from tsumami.app.parts.gradio_seams import AS_TEXT, data_of
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import tell_not_kept
from tsumami.app.tabs.chat import log, view
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation
from tsumami.app.work.keeping import Keeping
from tsumami.app.work.kept import Kept
from tsumami.app.work.notebook import Notebook, on_page, place_on_page
from tsumami.app.work.tasks import Tasks, session_of
from tsumami.history import ConversationPlace, ForgottenConversation
from tsumami.runs import Stream

_TEMPLATE: Final = (
    "<details hidden><summary></summary><input type='search' autocomplete='off'>"
    "<ul></ul><p role='status'></p></details>"
)
_WORDS: Final = ("title", "search", "none", "unnamed", "here", "rename", "forget", "forgotten", "bring_back")
_LOOK: Final = "() => { document.querySelector('#talks details[open]')?.dispatchEvent(new Event('toggle')); }"


def build(texts: Texts) -> gr.HTML:
    """The component: `expand` fires when it is to be filled, `select`, `edit` and `delete` with the `key` of one and
    its new `name`, `undo` when what was forgotten is to come back.
    """
    words = json.dumps({name: texts(f"talks.{name}") for name in _WORDS}, ensure_ascii=False)
    return gr.HTML(
        value={"on": False, "talks": []},
        html_template=_TEMPLATE,
        js_on_load=f"const words = {words};\n{script(__name__, 'conversation_list.js')}",
        apply_default_css=False,
        elem_id="talks",
        **AS_TEXT,
    )


@dataclass(slots=True)
class ConversationList:
    """The work behind the component. replies: what sessions have under way."""

    texts: Texts
    history: Keeping
    replies: Tasks[Stream]
    _forgotten: Kept[ForgottenConversation] = field(default_factory=Kept)

    def wire(self, talks: gr.HTML, store: gr.HTML, chat: gr.HTML) -> None:
        """Connect the component. store: the window's conversation; chat: where it is drawn."""
        talks.expand(self.on_list, [store], [talks], **AT_ONCE)
        talks.select(self.on_open, None, [chat, store, talks], **QUICK)
        talks.edit(self.on_name, [store], [talks], **QUICK)
        talks.delete(self.on_forget, [store], [chat, store, talks], **QUICK)
        talks.undo(self.on_undo, [store], [talks], **QUICK)

    def after(self, event: Any) -> None:
        """Look anew when this event has ended, if the list is open."""
        event.then(None, js=_LOOK, **AT_ONCE)

    def leave(self, session: str) -> None:
        """The page was closed."""
        self._forgotten.forget(session)

    def on_list(self, request: gr.Request, stored: Any) -> dict[str, Any]:
        """All of them."""
        return self._listed(Notebook.of(self.history, request), place_on_page(stored), request)

    def on_open(self, event: gr.EventData, request: gr.Request) -> tuple[Any, Any, Any]:
        """Go on with one of them."""
        self.replies.drop(session_of(request))
        notes = Notebook.of(self.history, request)
        return self._turned_to(notes, notes.named(str(data_of(event)["key"])), request)

    def on_name(self, event: gr.EventData, request: gr.Request, stored: Any) -> dict[str, Any]:
        """Give one a name."""
        notes, data = Notebook.of(self.history, request), data_of(event)
        notes.name(str(data["key"]), str(data["name"]).strip())
        return self._listed(notes, place_on_page(stored), request)

    def on_forget(self, event: gr.EventData, request: gr.Request, stored: Any) -> tuple[Any, Any, Any]:
        """Forget one; if it is the one that is shown, a new one begins."""
        notes, key = Notebook.of(self.history, request), str(data_of(event)["key"])
        here, session = place_on_page(stored), session_of(request)
        shown = here is not None and here.key == key
        if shown:
            self.replies.drop(session)
        gone = notes.forget(key)
        if gone is not None:
            self._forgotten.put(session, gone)
        if shown:
            return self._turned_to(notes, Conversation(), request)
        return gr.skip(), gr.skip(), self._listed(notes, here, request)

    def on_undo(self, request: gr.Request, stored: Any) -> dict[str, Any]:
        """Bring back what was forgotten last."""
        notes, session = Notebook.of(self.history, request), session_of(request)
        gone = self._forgotten.get(session)
        if gone is not None:
            notes.bring_back(gone)
            self._forgotten.forget(session)
        return self._listed(notes, place_on_page(stored), request)

    def _turned_to(self, notes: Notebook, conversation: Conversation, request: gr.Request) -> tuple[Any, Any, Any]:
        chat = log.shown(view.talk(self.texts, conversation), cleared=False)
        return chat, on_page(conversation), self._listed(notes, conversation.place, request)

    def _listed(self, notes: Notebook, shown: ConversationPlace | None, request: gr.Request) -> dict[str, Any]:
        here = None if shown is None else shown.key
        talks = [
            {"key": one.key, "name": one.name, "when": f"{one.when:%Y-%m-%d %H:%M}", "here": one.key == here}
            for one in notes.all()
        ]
        tell_not_kept(self.texts, self.history, request)
        return {"on": True, "talks": talks, "gone": self._forgotten.get(session_of(request)) is not None}
